"""Image sets that have to be downloaded: all of a set or nothing is found in its place.

A set is downloaded and unpacked in a hidden folder beside its place, is checked there, and is then
moved to its place at once.
"""

import gzip
import shutil
import sys
import tarfile
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch

from anode.seeding import Stream, generator
from anode_lab.environment import named_folder
from anode_lab.images.base import IMAGE_SETS, Bytes, DataError, Images, ImageSet, Split

FOLDER_VARIABLE = "ANODE_DATA"
"""Environment variable that names the folder of downloaded data. Users may share the folder."""

_DAMAGED = (EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile)
"""Errors of archives and compressed files."""

RETRIES = 2
"""Number of times that each mirror is asked again."""


def data_folder() -> Path:
    """Folder of downloaded data: $ANODE_DATA if it is set, else ``~/.cache/anode``.

    Raises:
        ValueError: If the variable names a file.
    """
    return named_folder(FOLDER_VARIABLE) or Path.home() / ".cache" / "anode"


def megabytes(size: int) -> str:
    """Write a number of bytes for people."""
    return f"{size / 1e6:,.0f} MB"


@dataclass(frozen=True, eq=False, kw_only=True)
class DownloadedSet(ImageSet):
    """A set whose files are downloaded on request, and checked.

    All that reads the files raises a :class:`DataError` if one of them is missing, damaged or not
    the set's; the message names it and says what to do.

    Attributes:
        place: Folder of the set within the data folder.
        mirrors: Addresses of folders, each with a slash at its end, in the order to try them.
        md5: Files in each of these folders, with the MD5 of what is downloaded.
        sha256: Files of the set in its place, with the SHA-256 of their content. A file may lie
            there compressed, by anyone's gzip.
        download_bytes: Approximate size of the download.
        space_bytes: Approximate space that the download and the unpacked set need.
    """

    place: str
    mirrors: tuple[str, ...]
    md5: Mapping[str, str]
    sha256: Mapping[str, str]
    download_bytes: int
    space_bytes: int

    @abstractmethod
    def read(self, folder: Path) -> Sequence[tuple[Images, Bytes]]:
        """Images ``(N, c, H, W)`` and labels ``(N,)`` of the training and of the test set."""

    def present(self, folder: Path) -> bool:
        """Whether the set is in ``folder``, by the names of its files; a part is an error."""
        missing = [name for name in self.sha256 if not _path(folder, name).is_file()]
        if 0 < len(missing) < len(self.sha256):
            raise DataError(f"{folder} lacks {', '.join(missing)}{self._advice}")
        return not missing

    def verify(self, folder: Path) -> None:
        """Check the set in ``folder`` as thoroughly as seconds allow."""
        self.read(folder)

    def content(self, folder: Path, name: str) -> bytes:
        """Content of a file of the set, uncompressed and checked."""
        path = _path(folder, name)
        try:
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
        except (OSError, *_DAMAGED) as error:
            raise DataError(f"{path} cannot be read: {error}{self._advice}") from error
        if (digest := sha256(content).hexdigest()) != self.sha256[name]:
            raise DataError(
                f"{path} is damaged or is not {self.title}'s {name}: the SHA-256 of its content is "
                f"{digest} and should be {self.sha256[name]}{self._advice}"
            )
        return content

    def unpack(self, files: Sequence[Path], folder: Path, *, progress: bool) -> None:
        """Put the downloaded files into ``folder``, unpacked, as they lie in the data folder."""
        (folder / self.place).mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / self.place / file.name)  # the umask gives permissions

    def checksums(self) -> dict[str, str]:
        return dict(self.sha256)

    def find(self) -> Path | None:
        """Folder of the set, or None if it is not on this machine.

        Raises:
            ValueError: If ``ANODE_DATA`` names no folder.
        """
        root = data_folder()
        if named_folder(FOLDER_VARIABLE) and not root.is_dir():
            raise ValueError(
                f"{FOLDER_VARIABLE} must name a folder, got {str(root)!r}; make that folder, or "
                "unset the variable"
            )
        place = root / self.place
        return place if self.present(place) else None

    def folder(self) -> Path:
        """Folder of the set, as :meth:`find` has it; a set that is not there is an error."""
        if (folder := self.find()) is None:
            raise DataError(
                f"{self.title} is not on this machine. 'anode data fetch {self.name}' downloads it "
                f"({megabytes(self.download_bytes)}) to {data_folder()}. {_offline()}"
            )
        return folder

    def available(self) -> bool:
        return self.find() is not None

    def split(self, n_train: int, n_test: int, seed: int) -> Sequence[Split]:
        chosen, parts = [], self.read(self.folder())
        for part, (images, labels) in enumerate(parts):
            order = torch.randperm(len(labels), generator=generator(seed, Stream.SPLIT, part))
            index = order[: (n_train, n_test)[part]].numpy()
            pixels = torch.from_numpy(images[index]) / 255
            chosen.append((pixels, torch.from_numpy(labels[index]).long()))
        return chosen

    def identity(self) -> str:
        """Names and checksums of the files that :meth:`load` would read here."""
        try:
            if (folder := self.find()) is None:
                return "none"
            files = [path for path in sorted(folder.iterdir()) if path.is_file()]
            return ", ".join(f"{p.name} {sha256(p.read_bytes()).hexdigest()}" for p in files)
        except (ValueError, OSError) as error:
            return type(error).__name__  # its message may name a path

    def fetch(self, folder: Path | None = None, *, progress: bool = True) -> Path:
        """Download the set, unless it is there, and return its folder.

        If several processes fetch the same set, one downloads it and the others wait. A damaged set
        in its place is replaced. Files get the permissions that the umask gives.

        Args:
            folder: Folder of downloaded data, which is made if it is missing. By default the one of
                :func:`data_folder`.
            progress: Whether to show the progress on a terminal.

        Raises:
            DataError: If no mirror has the set, space is short, or the folder cannot be written.
        """
        root = data_folder() if folder is None else Path(folder)
        target = root / self.place
        if self._whole(target):
            return target
        from filelock import FileLock

        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f".{self.name}.lock", mode=0o666):  # other users wait as well
                if not self._whole(target):  # no other process has just fetched it
                    self._fetch(root, target, progress and sys.stderr.isatty())
        except (DataError, OSError, *_DAMAGED) as error:
            raise DataError(
                f"{self.title} could not be fetched to {root}. {error}. It needs "
                f"{megabytes(self.download_bytes)} of download and {megabytes(self.space_bytes)} "
                f"of space. {_offline()}"
            ) from error
        return target

    @property
    def _advice(self) -> str:
        return f"; 'anode data fetch {self.name}' replaces what is damaged"

    def _whole(self, place: Path) -> bool:
        with suppress(DataError):
            if self.present(place):
                self.verify(place)
                return True
        return False

    def _fetch(self, root: Path, target: Path, progress: bool) -> None:
        if (free := shutil.disk_usage(root).free) < self.space_bytes:
            raise DataError(f"There is not enough space: only {megabytes(free)} are free")
        work, ready = root / f".{self.name}", root / f".{self.name}" / "ready"
        files = [self._download(name, work, progress) for name in self.md5]
        shutil.rmtree(ready, ignore_errors=True)  # a process that was killed may have left it
        try:
            self.unpack(files, ready, progress=progress)
            self.verify(ready / self.place)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            (ready / self.place).rename(target)
        finally:
            shutil.rmtree(ready, ignore_errors=True)
        shutil.rmtree(work)

    def _download(self, name: str, work: Path, progress: bool) -> Path:
        """Download a file with the right checksum from the first mirror that has it."""
        import pooch

        pooch.get_logger().setLevel("WARNING")  # its other messages name temporary files
        # Without compression on the way: the checksum is that of the file.
        downloader = pooch.HTTPDownloader(progress, headers={"Accept-Encoding": "identity"})
        failures = []
        for url in self.mirrors:
            known = {name: f"md5:{self.md5[name]}"}
            mirror = pooch.create(work, url, registry=known, retry_if_failed=RETRIES)
            try:
                return Path(mirror.fetch(name, downloader=downloader))
            except (OSError, ValueError) as error:  # pooch checks the sum and keeps no other file
                cause: BaseException = error
                while cause.__context__ is not None:
                    cause = cause.__context__
                failures.append(f"{url}{name}: {cause}")
        raise DataError(f"Each mirror was tried {RETRIES + 1} times: {'; '.join(failures)}")


def _path(folder: Path, name: str) -> Path:
    compressed = folder / f"{name}.gz"
    return compressed if compressed.is_file() and not (folder / name).is_file() else folder / name


def images_identity() -> str:
    """Describe the files of all image sets on this machine, without paths."""
    sets = [each for each in IMAGE_SETS.values() if isinstance(each, DownloadedSet)]
    return "; ".join(f"{each.name}: {each.identity()}" for each in sets)


def _offline() -> str:
    sets = [f"{each.name} ({each.offline})" for each in IMAGE_SETS.values() if each.offline]
    return f"Image sets that need no network: {', '.join(sets)}."
