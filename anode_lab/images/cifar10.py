"""CIFAR-10 in its binary version, which holds nothing to run; the version for Python is pickles."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anode_lab.images.base import Bytes, register_image_set
from anode_lab.images.downloaded import DownloadedSet


@dataclass(frozen=True, eq=False, kw_only=True)
class Cifar10(DownloadedSet):
    """CIFAR-10. An image is a byte for its class, then its red, green and blue pixels.

    Records of trainings know the set by the checksum of its archive.
    """

    def checksums(self) -> dict[str, str]:
        return dict(self.md5)

    def read(self, folder: Path) -> list[tuple[Bytes, Bytes]]:
        *train, test = (self.content(folder, name) for name in self.sha256)
        parts = [
            np.frombuffer(part, np.uint8).reshape(-1, 3073) for part in (b"".join(train), test)
        ]
        return [(part[:, 1:].reshape(-1, 3, 32, 32), part[:, 0]) for part in parts]

    def unpack(self, files: Sequence[Path], folder: Path, *, progress: bool) -> None:
        def plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
            member = tarfile.data_filter(member, path)
            member.mode = None  # type: ignore[assignment]  # the umask's, so that others may read
            return member

        with tarfile.open(files[0]) as archive:
            archive.extractall(folder, filter=plain)


register_image_set(
    Cifar10(
        name="cifar-10",
        title="CIFAR-10",
        citation="A. Krizhevsky, Learning multiple layers of features from tiny images, 2009",
        classes=(
            "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
            "truck",
        ),
        place="cifar-10-batches-bin",
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        md5={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        sha256={
            "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
        download_bytes=170_100_000,
        space_bytes=354_600_000,
    )
)  # fmt: skip
