"""Fetches image sets: from mirrors in turn, goes on where it was cut off, all of a set or nothing.

A set is downloaded and unpacked in a folder beside its place, ``.NAME``, is checked there, and is
then moved to its place at once. So what is found there is whole, whenever and however a fetch ends.
"""

import errno
import logging
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pooch
from filelock import FileLock, Timeout
from requests import HTTPError, RequestException, Response
from tqdm import tqdm

from anode.data.images import readers
from anode.data.images.archives import unpack
from anode.data.images.catalogue import (
    INSTEAD,
    SOURCES,
    DataError,
    ImageSet,
    Remote,
    Source,
    data_folder,
    megabytes,
)

ROUNDS = 3
"""How often each mirror is tried."""
PAUSE = 1.0
"""Seconds before the second round; twice as many before the next, and so on."""
CHUNK = 2**16
"""Bytes written at once; as many may be downloaded twice when a download is cut off."""


class DownloadError(DataError):
    """A set could not be fetched; the message says what was tried and what to use instead."""


def fetch(which: ImageSet, folder: Path | None = None, progress: bool = True) -> Path:
    """Download a set, unless it is there.

    Several processes may fetch the same set: one does it, the others wait. Files have the
    permissions that the umask gives, so with a common one, users may share a folder. What is
    at the set's place within ``folder``, and damaged, is replaced.

    Args:
        which: set.
        folder: of downloaded data, made if it is missing; None for
            :func:`anode.data.images.catalogue.data_folder`, and then a set that Debian installed
            will do.
            :func:`anode.data.images.loading.load` looks only there.
        progress: whether to show on a terminal how far it is.

    Returns:
        The folder of the set.

    Raises:
        DownloadError: if no mirror has the set, it is damaged at all of them, there is not enough
            space, or the folder cannot be written.
        ValueError: if the set needs no download.
    """
    source = SOURCES.get(which)
    if source is None:
        names = ", ".join(other.value for other in SOURCES)
        raise ValueError(f"{which.value} needs no download; which must be one of {names}")
    root = data_folder() if folder is None else Path(folder)
    target = root / source.place
    for place in (target, *(source.elsewhere if folder is None else ())):
        if _is_whole(which, place):
            return place
    try:
        _fetch(which, source, root, target, progress)
    except (DataError, OSError) as error:
        raise DownloadError(_message(which, source, root, error)) from error
    return target


def needed_bytes(source: Source) -> int:
    """About how much space a fetch takes at most; an archive is removed once it is unpacked."""
    return source.download_bytes + (0 if source.sha256 else source.unpacked_bytes)


def _fetch(which: ImageSet, source: Source, root: Path, target: Path, progress: bool) -> None:
    work = root / f".{which.value}"
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f".{which.value}.lock", progress):
        if _is_whole(which, target):  # another process has just fetched it
            return
        work.mkdir(exist_ok=True)
        _check_space(source, work)
        remote = source.remote()
        files = [
            _download(name, md5, remote.mirrors, work, progress) for name, md5 in remote.md5.items()
        ]
        ready = work / "ready"
        try:
            _lay_out(source, remote, files, ready, progress)
            readers.verify(which, ready / source.place)
            _install(ready / source.place, target, work / "replaced")
        except (DataError, OSError):
            shutil.rmtree(ready, ignore_errors=True)  # what was downloaded stays, for another try
            raise
        shutil.rmtree(work)


def _is_whole(which: ImageSet, place: Path) -> bool:
    try:
        if not readers.has(which, place):
            return False
        readers.verify(which, place)
    except DataError:
        return False
    return True


@contextmanager
def _locked(path: Path, progress: bool) -> Iterator[None]:
    lock = FileLock(path, mode=0o666)  # other users of the folder wait as well
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if progress:
            print("waiting for another process that fetches the same set", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _check_space(source: Source, work: Path) -> None:
    there = sum(path.stat().st_size for path in work.iterdir() if path.is_file())
    free = shutil.disk_usage(work).free
    if free + there < needed_bytes(source):
        raise OSError(errno.ENOSPC, f"only {megabytes(free)} are free")


def _download(name: str, md5: str, mirrors: tuple[str, ...], work: Path, progress: bool) -> Path:
    """One file with the right checksum, from the first mirror that gives it."""
    failures: dict[str, str] = {}
    for i in range(ROUNDS):
        if i > 0:
            time.sleep(PAUSE * 2 ** (i - 1))
        for mirror in mirrors:
            url = mirror + name
            resume = _Resume(work / f"{name}.part", progress)
            try:
                with _quiet():
                    return Path(pooch.retrieve(url, f"md5:{md5}", name, work, downloader=resume))
            except (RequestException, ValueError) as error:  # ValueError: the checksum is wrong
                failures[url] = _reason(error)
    tried = "; ".join(f"{url}: {reason}" for url, reason in failures.items())
    raise DataError(f"Tried {ROUNDS} times, {tried}")


class _Resume:
    """What downloads for pooch: goes on where an earlier try was cut off, if the server can."""

    def __init__(self, part: Path, progress: bool) -> None:
        self.part = part
        self.progress = progress

    def __call__(self, url: str, output_file: str, _pooch: Any, check_only: bool = False) -> None:
        # No compression on the way: the checksum, and where to go on, are those of the file.
        headers = {"Accept-Encoding": "identity"}
        with self.part.open("ab") as file:
            start = file.tell()
            if start:
                headers["Range"] = f"bytes={start}-"

            def answered(response: Response, **_: Any) -> None:
                # 200: the server sends the whole file. 416: there is no more, so the part is no
                # beginning of this file, or all of it; the next try starts anew.
                if start and response.status_code in (200, 416):
                    file.truncate(0)

            # pooch sets the length, but takes a bar without any for none.
            form = {"total": 1, "unit": "B", "unit_scale": True, "leave": False}
            with tqdm(desc=self.part.stem, disable=None if self.progress else True, **form) as bar:
                pooch.HTTPDownloader(
                    bar, CHUNK, headers=headers, hooks={"response": answered}, timeout=60
                )(url, file, None)
        # It is pooch that checks it. If it is wrong, it is removed, and the next try starts anew.
        self.part.replace(output_file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without pooch's own messages, which name temporary files."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _lay_out(
    source: Source, remote: Remote, files: list[Path], ready: Path, progress: bool
) -> None:
    """Put the set's folder together in ``ready``."""
    shutil.rmtree(ready, ignore_errors=True)  # of a process that was killed
    place = ready / source.place
    if source.sha256:  # IDX files are read as they come
        place.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, place / file.name)
        return
    ready.mkdir()
    (archive,) = files
    unpack(archive, ready, progress=progress)
    if not place.is_dir():
        raise DataError(f"{archive} has no folder {source.place}")
    checksum = f"{remote.md5[archive.name]}  {archive.name}\n"
    (place / readers.CHECKSUM).write_text(checksum, encoding="utf8")


def _install(ready: Path, target: Path, replaced: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(replaced, ignore_errors=True)  # of a process that was killed
        target.rename(replaced)
    ready.rename(target)


def _reason(error: BaseException) -> str:
    """The first cause, in a few words: requests wraps it three times over."""
    if isinstance(error, HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error) or type(error).__name__


def _message(which: ImageSet, source: Source, root: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = f"There is not enough space: {error.strerror}" if full else str(error)
    else:
        what = str(error)
    return (
        f"{which.title} could not be fetched to {root}. {what}. It needs "
        f"{megabytes(source.download_bytes)} of download and {megabytes(needed_bytes(source))} of "
        f"space. Fetching again goes on where this ended. {INSTEAD}."
    )
