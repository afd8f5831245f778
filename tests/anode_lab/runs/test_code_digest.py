"""The digest follows names and imports to all that code uses, and sees no more than that."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import anode_lab.runs.code_digest
from anode_lab.runs import syntax
from anode_lab.runs.code_digest import HOME, Code, sources

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ENTRY = "from anode import entry\nentry()"


class Tree:
    """Two packages of a few lines, in which the digest of what a source reaches is watched."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.write("anode/__init__.py", "from anode.door import entry")
        self.write("anode_lab/__init__.py", "")

    def write(self, name: str, text: str) -> None:
        (self.home / name).parent.mkdir(parents=True, exist_ok=True)
        (self.home / name).write_text(text)

    def digest(self, source: str = ENTRY) -> str:
        return Code(self.home).digest_of_source(source)

    def sees(self, name: str, text: str, source: str = ENTRY) -> bool:
        """Whether another text of a file changes the digest."""
        before, file = self.digest(source), self.home / name
        old = file.read_text() if file.exists() else None
        self.write(name, text)
        after = self.digest(source)
        if old is None:
            file.unlink()
        else:
            file.write_text(old)
        return before != after


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


PART = "from anode.part import f\n"
FOLLOWED = {
    "a name": f"{PART}def entry(): return f()",
    "a name inside a function": "def entry():\n    from anode.part import f\n    return f()",
    "another name for it": "from anode.part import f as g\ndef entry(): return g()",
    "an attribute of a module": "from anode import part\ndef entry(): return part.f()",
    "an attribute of a package": "import anode.part\ndef entry(): return anode.part.f()",
    "a relative import": "from .part import f\ndef entry(): return f()",
    "a module as an object": "from anode import part\ndef entry(): return getattr(part, 'f')()",
    "a constant that has it": f"{PART}TABLE = {{1: f}}\ndef entry(): return TABLE[1]()",
    "a default": f"{PART}def entry(g=f): return g()",
    "a decorator": f"{PART}@f\ndef entry(): pass",
    "a base": f"{PART}class entry(f): pass",
    "a method's body": f"{PART}class entry:\n    def g(self): return f()",
    "an annotation": f"{PART}def entry(x: f): return x.y()",
    "a condition": f"if 1:\n    {PART}else:\n    f = 0\ndef entry(): return f()",
    "a statement that binds nothing": f"{PART}f()\ndef entry(): pass",
    "a table that is filled": f"{PART}T = {{}}\nT[1] = f\ndef entry(): return T[1]()",
    "a star": "from anode.part import *\ndef entry(): return f()",
    "a module's name in a string": "def entry(): return load('anode.part')",
}


@pytest.mark.parametrize("door", FOLLOWED.values(), ids=FOLLOWED)
def test_what_is_used_counts_and_what_stands_beside_it_does_not(tree: Tree, door: str) -> None:
    tree.write("anode/door.py", door)
    tree.write(
        "anode/part.py", "from anode.deep import g\ndef f(): return g()\ndef other(): return 1"
    )
    tree.write("anode/deep.py", "def g(): return 1")
    tree.write("anode/aside.py", "def h(): return 1")
    assert tree.sees("anode/part.py", "from anode.deep import g\ndef f(): return g() + 1")
    assert tree.sees("anode/deep.py", "def g(): return 2")
    assert not tree.sees("anode/aside.py", "def h(): return 2")
    if not any(word in door for word in ("getattr", "*", "'anode.part'")):
        others = "from anode.deep import g\ndef f(): return g()\ndef other(): return 2\nx = 1"
        assert not tree.sees("anode/part.py", others)


def test_comments_docstrings_layout_and_names_of_files_do_not_count(tree: Tree) -> None:
    tree.write("anode/door.py", "from anode.part import f\ndef entry(): return f(1)")
    tree.write("anode/part.py", "def f(x): return x")
    before = tree.digest()
    assert not tree.sees(
        "anode/part.py",
        '"""A module."""\n\ndef f(\n    x\n):\n    """Text."""\n    return x  # why',
    )
    (tree.home / "anode/part.py").rename(tree.home / "anode/renamed.py")
    tree.write("anode/door.py", "from anode.renamed import f\ndef entry(): return f(1)")
    assert tree.digest() == before
    tree.write("anode/door.py", "def f(x): return x\ndef entry(): return f(1)")
    assert tree.digest() == before, "moved into the same module"


def test_which_of_two_functions_a_name_stands_for_counts(tree: Tree) -> None:
    tree.write(
        "anode/door.py", "from anode.part import f\nfrom anode.other import g\ndef entry(): f(g)"
    )
    tree.write("anode/part.py", "def f(): return 1\ndef g(): return f")
    tree.write("anode/other.py", "def f(): return 2\ndef g(): return f")
    swapped = "from anode.other import f\nfrom anode.part import g\ndef entry(): f(g)"
    assert tree.sees("anode/door.py", swapped)


def test_which_library_a_name_comes_from_counts(tree: Tree) -> None:
    tree.write("anode/door.py", "from math import sin\ndef entry(): return sin(1)")
    assert tree.sees("anode/door.py", "from numpy import sin\ndef entry(): return sin(1)")
    assert tree.sees("anode/door.py", "from math import cos as sin\ndef entry(): return sin(1)")


REGISTRIES = {
    "subclasses": (
        "ALL = {}\nclass Base:\n    def __init_subclass__(cls): ALL[cls.__name__] = cls",
        "from anode.door import Base\nclass One(Base):\n    x = 1",
    ),
    "decorators": (
        "ALL = []\ndef register(f):\n    ALL.append(f)\n    return f",
        "from anode.door import register\n@register\ndef one(): return 1",
    ),
    "objects": (
        "ALL = {}\nclass Base:\n    def __init__(self, x): ALL[x] = self",
        "from anode.door import Base\nclass Own(Base): pass\nONE = Own(1)",
    ),
}


