"""MNIST, and the reader of its file format, IDX: a header, then pixels or labels as bytes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anode_lab.images.base import Bytes, register_image_set
from anode_lab.images.downloaded import DownloadedSet

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def by_file(*digests: str, suffix: str = "") -> dict[str, str]:
    """Pair the names of the files, each with ``suffix``, with their digests."""
    return {name + suffix: digest for name, digest in zip(FILES, digests, strict=True)}


@dataclass(frozen=True, eq=False, kw_only=True)
class IdxSet(DownloadedSet):
    """A set of grey images of 28 x 28 pixels in MNIST's files."""

    def read(self, folder: Path) -> list[tuple[Bytes, Bytes]]:
        arrays = [
            np.frombuffer(self.content(folder, name), np.uint8, offset=16 if "idx3" in name else 8)
            for name in FILES
        ]
        return [(x.reshape(-1, 1, 28, 28), y) for x, y in (arrays[:2], arrays[2:])]


register_image_set(
    IdxSet(
        name="mnist",
        title="MNIST",
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied "
        "to document recognition, Proceedings of the IEEE 86, 1998",
        classes=tuple("0123456789"),
        place="MNIST/raw",
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        md5=by_file(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
            suffix=".gz",
        ),
        sha256=by_file(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        download_bytes=11_600_000,
        space_bytes=23_200_000,
    )
)
