"""Image sets of a few images in the true formats, for tests to read, serve and break."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from anode_lab.images import IMAGE_SETS
from anode_lab.images.downloaded import DownloadedSet

Bytes = NDArray[np.uint8]
Files = dict[str, bytes]
"""Contents of files by their names."""

ARCHIVED = {"cifar-10": "cifar-10-binary.tar.gz", "tiny-imagenet": "tiny-imagenet-200.zip"}
"""Sets that come in one archive, and its name."""


def idx(array: Bytes) -> bytes:
    """``array`` as an IDX file."""
    header = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + header + array.tobytes()


def idx_files() -> Files:
    """Like MNIST's: 40 training and 12 test images, labels counting up, modulo 10."""
    rng = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 40), ("t10k", 12)):
        pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx(pixels)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8) % 10)
    return files


def cifar_files() -> Files:
    """Like CIFAR-10's: six files of 4 images, random pixels."""
    rng = np.random.default_rng(1)
    files = {}
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        records = rng.integers(0, 256, (4, 1 + 3 * 32 * 32), dtype=np.uint8)
        records[:, 0] %= 10
        files[name] = records.tobytes()
    return files | {"batches.meta.txt": b"airplane\n"}


def tiny_files() -> Files:
    """Like Tiny ImageNet's: 3 classes of 2 training images, 4 validation images, one colour each.

    The first training image is grey. An image's red is its number.
    """
    wnids = ["n03", "n01", "n02"]
    files = {
        "wnids.txt": "\n".join(wnids).encode(),
        "words.txt": b"n01\tgoldfish, Carassius auratus\nn02\tbullfrog\nn09\tnone of them\n",
    }
    number = 0
    for wnid in sorted(wnids):
        for i in range(2):
            colour = (number, 60, 120)
            files[f"train/{wnid}/images/{wnid}_{i}.JPEG"] = jpeg(number if number == 0 else colour)
            number += 20
    rows = []
    for i in range(4):
        files[f"val/images/val_{i}.JPEG"] = jpeg((number, 60, 120))
        number += 20
        rows.append(f"val_{i}.JPEG\t{wnids[i % 3]}\t0\t0\t62\t62\n")
    return files | {"val/val_annotations.txt": "".join(rows).encode()}


def jpeg(colour: int | tuple[int, int, int], side: int = 64) -> bytes:
    """A picture of one colour, or of one grey."""
    mode = "L" if isinstance(colour, int) else "RGB"
    Image.new(mode, (side, side), colour).save(file := io.BytesIO(), "JPEG", quality=100)
    return file.getvalue()


CONTENT = {
    "mnist": idx_files,
    "cifar-10": cifar_files,
    "tiny-imagenet": tiny_files,
}


def served(name: str) -> Files:
    """What a mirror has of the set."""
    files = CONTENT[name]()
    if name == "mnist":
        return {f"{file}.gz": gzip.compress(content) for file, content in files.items()}
    inside = {f"{downloaded(name).place}/{file}": content for file, content in files.items()}
    archive = ARCHIVED[name]
    return {archive: zipped(inside) if archive.endswith(".zip") else tarred(inside)}


def downloaded(name: str) -> DownloadedSet:
    """The set of that name, which has to be fetched."""
    found = IMAGE_SETS[name]
    assert isinstance(found, DownloadedSet)
    return found


def tarred(files: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """A .tar.gz of the files, and of members that are given as such."""
    with tarfile.open(fileobj=(archive := io.BytesIO()), mode="w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o600
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def zipped(files: Mapping[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A .zip of the files."""
    with zipfile.ZipFile(archive := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return archive.getvalue()


def register(
    monkeypatch: pytest.MonkeyPatch, name: str, files: Files, mirrors: tuple[str, ...] = ()
) -> DownloadedSet:
    """Let the small set be the true one, at ``mirrors`` that have ``files``."""
    counts = {"n_classes": 3, "per_class": 2, "n_validation": 4} if name == "tiny-imagenet" else {}
    small = replace(
        downloaded(name),
        mirrors=mirrors,
        md5={file: hashlib.md5(content).hexdigest() for file, content in files.items()},
        sha256={
            file: hashlib.sha256(content).hexdigest()
            for file, content in CONTENT[name]().items()
            if file in downloaded(name).sha256
        },
        download_bytes=sum(map(len, files.values())),
        space_bytes=1_000_000,
        **counts,
    )
    monkeypatch.setitem(IMAGE_SETS, name, small)
    return small


def write(folder: Path, files: Files, *, compressed: bool = False) -> Path:
    """The files, in ``folder``."""
    for name, content in files.items():
        path = folder / (f"{name}.gz" if compressed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if compressed else content)
    return folder
