"""What the statements of a module bind, use and do, read from the text alone."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

Chain = tuple[str, ...]
"""A name and the attributes that are taken of it: ``a.b.c``."""

DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORT = (ast.Import, ast.ImportFrom)
_STORING = ("add", "append", "extend", "insert", "register", "setdefault", "update")


@dataclass(frozen=True)
class Target:
    """What an imported name stands for: a module, or a name in a module."""

    module: str
    name: str | None = None


@dataclass
class Contents:
    """What stands anywhere in a statement.

    Attributes:
        imports: The names that imports bind.
        chains: All chains, each as long as it is.
        strings: All strings.
        filled: The chains of containers that something is put into.
        definitions: The names of functions and classes.
    """

    imports: dict[str, Target] = field(default_factory=dict)
    chains: set[Chain] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    filled: set[Chain] = field(default_factory=set)
    definitions: set[str] = field(default_factory=set)


class Module:
    """The statements at the top of a module.

    Attributes:
        name: Dotted name of the module; empty for a piece of source.
        package: Whether the module is the ``__init__`` of a package.
        body: The statements that do something: all but imports and lone strings.
        contents: What stands in each of these.
        imports: The names that imports outside of definitions bind.
        binds: Each name that statements bind, with the indices of these statements.
        loose: Indices of the statements that are no definitions or assignments.

    Raises:
        SyntaxError: If the text is not Python.
    """

    def __init__(self, text: str, name: str = "", *, package: bool = False) -> None:
        self.name, self.package = name, package
        self.imports: dict[str, Target] = {}
        self.body: list[ast.stmt] = []
        self.contents: list[Contents] = []
        self.binds: dict[str, set[int]] = {}
        self.loose: set[int] = set()
        for node in ast.parse(text).body:
            contents = Contents()
            self._read(node, contents)
            if not isinstance(node, DEFINITION):
                self.imports |= contents.imports
            if not _is_silent(node):
                self._add(node, contents)

    def _add(self, node: ast.stmt, contents: Contents) -> None:
        number = len(self.body)
        self.body.append(node)
        self.contents.append(contents)
        if not isinstance(node, (*DEFINITION, ast.Assign, ast.AnnAssign, ast.AugAssign)):
            self.loose.add(number)
        for bound in _bound(node):
            self.binds.setdefault(bound, set()).add(number)

    def _read(self, node: ast.AST, found: Contents) -> None:
        """Add what stands in a node, all in one pass: each process reads all of the code."""
        if isinstance(node, (ast.Name, ast.Attribute)) and (name := chain(node)):
            found.chains.add(name)
            return
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                found.strings.add(node.value)
            return
        if isinstance(node, _IMPORT):
            found.imports |= self._imported(node)
        elif isinstance(node, DEFINITION):
            found.definitions.add(node.name)
        elif container := _filled(node):
            found.filled.add(container)
        for part in node._fields:
            below = getattr(node, part, None)
            for each in below if isinstance(below, list) else (below,):
                if isinstance(each, ast.AST):
                    self._read(each, found)

    def _imported(self, node: ast.Import | ast.ImportFrom) -> dict[str, Target]:
        found = {}
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or whole] = Target(whole)
        else:
            parts = self.name.split(".")
            above = parts[: len(parts) - node.level + self.package] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                found[alias.asname or alias.name] = Target(module, alias.name)
        return found

    @cached_property
    def keepers(self) -> dict[int, set[Chain]]:
        """Indices of the definitions that may keep what they are given, with the containers.

        A class that has ``__init_subclass__`` is its own container.
        """
        found = {}
        for number, (node, contents) in enumerate(zip(self.body, self.contents, strict=True)):
            if isinstance(node, DEFINITION):
                kept = {c for c in contents.filled if c[0] in self.binds or c[0] in self.imports}
                if kept or "__init_subclass__" in contents.definitions:
                    found[number] = kept | {(node.name,)}
        return found


def structure(node: object) -> str:
    """Write a syntax tree as text, as :func:`ast.dump` does, but only what it computes.

    Imports and strings that stand alone, such as docstrings, are left out. So is what is empty,
    because some versions of Python have more of that.
    """
    if isinstance(node, ast.JoinedStr):  # of which 3.12 has empty parts
        node.values = [part for part in node.values if getattr(part, "value", None) != ""]
    if isinstance(node, ast.AST):
        parts = [
            f"{name}={structure(value)}"
            for name, value in ast.iter_fields(node)
            if value is not None and value != []
        ]
        return f"{type(node).__name__}({', '.join(parts)})"
    if isinstance(node, list):
        return f"[{', '.join(structure(each) for each in node if not _is_silent(each))}]"
    return repr(node)


def chain(node: ast.AST) -> Chain:
    """The chain that an expression is; empty if it is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()


def executed(node: ast.AST) -> Iterator[Chain]:
    """What a statement calls, inherits from or decorates with when its module is imported."""
    if isinstance(node, DEFINITION):
        decorators = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
        bases = node.bases if isinstance(node, ast.ClassDef) else ()
        yield from map(chain, (*decorators, *bases))
        return
    if isinstance(node, ast.Call):
        yield chain(node.func)
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from executed(child)


def _filled(node: ast.AST) -> Chain:
    """The chain of the container that an expression puts something into; empty if it puts none."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return chain(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return chain(node.func.value) if node.func.attr in _STORING else ()
    return ()


def _is_silent(node: object) -> bool:
    """Whether a statement is an import or a string that stands alone."""
    lone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, _IMPORT) or (lone and isinstance(node.value.value, str))  # type: ignore[attr-defined]


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds, or whose objects it changes."""
    if isinstance(statement, DEFINITION):
        yield statement.name
        return
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", statement)]
    simple = targets != [statement]
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and (simple or not isinstance(node.ctx, ast.Load)):
                yield node.id
            elif isinstance(node, DEFINITION):
                yield node.name
