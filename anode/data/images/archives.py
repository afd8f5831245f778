"""Unpacks an archive that came from elsewhere: files and folders below one place, nothing else."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PureWindowsPath

from tqdm import tqdm

from anode.data.images.catalogue import DataError

Member = tuple[str, bool, Callable[[Path], object]]
"""Name, whether it is a plain file or a folder, and what puts it below a folder."""


def unpack(archive: Path, folder: Path, *, progress: bool = False) -> None:
    """Unpack a ``.zip`` or a tar archive into ``folder``; its own permissions are not taken over.

    Raises:
        DataError: if the archive is damaged, or has a link, a device, or a name that leads out of
            the folder. What was unpacked before it is still there.
        OSError: if ``folder`` cannot be written, or is full.
    """
    bar = {"unit": "file", "leave": False, "disable": None if progress else True}
    try:
        with _members(archive) as members:
            for name, plain, extract in tqdm(members, f"unpacking {archive.name}", **bar):
                _check(archive, name, plain)
                extract(folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive} is a damaged archive: {error}") from error


def _check(archive: Path, name: str, plain: bool) -> None:
    # Windows' rules know both kinds of slashes and drives; what they refuse is refused everywhere.
    path = PureWindowsPath(name)
    if path.anchor or ".." in path.parts:
        raise DataError(f"{archive} is not to be trusted: it would write to {name!r}")
    if not plain:
        raise DataError(f"{archive} is not to be trusted: {name!r} is no file and no folder")


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[Member]]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as file:
            yield _zip_members(file)
    else:
        with tarfile.open(archive) as file:
            yield _tar_members(file)


def _zip_members(file: zipfile.ZipFile) -> Iterator[Member]:
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the system that packed has no kinds
        plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
        yield info.filename, plain, partial(file.extract, info)


def _tar_members(file: tarfile.TarFile) -> Iterator[Member]:
    for info in file:
        info.mode = None  # type: ignore[assignment]  # the umask's, so that others may read it
        plain = info.isfile() or info.isdir()
        yield info.name, plain, partial(file.extract, info, filter="data")
