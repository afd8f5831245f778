"""MyST to the plain Markdown that Colab shows."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from publishing.chapters import Page
from publishing.colab.blocks import Block, Directive, Formula, Prose, Verbatim
from publishing.colab.errors import Problems
from publishing.colab.labels import HEADING, NUMBERED_PROOFS, TARGET, Label, Labels
from publishing.colab.literature import Literature

_ADMONITIONS = (
    *("note", "tip", "hint", "warning", "caution", "attention", "important", "danger", "error"),
    "seealso",
)
_DROPPED = ("bibliography", "tableofcontents", "exercise-end", "solution-end")
_CODE_OR_ROLE = re.compile(
    r"\{(?P<role>[a-z][\w:+.-]*)\}(?P<ticks>`+)(?P<body>.+?)(?P=ticks)(?!`)"
    r"|(?P<code>(?P<marks>`+)(?!`).+?(?<!`)(?P=marks)(?!`))"
    r"|(?P<image>!\[[^\]]*\]\([^)]*\))"
    r"|\[(?P<text>[^\]]*)\]\((?P<address>[^)\s]+)\)"
    r"|(?P<footnote>\[\^[^\]]+\])",
    re.DOTALL,
)
_TITLED = re.compile(r"^(?P<text>.*?)\s*<(?P<target>[^<>]+)>$", re.DOTALL)
_INNER_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
_MATH_IN_QUOTE = re.compile(r"(?<!\\)(\$\$?)(?!\$)((?:[^$\\]|\\.)+?)\1", re.DOTALL)


class Translator:
    """Translates one page; what it cannot translate goes to `problems`.

    Attributes:
        cited: keys of the literature that the page cites.
    """

    def __init__(
        self, page: Page, labels: Labels, literature: Literature, problems: Problems
    ) -> None:
        self.page = page
        self.cited: set[str] = set()
        self._labels = labels
        self._literature = literature
        self._problems = problems

    def blocks(self, blocks: Sequence[Block]) -> str:
        """Plain Markdown of `blocks`, without blank lines at its ends."""
        parts = [self._block(block) for block in blocks]
        text = "\n\n".join(part for part in parts if part.strip())
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n")

    def _block(self, block: Block) -> str:
        match block:
            case Prose():
                return self._prose(block)
            case Verbatim():
                return "\n".join(block.lines)
            case Formula():
                return self._formula(block.tex, block.line, block.indent)
            case Directive():
                return _indent(self._directive(block), block.indent)

    def inline(self, text: str, line: int) -> str:
        """Roles, links and citations of a text that starts in `line`."""

        def translate(found: re.Match[str]) -> str:
            here = line + text.count("\n", 0, found.start())
            if found["role"]:
                return self._role(found["role"], " ".join(found["body"].split()), here)
            if found["code"]:
                return found[0]
            if found["image"]:
                self._problem(here, f"{found[0]}: pictures are drawn by code")
            elif found["footnote"]:
                self._problem(here, f"{found[0]}: notebooks have no footnotes, use a margin note")
            else:
                return self._link(found["text"], found["address"], here)
            return found[0]

        return _CODE_OR_ROLE.sub(translate, text)

    def _title_of_box(self, directive: Directive) -> str:
        """`Theorem 3.1 (Name)`, `Solution to Exercise 3.2` and the like."""
        kind = directive.name.removeprefix("prf:").removesuffix("-start")
        if kind == "solution":
            return self._solution(directive.argument, directive.line)
        number = self._labels.numbers.get((self.page.name, directive.line), "")
        argument = self.inline(directive.argument, directive.line)
        return _title(Label(kind, number, argument, ""))

    def figure_caption(self, cell: Directive) -> str:
        """What stands below the figure that a cell draws; empty if it draws none."""
        name = cell.options.get("mystnb", {}).get("figure", {}).get("name")
        label = self._labels.by_name.get(name)
        if label is None:
            return ""
        number = self._labels.numfig_format["figure"] % label.number
        return f"**{number}.** {self.inline(label.title, cell.line)}"

    def _problem(self, line: int, text: str) -> None:
        self._problems.add(self.page, f"{line}: {text}")

    def _prose(self, prose: Prose) -> str:
        lines = []
        for line, text in enumerate(prose.lines, prose.line):
            if TARGET.match(text) or text.startswith(("%", "+++")):
                text = ""  # it ends a paragraph, and its line counts
            if text.lstrip().startswith("\\begin{"):
                self._problem(line, "write the formula between $$ and $$")
            if heading := HEADING.match(text):
                number = self._labels.numbers.get((self.page.name, line), "")
                parts = [heading["level"], number and f"{number}.", heading["title"]]
                text = " ".join(filter(None, parts))
            lines.append(text)
        return self.inline("\n".join(lines), prose.line).strip("\n")

    def _formula(self, tex: str, line: int, indent: str = "") -> str:
        bare = _INNER_ENVIRONMENT.sub("", tex)
        if "\\\\" in bare or "&" in bare.replace("\\&", ""):
            tex = f"\\begin{{aligned}}\n{tex}\n\\end{{aligned}}"
        if number := self._labels.numbers.get((self.page.name, line)):
            tex = f"{tex}\n\\tag{{{number}}}"
        return _indent(f"$$\n{tex}\n$$", indent)

    def _directive(self, directive: Directive) -> str:
        name = directive.name
        kind = name.removeprefix("prf:")
        if name in _DROPPED:
            return ""
        if name == "math":
            tex = "\n".join(filter(str.strip, (directive.argument, *directive.body)))
            return self._formula(tex, directive.line)
        if name in ("code", "code-block"):
            return "\n".join([f"```{directive.argument}", *directive.body, "```"])
        if name == "margin" or kind == "proof" or name in _ADMONITIONS:
            title = {"margin": "In the margin", "seealso": "See also"}.get(name, kind.capitalize())
            if name == "margin" and directive.argument:
                title = self.inline(directive.argument, directive.line)
            body = self.blocks(directive.blocks)
            if directive.argument and name != "margin":  # an admonition's first line may be text
                body = f"{self.inline(directive.argument, directive.line)}\n\n{body}".strip()
            title = f"*{title}.*" if kind in ("proof", "margin") else f"**{title}**"
            return self._box(directive, title, body)
        if name in ("admonition", "dropdown"):
            title = self.inline(directive.argument, directive.line)
            return self._box(directive, f"**{title}**", self.blocks(directive.blocks))
        known = name.startswith("prf:") and kind in NUMBERED_PROOFS
        if known or name.removesuffix("-start") in ("exercise", "solution"):
            body = self.blocks(directive.blocks)
            return self._box(directive, f"**{self._title_of_box(directive)}**", body)
        self._problem(directive.line, f"the directive {{{name}}} has no translation")
        return ""

    def _box(self, directive: Directive, title: str, body: str) -> str:
        classes = directive.options.get("class", "")
        if "dropdown" in classes or directive.name in ("solution", "dropdown"):
            return _folded(title.strip("*"), body)
        return _quote(f"{title}\n\n{body}".strip())

    def _role(self, role: str, body: str, line: int) -> str:
        simple: dict[str, Callable[[str], str]] = {
            "math": lambda tex: f"${tex}$",
            "code": lambda code: f"`{code}`",
        }
        if role in simple:
            return simple[role](body)
        if role in ("cite", "cite:p", "cite:t"):
            return self._cite(body, line, in_text=role == "cite:t")
        if role not in ("ref", "numref", "eq", "prf:ref", "doc"):
            self._problem(line, f"the role {{{role}}} has no translation")
            return body
        titled = _TITLED.match(body)
        text, target = (titled["text"], titled["target"]) if titled else (None, body)
        label = self._find_page(target, line) if role == "doc" else self._find(target, line)
        if label is None:
            return body
        return f"[{self._reference(role, label, text, line)}]({label.url})"

    def _reference(self, role: str, label: Label, text: str | None, line: int) -> str:
        if role == "numref":
            if not label.number:
                self._problem(line, f"what {{numref}} refers to has no number: {label.url}")
            fallback = label.kind.capitalize() + " %s"
            form = text or self._labels.numfig_format.get(label.kind, fallback)
            return form.replace("%s", label.number).replace("{number}", label.number)
        if text:
            return text
        if label.kind == "equation":
            return f"({label.number})"
        if label.kind in ("section", "page", "figure") and label.title:
            return self.inline(label.title, line)
        if label.kind == "solution":
            own = self._labels.pages.get(self.page.name)
            if own is None or label.url.partition("#")[0] != own.url:
                # There sphinx-exercise prints only "Solution to", and no name.
                self._problem(line, f"a solution of another page needs a text: {label.url}")
            return self._solution(label.title, line)
        if label.kind == "place":
            self._problem(line, f"the reference needs a text: {label.url} has no title")
        return f"{label.kind.capitalize()} {label.number}".strip()

    def _link(self, text: str, address: str, line: int) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:", address):
            return f"[{self.inline(text, line)}]({address})"
        if address.startswith("#"):
            label = self._find(address[1:], line)
        else:
            label = self._find_page(address, line)
        if label is None:
            return text
        text = self.inline(text, line) or self._reference("ref", label, None, line)
        return f"[{text}]({label.url})"

    def _cite(self, body: str, line: int, *, in_text: bool) -> str:
        keys = [key.strip() for key in body.split(",")]
        if unknown := [key for key in keys if key not in self._literature]:
            self._problem(line, f"no entry of the bibliography is called {', '.join(unknown)}")
            return body
        if not self._labels.bibliography:
            self._problem(line, "no page has a {bibliography} to link to")
        self.cited.update(keys)
        return f"[{self._literature.cite(keys, in_text=in_text)}]({self._labels.bibliography})"

    def _solution(self, exercise: str, line: int) -> str:
        label = self._find(exercise, line)
        if label is None:
            return "Solution"
        return f"Solution to {_title(replace(label, title=self.inline(label.title, line)))}"

    def _find(self, name: str, line: int) -> Label | None:
        label = self._labels.by_name.get(name)
        if label is None:
            self._problem(line, f"nothing is labelled {name}")
        return label

    def _find_page(self, target: str, line: int) -> Label | None:
        name = target.removesuffix(".md").rpartition("/")[2]
        label = self._labels.pages.get(name)
        if label is None:
            self._problem(line, f"no page is called {target}")
        return label


def _folded(title: str, body: str) -> str:
    """A box that the reader opens."""
    summary = html.escape(title, quote=False)
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _title(label: Label) -> str:
    title = f"{label.kind.capitalize()} {label.number}".strip()
    return f"{title} ({label.title})" if label.title else title


def _indent(text: str, indent: str) -> str:
    return "\n".join(indent + line if line else line for line in text.split("\n"))


def _quote(text: str) -> str:
    # Notebooks take formulas out before they read Markdown, so a formula of several lines would
    # keep the quote's > marks: each stands in one line.
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", text, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [
        _MATH_IN_QUOTE.sub(lambda math: math[1] + " ".join(math[2].split()) + math[1], part)
        for part in parts[::2]
    ]
    return "\n".join(f"> {line}".rstrip() for line in "".join(parts).split("\n"))
