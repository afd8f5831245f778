"""Which code a result depends on: followed through names and imports, then digested.

The unit is a statement at the top of a module: a function, a class, a constant. From some of them,
or from a piece of source such as a chapter's cells, the names in it are followed to the statements
that bind them, through imports wherever these stand, also inside functions. Of a package's
``__init__`` only the names that are used count. What is found is digested as syntax trees, without
comments, docstrings, layout and names of files; every version of Python gives the same digest. So
an edit changes the keys of just those results whose code it changes, and moving code changes none.

Where the text does not say what is used, more counts rather than less:

- A class counts with all its methods, and a module that is used as an object with all it has.
- Statements that are no definitions, such as loops, conditions and calls, count as soon as
  anything in their module does.
- A string that is the dotted name of a module counts as an import of it, and a string that names
  a file beside its module counts as that file.
- What registers itself counts as soon as its registry does: a subclass, where the class has
  ``__init_subclass__``; and what is made, decorated or given away at the top of a module by a class
  or a function that keeps things in a container. So do all modules of a package that looks for
  its modules by ``__path__``.
- Whoever uses :func:`sources` reads the text of all modules, so all of it counts.

A name that is put together at run time is not seen. A test therefore compares what real trainings
call with what is found here.
"""

import ast
import hashlib
import inspect
import json
import re
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from anode_lab.runs.syntax import Chain, Contents, Module, Target, executed, structure

PACKAGES = ("anode", "anode_lab")
HOME = Path(__file__).parents[2]
"""Folder of the two packages."""

_READER = "sources"  # written as text, or whoever uses `Code` would read all sources too

_DOTTED = re.compile(r"\w+(\.\w+)+")
_FILE = re.compile(r"[\w-]+(\.\w+)+")
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def sources() -> dict[str, Path]:
    """The file of each module of the packages, by its dotted name, for those who read the text."""
    return _modules(HOME)


@dataclass(frozen=True)
class Statement:
    """The place of a statement: its module, and its number among the statements at the top."""

    module: str
    number: int


