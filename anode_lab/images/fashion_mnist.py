"""Fashion-MNIST, which has MNIST's format, sizes and number of classes."""

from pathlib import Path

from anode_lab.images.base import register_image_set
from anode_lab.images.mnist import IdxSet, by_file

register_image_set(
    IdxSet(
        name="fashion-mnist",
        title="Fashion-MNIST",
        citation="H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for "
        "benchmarking machine learning algorithms, arXiv:1708.07747, 2017",
        classes=(
            "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag",
            "boot",
        ),
        offline="Debian's package dataset-fashion-mnist",
        installed=Path("/usr/share/datasets/fashion-mnist"),
        place="FashionMNIST/raw",
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        md5=by_file(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
            suffix=".gz",
        ),
        sha256=by_file(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        download_bytes=30_900_000,
        space_bytes=61_800_000,
    )
)  # fmt: skip
