"""Which image sets there are, where each comes from, and where it lies once it is here."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

FOLDER_VARIABLE = "ANODE_DATA"
"""Environment variable that names the folder of downloaded data; users may share it."""

INSTEAD = (
    "Without a network: Fashion-MNIST from Debian's package dataset-fashion-mnist "
    "('fashion-mnist'), scikit-learn's digits ('digits'), or patches of colour photographs "
    "('colour-patches'); the last two are always here"
)


class DataError(ValueError):
    """Data are missing, damaged or not what their name says; the message says which and where."""


class ImageSet(Enum):
    """An image set; the value is its name on the command line."""

    MNIST = "mnist"
    FASHION = "fashion-mnist"
    CIFAR10 = "cifar-10"
    TINY_IMAGENET = "tiny-imagenet"
    DIGITS = "digits"
    PATCHES = "colour-patches"

    @property
    def title(self) -> str:
        """The name that figures print; a stand-in says that it is one."""
        return _TITLES[self]


_TITLES = {
    ImageSet.MNIST: "MNIST",
    ImageSet.FASHION: "Fashion-MNIST",
    ImageSet.CIFAR10: "CIFAR-10",
    ImageSet.TINY_IMAGENET: "Tiny ImageNet",
    ImageSet.DIGITS: "digits of scikit-learn",
    ImageSet.PATCHES: "colour patches of ten photographs (a stand-in for CIFAR-10)",
}


@dataclass(frozen=True)
class Remote:
    """Where the files of a set can be had.

    Attributes:
        mirrors: addresses of folders, each ending in a slash, in the order to try them.
        md5: files in each of them, with the MD5 of what is downloaded.
    """

    mirrors: tuple[str, ...]
    md5: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """A set that has to be fetched.

    Attributes:
        place: its folder within the data folder, as torchvision or the archive names it.
        remote: where it can be had; called only when something is fetched.
        download_bytes, unpacked_bytes: about how much is downloaded, and how much then lies there.
        sha256: of the uncompressed content of its IDX files, whoever compressed them.
        elsewhere: other folders where the set may lie.
    """

    place: str
    remote: Callable[[], Remote]
    download_bytes: int
    unpacked_bytes: int
    sha256: Mapping[str, str] = field(default_factory=dict)
    elsewhere: tuple[Path, ...] = ()


def _torchvision(name: str) -> Callable[[], Remote]:
    """torchvision's own mirrors and checksums of MNIST or Fashion-MNIST."""

    def remote() -> Remote:
        # Imported here: nothing but a download needs torchvision, and it is slow to import.
        from torchvision import datasets

        dataset = getattr(datasets, name)
        return Remote(tuple(dataset.mirrors), dict(dataset.resources))

    return remote


def _cifar() -> Remote:
    # The binary archive, not the one that torchvision takes: that one holds pickles, which can run
    # code. Size and MD5 stand on the same page, https://www.cs.toronto.edu/~kriz/cifar.html.
    return Remote(
        ("https://www.cs.toronto.edu/~kriz/",),
        {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
    )


def _tiny() -> Remote:
    return Remote(
        ("http://cs231n.stanford.edu/",),
        {"tiny-imagenet-200.zip": "90528d7ca1a48142e341f4ef8d21d0de"},
    )


SOURCES: dict[ImageSet, Source] = {
    ImageSet.MNIST: Source(
        place="MNIST/raw",
        remote=_torchvision("MNIST"),
        download_bytes=11_600_000,
        unpacked_bytes=11_600_000,
        sha256={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
    ),
    ImageSet.FASHION: Source(
        place="FashionMNIST/raw",
        remote=_torchvision("FashionMNIST"),
        download_bytes=30_900_000,
        unpacked_bytes=30_900_000,
        sha256={
            "train-images-idx3-ubyte": (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
            ),
            "train-labels-idx1-ubyte": (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
            ),
            "t10k-images-idx3-ubyte": (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
            ),
            "t10k-labels-idx1-ubyte": (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
            ),
        },
        elsewhere=(Path("/usr/share/datasets/fashion-mnist"),),  # Debian's dataset-fashion-mnist
    ),
    ImageSet.CIFAR10: Source(
        place="cifar-10-batches-bin",
        remote=_cifar,
        download_bytes=170_100_000,
        unpacked_bytes=184_500_000,
    ),
    ImageSet.TINY_IMAGENET: Source(
        place="tiny-imagenet-200",
        remote=_tiny,
        download_bytes=248_100_000,
        # 120,000 files, most of one block of 4 KiB, and the decoded pixels beside them.
        unpacked_bytes=1_900_000_000,
    ),
}


def checksums(which: ImageSet) -> dict[str, str]:
    """What the set's files are known by, name -> SHA-256 or MD5; none for what is always here."""
    source = SOURCES.get(which)
    if source is None:
        return {}
    return dict(source.sha256 or source.remote().md5)


def data_folder() -> Path:
    """Where downloaded data are: $ANODE_DATA if it is set, else ``~/.cache/anode``."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / ".cache" / "anode")


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.0f} MB"
