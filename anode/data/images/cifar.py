"""Reader of CIFAR-10's binary archive (Krizhevsky 2009).

A file is 10,000 records, each a byte of the class and 3 x 32 x 32 bytes of red, green and blue.
There is nothing in it to run, unlike the pickles of the archive for Python.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anode.data.images.catalogue import DataError

Bytes = NDArray[np.uint8]

RECORDS = 10_000
"""Images in a file."""
SHAPE = (3, 32, 32)
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
PARTS = (tuple(f"data_batch_{i}.bin" for i in range(1, 6)), ("test_batch.bin",))
"""Files of the training and of the test set."""
_RECORD = 1 + 3 * 32 * 32


def check(folder: Path) -> None:
    """That each file is there and as long as it must be.

    Raises:
        DataError: if not.
    """
    for name in (name for part in PARTS for name in part):
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size != RECORDS * _RECORD:
            found = "is missing" if size is None else f"has {size} bytes"
            raise DataError(
                f"{path} {found}, it should have {RECORDS * _RECORD}; fetch CIFAR-10 again, or "
                f"remove {folder}"
            )


def read(folder: Path) -> list[tuple[Bytes, Bytes]]:
    """Images ``(N, 3, 32, 32)`` and labels ``(N,)`` of the training and the test set.

    Raises:
        DataError: if a file is missing, of the wrong size, or has a class that is none.
    """
    check(folder)
    parts = []
    for names in PARTS:
        records = np.concatenate([np.fromfile(folder / name, np.uint8) for name in names])
        records = records.reshape(-1, _RECORD)
        if (labels := records[:, 0]).max() >= len(CLASSES):
            raise DataError(f"{folder} is damaged: {names} have class {labels.max()}, beyond 9")
        parts.append((records[:, 1:].reshape(-1, *SHAPE), labels))
    return parts
