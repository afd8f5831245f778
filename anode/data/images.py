"""Real images: Fashion-MNIST where its files are on this machine, else scikit-learn's digits.

Fashion-MNIST (Xiao, Rasul and Vollgraf 2017) is looked for where torchvision and where Debian's
package ``dataset-fashion-mnist`` put it. Nothing is downloaded unless :func:`download` is called.
"""

import gzip
import hashlib
import os
import struct
import zlib
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from anode.data.dataset import Data
from anode.randomness import Stream, generator

FOLDER_VARIABLE = "ANODE_DATA"
"""Environment variable that names the folder of downloaded data."""

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

FASHION_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""The files and the SHA-256 of their uncompressed content, whoever compressed it."""

FASHION = "Fashion-MNIST"
FASHION_CLASSES = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag", "boot",
)  # fmt: skip
_DIGITS_TRAINING = 1500  # of 1797; the others are for validation

_Split = tuple[Tensor, Tensor]
"""Images ``(N, 1, H, W)`` and labels ``(N,)``."""


class DataError(ValueError):
    """A data file is missing, damaged or not what its name says; the message names it."""


def load_images(
    *, n_train: int, n_test: int, max_side: int = 28, seed: int = 0
) -> tuple[Data, Data]:
    """Training and test images of ten classes, pixels from 0 to 1, chosen at random.

    Fashion-MNIST has 60,000 training and 10,000 test images of 28 x 28 pixels. The digits, of
    8 x 8, are split here: 1500 for training and 297 for tests.

    Args:
        n_train, n_test: number of images, or all there are if there are fewer.
        max_side: larger images are averaged over squares of pixels until their sides are at most
            this.
        seed: of the split and the choice.

    Returns:
        x of shape ``(N, 1, H, W)``, y of shape ``(N,)``. The name says which data it is, and
        whether it was made smaller.

    Raises:
        ValueError: if a number is not positive, the seed is negative, or ANODE_DATA is set to
            something else than a folder.
        DataError: if some of Fashion-MNIST's files are missing, or one is damaged.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("max_side", max_side)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    files = _find_fashion()
    counts = (n_train, n_test)
    splits = _digits(counts, seed) if files is None else _fashion(files, counts, seed)
    name = "digits of scikit-learn" if files is None else FASHION
    train, test = (_shrink(images, labels, name, max_side) for images, labels in splits)
    return train, test


def class_names(data: Data) -> tuple[str, ...]:
    """What the ten classes of :func:`load_images` are, in the order of their indices."""
    if data.name.startswith(FASHION):
        return FASHION_CLASSES
    return tuple(map(str, range(10)))


def identity() -> str:
    """Which data :func:`load_images` would read here, without a path: it changes when they do."""
    try:
        files = _find_fashion()
    except ValueError as error:
        return f"none: {type(error).__name__}"  # the message may name a path
    if files is None:
        return f"digits of scikit-learn {version('scikit-learn')}"
    parts = []
    for path in files.values():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        parts.append(f"{path.name} {path.stat().st_size} {digest}")
    return f"{FASHION}: " + ", ".join(parts)


def data_folder() -> Path:
    """Where downloaded data are: $ANODE_DATA if it is set, else ``~/.cache/anode``."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / ".cache" / "anode")


def download() -> Path:
    """Fetch Fashion-MNIST, about 30 MB, with torchvision to where :func:`load_images` looks.

    Returns:
        The folder of the files.
    """
    from torchvision.datasets import FashionMNIST

    folder = data_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return Path(FashionMNIST(str(folder), download=True).raw_folder)


def read_idx(path: Path) -> Tensor:
    """The array of unsigned bytes in an IDX file (MNIST's format), plain or compressed (``.gz``).

    Raises:
        DataError: if the file cannot be read or decompressed, is no such file, or is longer or
            shorter than its header says.
    """
    return _parse_idx(path, _content(path))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read, it may be truncated: {error}") from error


def _parse_idx(path: Path, content: bytes) -> Tensor:
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
        raise DataError(
            f"{path} is no IDX file of unsigned bytes: it starts with {content[:4].hex(' ')!r}, "
            "such a file with '00 00 08' and its number of axes"
        )
    axes, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{path} is truncated: {len(content)} bytes end within its header")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = int(torch.Size(shape).numel())
    if len(content) - start != expected:
        raise DataError(
            f"{path} is damaged: its header says {expected} bytes of shape {shape}, it has "
            f"{len(content) - start}"
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=start).view(shape)


def _find_fashion() -> dict[str, Path] | None:
    """Fashion-MNIST's files by name, of the first place that has them; None if there is none."""
    folder = data_folder()
    if os.environ.get(FOLDER_VARIABLE) and not folder.is_dir():
        raise ValueError(
            f"{FOLDER_VARIABLE} must name a folder, but {str(folder)!r} is none; make it, or unset "
            "the variable"
        )
    for place in (folder / "FashionMNIST" / "raw", DEBIAN_FOLDER):
        candidates = {n: [place / n, place / f"{n}.gz"] for n in FASHION_SHA256}
        found = {n: [path for path in paths if path.is_file()] for n, paths in candidates.items()}
        missing = [name for name, paths in found.items() if not paths]
        if not missing:
            return {name: paths[0] for name, paths in found.items()}
        if len(missing) < len(found):
            raise DataError(
                f"{place} has only some of {FASHION}'s files: {', '.join(missing)} (or with .gz) "
                "missing; complete the download, or remove the folder"
            )
    return None


def _fashion(files: dict[str, Path], counts: tuple[int, int], seed: int) -> list[_Split]:
    """Images and labels of the training and the test set, chosen at random."""
    arrays = {}
    for name, path in files.items():
        content = _content(path)
        arrays[name] = _parse_idx(path, content)
        if (digest := hashlib.sha256(content).hexdigest()) != FASHION_SHA256[name]:
            raise DataError(
                f"{path} is not {FASHION}'s {name}: the SHA-256 of its content is {digest}, it "
                f"should be {FASHION_SHA256[name]}; fetch it again, or remove it"
            )
    splits = []
    for index, (part, count) in enumerate(zip(("train", "t10k"), counts, strict=True)):
        images, labels = arrays[f"{part}-images-idx3-ubyte"], arrays[f"{part}-labels-idx1-ubyte"]
        order = torch.randperm(len(images), generator=generator(seed, Stream.SPLIT, index))
        chosen = order[:count]
        splits.append((images[chosen][:, None] / 255, labels[chosen].long()))
    return splits


def _digits(counts: tuple[int, int], seed: int) -> list[_Split]:
    """Images and labels of a training and a test set, chosen at random."""
    # Imported here: scikit-learn takes longer to import than a toy experiment to start.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16  # (1797, 1, 8, 8)
    labels = torch.tensor(digits.target).long()
    order = torch.randperm(len(images), generator=generator(seed, Stream.SPLIT))
    parts = order[:_DIGITS_TRAINING], order[_DIGITS_TRAINING:]
    chosen = [part[:count] for part, count in zip(parts, counts, strict=True)]
    return [(images[part], labels[part]) for part in chosen]


def _shrink(images: Tensor, labels: Tensor, name: str, max_side: int) -> Data:
    """Average over the smallest squares that divide the image and make it small enough."""
    side = images.shape[-1]
    factor = next(f for f in range(1, side + 1) if side % f == 0 and side // f <= max_side)
    if factor > 1:
        images = F.avg_pool2d(images, factor)
    made = "averaged to " if factor > 1 else ""
    return Data(images, labels, f"{name}, {made}{side // factor} × {side // factor} pixels")
