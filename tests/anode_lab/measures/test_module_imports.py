"""The imports that are read from sources are those that Python makes."""

import sys
from pathlib import Path

import pytest

import anode
from anode_lab.measures.module_imports import imports, in_order, purposes


def test_every_module_is_there_with_its_purpose() -> None:
    found = purposes()
    names = {path.stem for path in Path(anode.__file__).parent.iterdir() if path.suffix == ".py"}
    assert {"anode.solve", "anode_lab.claims", "anode_lab.cli"} <= found.keys()
    assert {f"anode.{name}" for name in names if not name.startswith("_")} <= found.keys()
    assert all(purpose.endswith((".", "`")) for purpose in found.values()), "a sentence each"


def test_imports_are_those_of_the_loaded_modules() -> None:
    """What the sources say is what Python finds: names in a loaded module come from there."""
    found = imports()
    for name, others in found.items():
        assert name not in others
        own = [part for at, part in sys.modules.items() if at.startswith(name)]
        used = {
            getattr(value, "__module__", "") or ""
            for part in own
            for value in vars(part).values()
            if getattr(value, "__module__", "") != part.__name__
        }
        tops = {".".join(str(each).split(".")[:2]) for each in used} - {name}
        direct = {top for top in tops if top in found}
        # A name may have come through another module, so it is reached, if not imported.
        assert direct <= _reached(found, name), name


def _reached(found: dict[str, set[str]], name: str) -> set[str]:
    seen: set[str] = set()
    queue = [name]
    while queue:
        new = found[queue.pop()] - seen
        seen |= new
        queue += new
    return seen


def test_each_module_comes_after_all_that_it_imports() -> None:
    found = imports()
    order = in_order(found)
    assert sorted(order) == sorted(found)
    for name, others in found.items():
        assert all(order.index(other) < order.index(name) for other in others)


def test_a_circle_is_named() -> None:
    with pytest.raises(ValueError, match="in a circle: a, b, c"):
        in_order({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()})