@pytest.mark.parametrize(("registry", "entry"), REGISTRIES.values(), ids=REGISTRIES)
def test_what_registers_itself_counts_with_its_registry(
    tree: Tree, registry: str, entry: str
) -> None:
    made_by = "register" if "register(" in registry else "Base"
    tree.write("anode/door.py", f"{registry}\ndef entry(name): return ALL[name], {made_by}")
    tree.write("anode/one.py", entry)
    assert tree.sees("anode/one.py", entry.replace("1", "2"))
    assert tree.sees("anode/two.py", entry.replace("1", "2")), "a new one"
    tree.write("anode/door.py", f"{registry}\ndef entry(): return 0")
    assert not tree.sees("anode/one.py", entry.replace("1", "2"))


def test_modules_that_a_package_looks_for_count(tree: Tree) -> None:
    tree.write("anode/door.py", "from anode.parts import ALL\ndef entry(): return ALL")
    tree.write("anode/parts/__init__.py", "ALL = [load(each) for each in iter(__path__)]")
    tree.write("anode/parts/one.py", "TABLE = [1]")
    assert tree.sees("anode/parts/one.py", "TABLE = [2]")
    assert tree.sees("anode/parts/two.py", "TABLE = [2]"), "a new one"
    assert not tree.sees("anode/two.py", "TABLE = [2]")


def test_files_count_where_they_are_named(tree: Tree) -> None:
    tree.write(
        "anode/door.py", "def entry(): return HERE / 'script.js'\ndef other(): return 'other.js'"
    )
    tree.write("anode/script.js", "1")
    tree.write("anode/other.js", "1")
    assert tree.sees("anode/script.js", "2")
    assert not tree.sees("anode/other.js", "2")


def test_no_file_of_the_packages_goes_unnamed() -> None:
    modules = {name: path.read_text(encoding="utf8") for name, path in sources().items()}
    for package in ("anode", "anode_lab"):
        for file in (HOME / package).rglob("*"):
            if file.is_file() and file.suffix != ".py" and "__pycache__" not in file.parts:
                beside = [t for n, t in modules.items() if sources()[n].parent == file.parent]
                assert any(f'"{file.name}"' in text for text in beside), file


def test_who_reads_all_sources_depends_on_all_of_their_text(tree: Tree) -> None:
    own = Path(anode_lab.runs.code_digest.__file__)
    tree.write("anode_lab/runs/code_digest.py", own.read_text())
    tree.write(
        "anode/door.py", "from anode_lab.runs.code_digest import sources as all\nentry = all"
    )
    assert tree.sees("anode/aside.py", "# a comment")
    tree.write("anode/door.py", "from anode_lab.runs.code_digest import Code\nentry = Code")
    assert not tree.sees("anode/aside.py", "# a comment")


def test_source_that_is_not_python_depends_on_everything(tree: Tree) -> None:
    tree.write("anode/door.py", "def entry(): pass")
    assert tree.sees("anode/aside.py", "x = 1", "%matplotlib inline")


def test_objects_from_elsewhere_count_with_their_module(tmp_path: Path) -> None:
    def made(text: str) -> Any:
        path = tmp_path / "mine.py"
        path.write_text(text)
        program = (
            "import sys; sys.path.insert(0, sys.argv[1]); import mine, torch\n"
            "from anode_lab.runs.code_digest import Code\n"
            "print(Code().digest(mine.Own), Code().digest(torch.nn.Linear), Code().digest())"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True, text=True, check=True, cwd=HOME,
        )  # fmt: skip
        return ran.stdout.split()

    own, library, nothing = made("SIZE = 1\nclass Own: x = SIZE")
    assert own != library == nothing, "versions of libraries count elsewhere"
    assert made("SIZE = 2\nclass Own: x = SIZE")[0] != own
    assert made("# A comment.\nSIZE = 1\nclass Own: x = SIZE")[0] == own


def test_digest_is_the_same_in_every_python() -> None:
    """Of the Python versions here; they execute the two modules, and nothing else."""
    others = {Path(path).resolve() for v in VERSIONS if (path := shutil.which(f"python{v}"))}
    program = (
        "import sys, types\n"
        "for name in ('anode_lab', 'anode_lab.runs'):\n"  # without what they import
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules[name].__path__ = [f'{sys.argv[1]}/' + name.replace('.', '/')]\n"
        "import anode_lab.runs.code_digest as own\n"
        "print(own.Code().digest_of_source('from anode_lab.runs import run; run.run()'))"
    )
    found = {}
    for python in {Path(sys.executable), *others}:
        ran = subprocess.run(
            [python, "-c", program, str(HOME)], capture_output=True, text=True, check=False
        )
        if ran.returncode == 0:  # a name may be there for a version that is not
            found[python] = ran.stdout
    assert found
    assert len(set(found.values())) == 1, found


def test_structure_leaves_out_what_only_some_pythons_have() -> None:
    tree = ast.parse("def f(x): return x")
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    before = syntax.structure(tree)
    function.type_params = []  # from 3.12 on
    function.unheard_of = None  # type: ignore[attr-defined]
    assert syntax.structure(tree) == before
    function.name = "g"
    assert syntax.structure(tree) != before
    text = ast.parse("f'{x:{w}}'")
    spec = text.body[0].value.values[0].format_spec  # type: ignore[attr-defined]
    before = syntax.structure(text)
    spec.values.append(ast.Constant(""))  # as 3.12.1 has it
    assert syntax.structure(text) == before
