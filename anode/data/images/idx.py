"""MNIST's file format, and the two sets that come in it."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anode.data.images.catalogue import DataError

Bytes = NDArray[np.uint8]


def read_idx(path: Path) -> Bytes:
    """The array of unsigned bytes in an IDX file (MNIST's format), plain or compressed (``.gz``).

    Raises:
        DataError: if the file cannot be read or decompressed, is no such file, or is longer or
            shorter than its header says.
    """
    return _parse(path, _content(path))


def find_files(folder: Path, sha256: Mapping[str, str]) -> dict[str, Path] | None:
    """The files of a set in ``folder``, compressed or not, by name; None if none is there.

    Raises:
        DataError: if only some are there.
    """
    candidates = {name: (folder / name, folder / f"{name}.gz") for name in sha256}
    found = {name: [p for p in paths if p.is_file()] for name, paths in candidates.items()}
    missing = [name for name, paths in found.items() if not paths]
    if len(missing) == len(found):
        return None
    if missing:
        raise DataError(
            f"{folder} has only some of the set's files: {', '.join(missing)} (or with .gz) "
            "missing; complete the download, or remove the folder"
        )
    return {name: paths[0] for name, paths in found.items()}


def read_set(folder: Path, title: str, sha256: Mapping[str, str]) -> dict[str, Bytes]:
    """Arrays of a set's files by name, each of the content that ``sha256`` says.

    Raises:
        DataError: if a file is missing, damaged, or another than the set's.
    """
    files = find_files(folder, sha256)
    if files is None:
        raise DataError(f"{folder} has none of {title}'s files: {', '.join(sha256)}")
    arrays = {}
    for name, path in files.items():
        content = _content(path)
        arrays[name] = _parse(path, content)
        if (digest := hashlib.sha256(content).hexdigest()) != sha256[name]:
            raise DataError(
                f"{path} is not {title}'s {name}: the SHA-256 of its content is {digest}, it "
                f"should be {sha256[name]}; fetch it again, or remove it"
            )
    return arrays


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read, it may be truncated: {error}") from error


def _parse(path: Path, content: bytes) -> Bytes:
    if len(content) < 4 or content[:3] != b"\0\0\x08" or content[3] == 0:
        raise DataError(
            f"{path} is no IDX file of unsigned bytes: it starts with {content[:4].hex(' ')!r}, "
            "such a file with '00 00 08' and its number of axes"
        )
    axes, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{path} is truncated: {len(content)} bytes end within its header")
    shape = struct.unpack(f">{axes}I", content[4:start])
    expected = 1
    for length in shape:  # Python's integers do not overflow, whatever a broken header says
        expected *= length
    if len(content) - start != expected:
        raise DataError(
            f"{path} is damaged: its header says {expected} bytes of shape {shape}, it has "
            f"{len(content) - start}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
