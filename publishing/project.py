"""Where things lie: the project's folders, its repository's address and its current commit."""

import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).resolve().parent.parent
"""The folder of this checkout."""

# A change outside these cannot change what a chapter computes or says.
_SOURCES = (
    "anode",
    "anode_lab",
    "book",
    "publishing",
    "requirements.lock",
    "references.bib",
    "_config.yml",
    "_toc.yml",
)


class ProjectError(RuntimeError):
    """The project's own files do not fit together; the message says which."""


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
class Commit:
    """The state of the checkout: its commit, and whether files differ from it."""

    sha: str | None
    dirty: bool

    def __str__(self) -> str:
        if self.sha is None:
            return "no commit"
        return self.sha[:10] + (" with uncommitted changes" if self.dirty else "")


@dataclass(frozen=True)
class Project:
    """A book's folder and the folder that it is built in.

    Attributes:
        root: holds ``_toc.yml``, ``_config.yml`` and ``book/``.
        build: everything that is generated; ``root/_build`` unless told.
        html: the site; ``build/html`` unless told.
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
            ProjectError: if ``_config.yml`` does not name it.
        """
        config = yaml.safe_load((self.root / "_config.yml").read_text(encoding="utf8"))
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
        text = (self.root / "pyproject.toml").read_text(encoding="utf8")
        package = tomllib.loads(text)["project"]
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
        """The current commit; without git or a commit, ``Commit(None, True)``."""
        try:
            sha = self._git("rev-parse", "HEAD")
            changes = self._git("status", "--porcelain", "--", *_SOURCES)
        except (OSError, subprocess.CalledProcessError):
            return Commit(None, True)
        return Commit(sha, bool(changes))

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True
        ).stdout.strip()
