"""Where things lie: the project's folders, its repository's address and its current commit."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from anode_lab.runs.provenance import Commit

HOME = Path(__file__).resolve().parent.parent
"""The folder of this checkout."""

# A change outside these cannot change what a chapter computes or says.
_SOURCES = (
    "anode",
    "anode_lab",
    "book",
    "publishing",
    "requirements.lock",
    "_config.yml",
    "_toc.yml",
)


class ProjectError(RuntimeError):
    """The project's own files do not fit together; the message says which."""


def read_text(path: Path) -> str:
    """Read a source of the book; the byte-order mark that some editors write is no part of it.

    Raises:
        ProjectError: If the file is missing or is not text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProjectError(f"{path} cannot be read: {reason}") from error


def read_yaml(path: Path) -> dict[str, Any]:
    """Read names and values of a YAML file; an empty one has none.

    Raises:
        ProjectError: If the file cannot be read, or holds something else.
    """
    try:
        found = yaml.safe_load(read_text(path)) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProjectError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise ProjectError(f"{path} must hold names and values, got {type(found).__name__}")
    return found


@dataclass(frozen=True)
class Repository:
    """The public repository, read from ``repository`` in ``_config.yml``: the only place for it."""

    url: str
    branch: str

    @property
    def site_url(self) -> str:
        """Address of the site: ``https://OWNER.github.io/NAME``."""
        owner, name = urlsplit(self.url).path.strip("/").split("/")
        return f"https://{owner}.github.io/{name}"

    def source(self, path: str, commit: str | None = None) -> str:
        """Address of a file at ``commit``, or on the main branch."""
        return f"{self.url}/blob/{commit or self.branch}/{path}"


@dataclass(frozen=True)
class Project:
    """A book's folder and the folder that it is built in.

    Attributes:
        root: Folder of ``_toc.yml``, ``_config.yml`` and ``book/``.
        build: Folder of everything that is generated; ``root/_build`` by default.
        html: Folder of the site; ``build/html`` by default.
    """

    root: Path = HOME
    build: Path = field(default=Path())
    html: Path = field(default=Path())

    def __post_init__(self) -> None:
        root = self.root.resolve()
        build = root / "_build" if self.build == Path() else self.build.resolve()
        html = build / "html" if self.html == Path() else self.html.resolve()
        for name, folder in (("root", root), ("build", build), ("html", html)):
            object.__setattr__(self, name, folder)

    def executed(self, profile: str) -> Path:
        """Folder of the finished notebooks of a profile and of their records."""
        return self.build / "executed" / profile

    def failed(self, profile: str) -> Path:
        """Folder of notebooks that stopped midway; nothing is published from it."""
        return self.build / "failed" / profile

    def results(self, profile: str) -> Path:
        """Folder of the models that a profile's chapters trained: they share them."""
        return self.build / "results" / profile

    def stage(self, profile: str) -> Path:
        """Folder that the site of a profile is built from."""
        return self.build / "stage" / profile

    def repository(self) -> Repository:
        """The public repository.

        Raises:
            ProjectError: If ``_config.yml`` does not name it.
        """
        config = read_yaml(self.root / "_config.yml")
        try:
            url, branch = config["repository"]["url"], config["repository"]["branch"]
        except (KeyError, TypeError) as error:
            raise ProjectError("_config.yml lacks repository.url or repository.branch") from error
        return Repository(url.rstrip("/"), branch)

    def requirements(self, *extras: str) -> dict[str, Requirement]:
        """What ``pyproject.toml`` declares, by normalised name.

        Args:
            extras: Extras whose requirements count as well; an extra may name others.
        """
        package = tomllib.loads(read_text(self.root / "pyproject.toml"))["project"]
        own, found = package["name"], dict[str, Requirement]()
        lines = [*package["dependencies"], f"{own}[{','.join(extras)}]"]
        while lines:
            requirement = Requirement(lines.pop())
            if requirement.name == own:
                for extra in requirement.extras:
                    lines += package["optional-dependencies"][extra]
            else:
                found[canonicalize_name(requirement.name)] = requirement
        return found

    def commit(self) -> Commit:
        """The current commit, and whether what decides the book's content differs from it."""
        return Commit.of(self.root, _SOURCES)