class Code:
    """The code of the two packages, as it is when this is made and first looked at.

    Args:
        home: Folder of the packages.
    """

    def __init__(self, home: Path = HOME) -> None:
        self._home = home
        self._paths = _modules(home)
        self._read: dict[str, Module] = {}
        self._found: dict[Statement, dict[Chain, frozenset[Statement]]] = {}
        self._hashes: dict[Statement, str] = {}
        self._written: dict[Statement, str] = {}
        self._named: dict[Statement, list[Path]] = {}

    def digest(self, *roots: Any, registries: bool = False) -> str:
        """Digest functions and classes with all that they reach, as 16 hexadecimal digits.

        Args:
            roots: Functions and classes. Those of libraries are left out, because the versions of
                libraries count elsewhere. If one is of another module, all of that module counts.
            registries: Whether all that is in a registry counts as soon as the registry does. If
                not, what a result takes from one must be among the roots.
        """
        texts = [_text_outside(root) for root in roots if root.__module__ not in self._paths]
        outside = sorted({_hash(structure(ast.parse(text))) for text in texts if text})
        reached = self._reached(self._of_roots(*roots), registries=registries)
        return _hash(json.dumps([outside, self._lines(reached)]))[:16]

    def digest_of_source(self, source: str) -> str:
        """Digest what a piece of source reaches, data files included; the source does not count.

        Registries are followed. A source that is not Python, such as one with magic commands,
        reaches everything.
        """
        found = self._reached_by(source)
        if found is None or found & self._member(__name__, _READER):
            files = (p for part in PACKAGES for p in sorted((self._home / part).rglob("*")))
            texts = [p for p in files if p.is_file() and "__pycache__" not in p.parts]
            return _hash(json.dumps([[str(p.relative_to(self._home)), _hash(p)] for p in texts]))
        beside = {_hash(path) for statement in found for path in self._files(statement)}
        return _hash(json.dumps([self._lines(found), sorted(beside)]))

    def reaches(self, source: str, function: Any) -> bool:
        """Whether a piece of source reaches a function or a class of the packages."""
        found = self._reached_by(source)
        wanted = self._member(function.__module__, function.__qualname__.partition(".")[0])
        return found is None or bool(found & wanted)

    def _of_roots(self, *roots: Any) -> set[Statement]:
        found: set[Statement] = set()
        for root in roots:
            if root.__module__ in self._paths:
                found |= self._member(root.__module__, root.__qualname__.partition(".")[0])
            else:
                found |= self._used_by(_text_outside(root))
        return found

    def _reached_by(self, source: str) -> set[Statement] | None:
        try:
            return self._reached(self._used_by(source), registries=True)
        except SyntaxError:
            return None

    def _module(self, name: str) -> Module:
        if name not in self._read:
            path = self._paths[name]
            text = path.read_text(encoding="utf8")
            self._read[name] = Module(text, name, package=path.stem == "__init__")
        return self._read[name]

    def _member(self, module: str, name: str) -> set[Statement]:
        """The statements that a name in a module leads to."""
        if module not in self._paths:
            return set()
        if f"{module}.{name}" in self._paths:
            return self._whole(f"{module}.{name}")
        here = self._module(module)
        found = {Statement(module, n) for n in (*here.loose, *here.binds.get(name, ()))}
        if name in here.imports:
            found |= self._follow(here.imports[name], ())
        elif name not in here.binds and not name.startswith("__"):
            found |= self._whole(module)  # it is there in another way, as by __getattr__ or a star
        return found

    def _whole(self, module: str) -> set[Statement]:
        """All statements of a module; of a package also what it imports."""
        here = self._module(module)
        found = {Statement(module, number) for number in range(len(here.body))}
        for target in here.imports.values() if here.package else ():
            if target.module != module:
                found |= self._follow(target, ())
        return found

    def _follow(self, target: Target, rest: Chain) -> set[Statement]:
        """The statements that attributes of an imported name lead to."""
        module, names = target.module, (target.name, *rest) if target.name else rest
        while names and f"{module}.{names[0]}" in self._paths:
            module, names = f"{module}.{names[0]}", names[1:]
        if module not in self._paths:
            return set()
        return self._member(module, names[0]) if names else self._whole(module)

    def _used_by(self, source: str) -> set[Statement]:
        """The statements that a piece of source uses itself, or executes by importing."""
        here = Module(source)
        found = (self._used(here, contents) for contents in here.contents)
        used = [s for named in found for statements in named.values() for s in statements]
        modules = {t.module for t in here.imports.values()} & self._paths.keys()
        loose = [Statement(m, number) for m in modules for number in self._module(m).loose]
        return {*used, *loose}

    def _uses(self, statement: Statement) -> dict[Chain, frozenset[Statement]]:
        """The names that a statement uses, each with the statements that it leads to."""
        if statement not in self._found:
            here = self._module(statement.module)
            self._found[statement] = self._used(here, here.contents[statement.number])
        return self._found[statement]

    def _used(self, here: Module, contents: Contents) -> dict[Chain, frozenset[Statement]]:
        imports = here.imports | contents.imports
        found: dict[Chain, frozenset[Statement]] = {}
        for chain in contents.chains:
            named = {Statement(here.name, n) for n in here.binds.get(chain[0], ()) if here.name}
            unknown = None if chain[0] in here.binds else imports.get("*")
            if target := imports.get(chain[0], unknown):
                named |= self._follow(target, chain[1:])
            found[chain] = frozenset(named)
        for text in contents.strings:
            if _DOTTED.fullmatch(text) and text in self._paths:
                found[text,] = frozenset(self._whole(text))
        return {chain: statements for chain, statements in found.items() if statements}

    def _reached(self, start: set[Statement], *, registries: bool = False) -> set[Statement]:
        """All statements that some of them lead to."""
        found: set[Statement] = set()
        ahead = start
        while ahead:
            found |= ahead
            loose = {
                Statement(m, n) for m in {s.module for s in ahead} for n in self._module(m).loose
            }
            used = {each for s in ahead for named in self._uses(s).values() for each in named}
            ahead = (used | loose) - found
            if registries and not ahead:
                ahead = self._registered(found) - found
        return found

    def _registered(self, found: set[Statement]) -> set[Statement]:
        """What the registries among some statements have in them.

        That is those who fill a container, all that they are given, and all modules of a package
        that looks for its modules.
        """
        makers = {s for each in found for s in self._looked_for(each)}
        makers |= {keeper for keeper, kept in self._keepers.items() if kept & found}
        new = makers
        while new:
            new = {entry for entry, by in self._entries.items() if by & makers} - makers
            makers |= new
        return makers

    def _looked_for(self, statement: Statement) -> set[Statement]:
        if ("__path__",) not in self._contents(statement).chains:
            return set()
        below = [name for name in self._paths if name.startswith(f"{statement.module}.")]
        return {found for name in below for found in self._whole(name)}

    @cached_property
    def _keepers(self) -> dict[Statement, frozenset[Statement]]:
        """The definitions that keep what they are given, each with itself and its containers."""
        found = {}
        for name in self._paths:
            for number, containers in self._module(name).keepers.items():
                uses = self._uses(keeper := Statement(name, number))
                kept = {s for chain in containers for s in uses.get(chain, ())}
                found[keeper] = frozenset({keeper, *kept})
        return found

    @cached_property
    def _entries(self) -> dict[Statement, frozenset[Statement]]:
        """What each statement calls, inherits from or is decorated with when it is executed."""
        found = {}
        for name in self._paths:
            for number, node in enumerate(self._module(name).body):
                uses = self._uses(entry := Statement(name, number))
                found[entry] = frozenset(s for c in executed(node) for s in uses.get(c, ()))
        return found

    def _lines(self, statements: Iterable[Statement]) -> list[str]:
        return sorted({self._line(statement) for statement in statements})

    def _line(self, statement: Statement) -> str:
        """Digest of what a statement does, and of what each name in it leads to."""
        if statement not in self._written:
            contents = self._contents(statement)
            imports = self._module(statement.module).imports | contents.imports
            named = {c: sorted(map(self._digest, to)) for c, to in self._uses(statement).items()}
            heads = {c[0] for c in contents.chains} & imports.keys()
            libraries = [
                (h, str(imports[h])) for h in heads if imports[h].module not in self._paths
            ]
            content = [self._digest(statement), sorted(named.items()), sorted(libraries)]
            self._written[statement] = _hash(json.dumps(content))
        return self._written[statement]

    def _digest(self, statement: Statement) -> str:
        if statement not in self._hashes:
            self._hashes[statement] = _hash(structure(self._node(statement)))
        return self._hashes[statement]

    def _node(self, statement: Statement) -> ast.stmt:
        return self._module(statement.module).body[statement.number]

    def _contents(self, statement: Statement) -> Contents:
        return self._module(statement.module).contents[statement.number]

    def _files(self, statement: Statement) -> list[Path]:
        """The files beside a statement's module that it names."""
        if statement not in self._named:
            folder = self._paths[statement.module].parent
            texts = {t for t in self._contents(statement).strings if _FILE.fullmatch(t)}
            self._named[statement] = [folder / t for t in sorted(texts) if (folder / t).is_file()]
        return self._named[statement]


def _modules(home: Path) -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((home / package).rglob("*.py")):
            parts = path.relative_to(home).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _text_outside(root: Any) -> str:
    """The text of a root's module that is not of the packages; empty for a library's."""
    file = inspect.getsourcefile(root) or ""
    if file.startswith(_LIBRARIES):
        return ""
    return (
        Path(file).read_text(encoding="utf8") if Path(file).is_file() else inspect.getsource(root)
    )


def _hash(content: str | Path) -> str:
    data = content.read_bytes() if isinstance(content, Path) else content.encode()
    return hashlib.sha256(data).hexdigest()
