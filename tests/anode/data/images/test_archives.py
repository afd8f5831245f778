"""An archive puts files below one folder, or is refused; its own permissions do not count."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from anode.data.images.archives import unpack
from anode.data.images.catalogue import DataError
from tests.helpers.image_sets import tarred, zipped

EVIL_NAMES = ("../evil", "inside/../../evil", "/tmp/evil", "C:/evil", "..\\evil", "\\evil")


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("kind", [".tar.gz", ".zip"])
def test_an_archive_cannot_write_elsewhere(tmp_path: Path, kind: str, name: str) -> None:
    files = {"inside/good": b"1", name: b"2"}
    archive = tmp_path / f"archive{kind}"
    archive.write_bytes(tarred(files) if kind == ".tar.gz" else zipped(files))
    with pytest.raises(DataError, match="not to be trusted"):
        unpack(archive, tmp_path / "folder" / "deep")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {archive.name, "good"}


def evil_member(kind: bytes) -> tarfile.TarInfo:
    """A member that is no file: a link out of the folder, or a device."""
    member = tarfile.TarInfo("inside/link")
    member.type = kind
    member.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else "inside/good"
    return member


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_tar_archive_may_have_no_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(tarred({"inside/good": b"1", "inside/link": evil_member(kind)}))
    with pytest.raises(DataError, match=r"'inside/link' is no file"):
        unpack(archive, tmp_path / "folder")
    assert not (tmp_path / "folder" / "inside" / "link").exists()


def test_a_zip_archive_may_have_no_links(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("inside/link")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    archive = tmp_path / "archive.zip"
    archive.write_bytes(zipped({"inside/good": b"1", link: b"/etc/passwd"}))
    with pytest.raises(DataError, match=r"'inside/link' is no file"):
        unpack(archive, tmp_path / "folder")


@pytest.mark.parametrize("left", [0, 1, 20, 5000])
@pytest.mark.parametrize("kind", [".tar.gz", ".zip"])
def test_a_damaged_archive_is_named(tmp_path: Path, kind: str, left: int) -> None:
    files = {f"inside/{i}": os.urandom(3000) for i in range(9)}
    content = tarred(files) if kind == ".tar.gz" else zipped(files)
    (archive := tmp_path / f"archive{kind}").write_bytes(content[:left])
    with pytest.raises(DataError, match=str(archive)):
        unpack(archive, tmp_path / "folder")


@pytest.mark.parametrize("kind", [".tar.gz", ".zip"])
def test_files_and_folders_are_unpacked_as_they_were(tmp_path: Path, kind: str) -> None:
    files = {"inside/a": b"1", "inside/deep/er/b": os.urandom(100_000), "..a/b..": b""}
    archive = tmp_path / f"archive{kind}"
    archive.write_bytes(tarred(files) if kind == ".tar.gz" else zipped(files))
    unpack(archive, tmp_path / "folder")
    found = {p for p in (tmp_path / "folder").rglob("*") if p.is_file()}
    assert {p.relative_to(tmp_path / "folder").as_posix(): p.read_bytes() for p in found} == files
