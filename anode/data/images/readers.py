"""Finds and reads the image sets that had to be fetched: all of a set, or an error."""

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anode.data.images import cifar, idx, tiny
from anode.data.images.catalogue import FOLDER_VARIABLE, SOURCES, ImageSet, data_folder

Bytes = NDArray[np.uint8]
Parts = list[tuple[Bytes, Bytes]]
"""Images ``(N, c, H, W)`` and labels ``(N,)`` of the training and of the test set."""

CHECKSUM = "archive.md5"
"""File in an unpacked set: the MD5 of the archive that it came in, and the archive's name."""


def find(which: ImageSet) -> Path | None:
    """The folder of the set in the first place that has it; None if there is none.

    Raises:
        ValueError: if ANODE_DATA is set to something else than a folder.
        DataError: if only a part of the set is there.
    """
    root = data_folder()
    if os.environ.get(FOLDER_VARIABLE) and not root.is_dir():
        raise ValueError(
            f"{FOLDER_VARIABLE} must name a folder, but {str(root)!r} is none; make it, or unset "
            "the variable"
        )
    source = SOURCES[which]
    return next((p for p in (root / source.place, *source.elsewhere) if has(which, p)), None)


def has(which: ImageSet, folder: Path) -> bool:
    """Whether the set is in ``folder``, by the names and lengths of its files.

    Raises:
        DataError: if only a part of it is there.
    """
    if which in (ImageSet.MNIST, ImageSet.FASHION):
        return idx.find_files(folder, SOURCES[which].sha256) is not None
    if not folder.is_dir():
        return False
    (cifar if which is ImageSet.CIFAR10 else tiny).check(folder)
    return True


def verify(which: ImageSet, folder: Path) -> None:
    """That ``folder`` has the whole set, as thoroughly as seconds allow.

    Raises:
        DataError: if not.
    """
    if which is ImageSet.TINY_IMAGENET:
        tiny.verify(folder)
    else:
        read(which, folder)


def read(which: ImageSet, folder: Path) -> Parts:
    """The set in ``folder``.

    Raises:
        DataError: if something is missing, damaged or not the set's.
    """
    if which is ImageSet.CIFAR10:
        return cifar.read(folder)
    if which is ImageSet.TINY_IMAGENET:
        return tiny.read(folder)
    arrays = idx.read_set(folder, which.title, SOURCES[which].sha256)
    return [
        (arrays[f"{part}-images-idx3-ubyte"][:, None], arrays[f"{part}-labels-idx1-ubyte"])
        for part in ("train", "t10k")
    ]


def digest(which: ImageSet, folder: Path) -> str:
    """What tells these files from others, without a path.

    IDX files are hashed. Of the larger sets, it is the checksum of their archive that was recorded
    when it was unpacked, and the length of some files.
    """
    if which in (ImageSet.MNIST, ImageSet.FASHION):
        found = idx.find_files(folder, SOURCES[which].sha256) or {}
        return ", ".join(f"{p.name} {p.stat().st_size} {_sha256(p)}" for p in found.values())
    recorded = folder / CHECKSUM
    known = recorded.read_text(encoding="utf8").split() if recorded.is_file() else []
    checksum = known[0] if known else "unknown"
    # Not the decoded pixels: they come and go without a change of the data.
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and p.suffix != ".npy"]
    return f"archive {checksum}, " + ", ".join(f"{p.name} {p.stat().st_size}" for p in files)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
