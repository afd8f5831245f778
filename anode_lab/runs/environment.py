"""Says in what this machine differs from those that made records, and what follows from that."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from anode_lab.runs.provenance import PACKAGES, VARIABLES, Provenance
from anode_lab.runs.store import DamagedError, parse, read_files

UNKNOWN = "not recorded"
UNSET = "not set"


class Effect(Enum):
    """What a difference does to the numbers of a training."""

    CODE = "other code, which may train differently"
    ROUNDING = "may round differently, and rounding grows with every step"
    NONE = "changes no number that we know of"


@dataclass(frozen=True)
class Difference:
    """One thing in which this machine is not the recorded one.

    Attributes:
        what: the thing.
        recorded, here: there and here.
        effect: on numbers.
    """

    what: str
    recorded: str
    here: str
    effect: Effect

    def __str__(self) -> str:
        return f"{self.what}: {self.recorded} there, {self.here} here; {self.effect.value}"


@dataclass(frozen=True)
class Environment:
    """Records that were made by the same code in the same surroundings.

    Attributes:
        made: how the first of them was made.
        paths: their JSON files.
        differences: of this machine.
    """

    made: Provenance
    paths: tuple[Path, ...]
    differences: tuple[Difference, ...]


def differences(made: Provenance, here: Provenance) -> list[Difference]:
    """In what ``here`` differs from what a record says of its own making.

    What only records from before it was kept lack is no difference, but for the processor. Threads
    are none: a training that is recorded uses one, whatever is set.
    """
    found = [
        Difference("code", made.numerics, here.numerics, Effect.CODE),
        Difference("device", made.device, here.device, Effect.ROUNDING),
        Difference("processor", made.processor or UNKNOWN, here.processor, Effect.ROUNDING),
        Difference("system", made.system, here.system, Effect.NONE),
    ]
    if made.gpu or here.gpu:
        found.append(Difference("GPU's libraries", made.gpu, here.gpu, Effect.ROUNDING))
    python, other = made.versions.get("python", UNKNOWN), here.versions.get("python", UNKNOWN)
    found.append(Difference("Python", python, other, Effect.NONE))
    kept = {name: made.versions[name] for name in PACKAGES if name in made.versions}
    there = made.packages or kept
    for name, version in there.items():
        installed = (here.packages | here.versions).get(name, "missing")
        effect = Effect.ROUNDING if name in (*PACKAGES, "scipy", "llvmlite") else Effect.NONE
        found.append(Difference(name, version, installed, effect))
    if made.packages:  # a record from then on knows of the variables too
        found += [
            Difference(
                name,
                made.environment.get(name, UNSET),
                here.environment.get(name, UNSET),
                Effect.ROUNDING,
            )
            for name in VARIABLES
        ]
    order = list(Effect)
    differing = [each for each in found if each.recorded != each.here]
    return sorted(differing, key=lambda each: order.index(each.effect))


def examine(folder: Path, here: Provenance, name: str | None = None) -> list[Environment]:
    """The environments in which a folder's records were made, the one with most records first.

    Args:
        folder: of a store.
        here: this machine.
        name: of an experiment; of all if left out.
    """
    groups: dict[str, list[tuple[Path, Provenance]]] = {}
    for path, made in _records(folder, name or "*"):
        # When, and for how long, is no part of an environment; nor is the commit, given the code.
        plain = made.as_dict() | {"started": "", "seconds": 0, "commit": ""}
        groups.setdefault(str(plain), []).append((path, made))
    found = [
        Environment(
            group[0][1],
            tuple(path for path, _ in group),
            tuple(differences(group[0][1], here)),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda each: -len(each.paths))


def requirements(made: Provenance) -> str:
    """The environment's packages as pip reads them; this package itself is left out."""
    python = made.versions.get("python", "")
    packages = made.packages or {k: v for k, v in made.versions.items() if k != "python"}
    pins = [
        # A build's label, as in 2.4.1+cpu, is no version that the public index has.
        f"{name}=={re.sub(r'[+].*', '', version)}"
        for name, version in packages.items()
        if name != "anode" and version != "missing"
    ]
    head = [f"# Python {python}; {made.system}; {made.processor or 'processor ' + UNKNOWN}"]
    if made.commit:
        head.append(f"# anode at commit {made.commit}")
    return "\n".join([*head, *pins]) + "\n"


def _records(folder: Path, name: str) -> Iterator[tuple[Path, Provenance]]:
    for path in _sorted(folder.glob(f"{name}/*.json")):
        try:
            files = read_files(path)
            if files is not None:
                yield path, Provenance(**parse(files)["provenance"])
        except (DamagedError, KeyError, TypeError):  # 'anode store verify' names these
            continue


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.parent.name != "search")
