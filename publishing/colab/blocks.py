"""A page's MyST text as blocks: prose, formulas, verbatim fences and directives."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<mark>`{3,}|~{3,}|:{3,})(?P<rest>.*)$")
_DIRECTIVE = re.compile(r"^\{(?P<name>[\w:+.-]+)\}\s*(?P<argument>.*)$")
_OPTION = re.compile(r"^:(?P<name>[\w-]+):\s*(?P<value>.*)$")
_MATH_END = re.compile(r"\$\$\s*(?:\((?P<label>[\w:.-]+)\))?\s*$")


class BlockError(ValueError):
    """The text cannot be divided into blocks; the message starts with the line's number."""


@dataclass(frozen=True)
class Prose:
    """Lines of Markdown; `line` is the first one's number in the page."""

    lines: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Verbatim:
    """A fenced block that is no directive, its fences included."""

    lines: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Formula:
    """A displayed formula without its delimiters."""

    tex: str
    label: str | None
    indent: str
    line: int


@dataclass(frozen=True)
class Directive:
    """A directive; `body` has neither its options nor its common indent."""

    name: str
    argument: str
    options: dict[str, Any]
    body: tuple[str, ...]
    indent: str
    line: int
    body_line: int

    @property
    def blocks(self) -> list["Block"]:
        """The body's blocks.

        Raises:
            BlockError: if the body cannot be divided.
        """
        return list(parse(self.body, self.body_line))


Block = Prose | Verbatim | Formula | Directive


def parse_page(text: str) -> list[Block]:
    """The blocks of a whole page; its header is passed over.

    Raises:
        BlockError: if a fence, a formula or a cell's options are not well formed.
    """
    lines = text.split("\n")
    start = 0
    if lines[0] == "---":
        start = lines.index("---", 1) + 1
    return list(parse(lines[start:], start + 1))


def parse(lines: Sequence[str], first: int) -> Iterator[Block]:
    """Divide `lines` into blocks; `first` is the number of the first line in the page."""
    prose: list[str] = []
    index = 0
    while index < len(lines):
        block, after = _special(lines, index, first)
        if block is None:
            prose.append(lines[index])
            index += 1
            continue
        if prose:
            yield Prose(tuple(prose), first + index - len(prose))
            prose = []
        yield block
        index = after
    if prose:
        yield Prose(tuple(prose), first + index - len(prose))


def _special(lines: Sequence[str], index: int, first: int) -> tuple[Block | None, int]:
    """The block that is no prose and starts at `index`, if one does, and the index after it."""
    if lines[index].lstrip().startswith("$$"):
        return _formula(lines, index, first)
    fence = _FENCE.match(lines[index])
    if fence is None:
        return None, index
    end = _closing(lines, index, fence["mark"], first)
    directive = _DIRECTIVE.match(fence["rest"])
    if directive is None:
        return Verbatim(tuple(lines[index : end + 1]), first + index), end + 1
    indent = fence["indent"]
    body = [line.removeprefix(indent) for line in lines[index + 1 : end]]
    name = directive["name"]
    try:
        options, used = _options(body, as_yaml=name == "code-cell")
    except yaml.YAMLError as error:
        raise BlockError(f"{first + index}: the options of {name} are not YAML: {error}") from error
    while used < len(body) and not body[used].strip():
        used += 1
    block = Directive(
        name=name,
        argument=directive["argument"].strip(),
        options=options,
        body=tuple(body[used:]),
        indent=indent,
        line=first + index,
        body_line=first + index + 1 + used,
    )
    return block, end + 1


def _closing(lines: Sequence[str], index: int, mark: str, first: int) -> int:
    for end in range(index + 1, len(lines)):
        line = lines[end].strip()
        if len(line) >= len(mark) and set(line) == {mark[0]}:
            return end
    raise BlockError(f"{first + index}: the fence {mark} is never closed")


def _options(body: Sequence[str], *, as_yaml: bool) -> tuple[dict[str, Any], int]:
    """Options, either between lines of --- or as :name: value, and the number of their lines."""
    if body and body[0].strip() == "---":
        end = next((i for i in range(1, len(body)) if body[i].strip() == "---"), len(body) - 1)
        return yaml.safe_load("\n".join(body[1:end])) or {}, end + 1
    count = 0
    while count < len(body) and body[count].startswith(":"):
        count += 1
    if as_yaml:
        return yaml.safe_load("\n".join(line[1:] for line in body[:count])) or {}, count
    matches = [_OPTION.match(line) for line in body[:count]]
    if not all(matches):  # an own line that starts with a colon, no option
        return {}, 0
    return {match["name"]: match["value"].strip() for match in matches if match}, count


def _formula(lines: Sequence[str], index: int, first: int) -> tuple[Formula, int]:
    indent = lines[index][: len(lines[index]) - len(lines[index].lstrip())]
    tex = [lines[index].lstrip().removeprefix("$$")]
    end = index
    while (closing := _MATH_END.search(tex[-1])) is None:
        if "$$" in tex[-1]:
            raise BlockError(f"{first + end}: text stands behind the formula's $$")
        end += 1
        if end == len(lines):
            raise BlockError(f"{first + index}: the formula's $$ is never closed")
        tex.append(lines[end].removeprefix(indent))
    tex[-1] = tex[-1][: closing.start()]
    text = "\n".join(line for line in tex if line.strip())
    return Formula(text, closing["label"], indent, first + index), end + 1
