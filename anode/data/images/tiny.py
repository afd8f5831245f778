"""Reader of Tiny ImageNet (Le and Yang 2015): 200 classes, 64 x 64 pixels, as JPEG files.

The classes of its test images were never published; the validation images are the test set here.
"""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from anode.data.images.catalogue import DataError

Bytes = NDArray[np.uint8]

CLASSES, PER_CLASS, VALIDATION, SIDE = 200, 500, 10_000, 64
"""Number of classes, training images of each, validation images, and pixels along a side."""


def check(folder: Path) -> None:
    """That the lists of classes and of validation images are there, and as long as they must be.

    Raises:
        DataError: if not.
    """
    _wnids(folder)
    _annotations(folder)


def verify(folder: Path) -> None:
    """That every image is there, without opening any.

    Raises:
        DataError: if not.
    """
    missing = [path for part in _files(folder) for path in part[0] if not path.is_file()]
    if missing:
        raise DataError(f"{folder} lacks {len(missing)} images, the first is {missing[0]}")


def read(folder: Path) -> list[tuple[Bytes, Bytes]]:
    """Images ``(N, 3, 64, 64)`` and labels ``(N,)`` of the training and the validation set.

    The first call decodes the JPEG files, into arrays that lie beside them for the next call if the
    folder can be written. The arrays may be mapped from disk: index them before computing.

    Raises:
        DataError: if an image is missing or damaged, or a list of them.
    """
    names = ("train", "val")
    return [
        (_pixels(folder / f"{name}.npy", paths), labels)
        for name, (paths, labels) in zip(names, _files(folder), strict=True)
    ]


def class_names(folder: Path) -> tuple[str, ...]:
    """A word for each class, in the order of their indices."""
    lines = (line.partition("\t") for line in _lines(folder / "words.txt"))
    words = {wnid: name.split(",")[0] for wnid, _, name in lines}
    return tuple(words.get(wnid, wnid) for wnid in _wnids(folder))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}; fetch Tiny ImageNet again") from error


def _wnids(folder: Path) -> list[str]:
    """WordNet's names of the classes; a class's index is its place in their alphabet."""
    wnids = sorted({line.strip() for line in _lines(folder / "wnids.txt") if line.strip()})
    if len(wnids) != CLASSES:
        raise DataError(f"{folder / 'wnids.txt'} has {len(wnids)} classes, should have {CLASSES}")
    return wnids


def _annotations(folder: Path) -> list[tuple[str, str]]:
    """File and class of each validation image."""
    path = folder / "val" / "val_annotations.txt"
    rows = [line.split("\t")[:2] for line in _lines(path)]
    if len(rows) != VALIDATION or any(len(row) != 2 for row in rows):
        raise DataError(f"{path} has {len(rows)} lines of images, should have {VALIDATION}")
    return [(name, wnid) for name, wnid in rows]


def _files(folder: Path) -> list[tuple[list[Path], Bytes]]:
    """Image files and labels of the training and the validation set."""
    index = {wnid: i for i, wnid in enumerate(_wnids(folder))}
    train = [
        folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG"
        for wnid in index
        for i in range(PER_CLASS)
    ]
    rows = _annotations(folder)
    if unknown := {wnid for _, wnid in rows} - index.keys():
        raise DataError(f"{folder} is damaged: validation images of unknown class {unknown}")
    return [
        (train, np.repeat(np.arange(CLASSES, dtype=np.uint8), PER_CLASS)),
        (
            [folder / "val" / "images" / name for name, _ in rows],
            np.array([index[wnid] for _, wnid in rows], dtype=np.uint8),
        ),
    ]


def _pixels(cache: Path, paths: list[Path]) -> Bytes:
    """Pixels of the images, from ``cache`` if it has them, ``(N, 3, 64, 64)``."""
    shape = (len(paths), 3, SIDE, SIDE)
    try:
        cached = np.load(cache, mmap_mode="r", allow_pickle=False)
        if cached.shape == shape and cached.dtype == np.uint8:
            return cached
    except (OSError, EOFError, ValueError):
        pass  # not there, or not whole: made anew
    pixels = np.empty(shape, dtype=np.uint8)
    label = f"decoding {cache.stem} images"
    for i, path in enumerate(tqdm(paths, label, unit="image", leave=False, disable=None)):
        pixels[i] = _decode(path)
    _save(cache, pixels)
    return pixels


def _decode(path: Path) -> Bytes:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))  # some are grey
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path} cannot be decoded: {error}; fetch Tiny ImageNet again") from error
    if pixels.shape != (SIDE, SIDE, 3):
        raise DataError(f"{path} has the shape {pixels.shape}, should have {(SIDE, SIDE, 3)}")
    return pixels.transpose(2, 0, 1)


def _save(cache: Path, pixels: Bytes) -> None:
    """Keep the pixels for the next call, or not if there is no room or no permission."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=cache.parent, suffix=".npy", delete=False) as file:
            temporary = Path(file.name)
            np.save(file, pixels, allow_pickle=False)
        temporary.chmod(0o644)  # a temporary file is its maker's alone, the folder may be shared
        temporary.replace(cache)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
