"""Tiny ImageNet: 200 classes of ImageNet, 64 x 64 pixels, as JPEG files.

The classes of its test images were never published; its validation images are the test set here.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from anode_lab.images.base import Bytes, DataError, register_image_set
from anode_lab.images.downloaded import DownloadedSet

SIDE = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class TinyImageNet(DownloadedSet):
    """Tiny ImageNet. The names of its classes come with it, and it is known by its archive.

    Attributes:
        n_classes: Number of classes.
        per_class: Number of training images of each class.
        n_validation: Number of validation images.
    """

    n_classes: int = 200
    per_class: int = 500
    n_validation: int = 10_000

    def checksums(self) -> dict[str, str]:
        return dict(self.md5)

    def class_names(self) -> tuple[str, ...]:
        folder = self.folder()
        lines = (line.partition("\t") for line in self._lines(folder / "words.txt"))
        words = {wnid: name.split(",")[0] for wnid, _, name in lines}
        return tuple(words.get(wnid, wnid) for wnid in self._lists(folder)[0])

    def present(self, folder: Path) -> bool:
        return folder.is_dir() and bool(self._lists(folder))

    def verify(self, folder: Path) -> None:
        """Check that every image is there, without opening any."""
        missing = [path for paths, _ in self._files(folder) for path in paths if not path.is_file()]
        if missing:
            raise DataError(f"{folder} lacks {len(missing)} images, the first is {missing[0]}")

    def read(self, folder: Path) -> list[tuple["Jpegs", Bytes]]:
        return [(Jpegs(paths, self._advice), labels) for paths, labels in self._files(folder)]

    def unpack(self, files: Sequence[Path], folder: Path, *, progress: bool) -> None:
        with zipfile.ZipFile(files[0]) as archive:
            for name in tqdm(archive.namelist(), "unpacking", leave=False, disable=not progress):
                archive.extract(name, folder)

    def _lists(self, folder: Path) -> tuple[list[str], list[tuple[str, str]]]:
        """List WordNet's names of the classes, and the file and the class of validation images."""
        path = folder / "val" / "val_annotations.txt"
        wnids = sorted(self._lines(folder / "wnids.txt", self.n_classes))
        rows = [line.split("\t")[:2] for line in self._lines(path, self.n_validation)]
        if unknown := {wnid for *_, wnid in rows} - set(wnids):
            raise DataError(f"{path} has images of unknown class {unknown}{self._advice}")
        return wnids, [(name, wnid) for name, wnid in rows]

    def _files(self, folder: Path) -> list[tuple[list[Path], Bytes]]:
        """List the image files and the labels of the training and the validation set."""
        wnids, rows = self._lists(folder)
        train = [
            folder / "train" / wnid / "images" / f"{wnid}_{i}.JPEG"
            for wnid in wnids
            for i in range(self.per_class)
        ]
        validation = [folder / "val" / "images" / name for name, _ in rows]
        return [
            (train, np.repeat(np.arange(len(wnids), dtype=np.uint8), self.per_class)),
            (validation, np.array([wnids.index(wnid) for _, wnid in rows], dtype=np.uint8)),
        ]

    def _lines(self, path: Path, count: int | None = None) -> list[str]:
        try:
            lines = [line for line in path.read_text(encoding="utf8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}{self._advice}") from error
        if count not in (None, len(lines)):
            raise DataError(f"{path} has {len(lines)} lines, not {count}{self._advice}")
        return lines


@dataclass(frozen=True)
class Jpegs:
    """Images that are decoded when an index asks for them; errors end with ``advice``."""

    paths: list[Path]
    advice: str

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: NDArray[np.int64], /) -> Bytes:
        from PIL import Image

        pixels = np.empty((len(index), 3, SIDE, SIDE), np.uint8)
        bar = tqdm(index, "decoding images", unit="image", leave=False, disable=None)
        for i, path in enumerate(self.paths[j] for j in bar):
            try:
                with Image.open(path) as image:
                    decoded = np.asarray(image.convert("RGB"))  # (64, 64, 3); some are grey
            except (OSError, SyntaxError, ValueError) as error:
                raise DataError(f"{path} cannot be decoded: {error}{self.advice}") from error
            if decoded.shape != (SIDE, SIDE, 3):
                raise DataError(f"{path} has the shape {decoded.shape}{self.advice}")
            pixels[i] = decoded.transpose(2, 0, 1)
        return pixels


register_image_set(
    TinyImageNet(
        name="tiny-imagenet",
        title="Tiny ImageNet",
        citation="Y. Le and X. Yang, Tiny ImageNet visual recognition challenge, 2015",
        classes=(),
        place="tiny-imagenet-200",
        mirrors=("http://cs231n.stanford.edu/",),
        md5={"tiny-imagenet-200.zip": "90528d7ca1a48142e341f4ef8d21d0de"},
        sha256={},
        download_bytes=248_100_000,
        space_bytes=800_000_000,  # 120,000 files, most of one block of 4 KiB
    )
)
