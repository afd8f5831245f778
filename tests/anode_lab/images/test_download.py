"""A fetch ends with the whole set in its place, or with nothing there and an error that helps."""

import errno
import multiprocessing
import os
import shutil
import socket
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pooch
import pytest

from anode_lab.images import IMAGE_SETS, DataError, image_set
from anode_lab.images.downloaded import FOLDER_VARIABLE, RETRIES, DownloadedSet
from tests.helpers.image_sets import (
    ARCHIVED,
    CONTENT,
    Files,
    downloaded,
    register,
    served,
    tarred,
    write,
    zipped,
)
from tests.helpers.mirrors import Mirror, mirror

REAL = {name: downloaded(name) for name in CONTENT}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty; there are no pauses between tries."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setattr(pooch.core.time, "sleep", lambda _: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture(params=CONTENT)
def name(request: pytest.FixtureRequest) -> str:
    """Each set that has to be fetched."""
    return request.param


@pytest.fixture
def good(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that has the set, the only one that is known."""
    with mirror(served(name)) as there:
        register(monkeypatch, name, there.files, (there.url,))
        yield there


def fetch(name: str, folder: Path | None = None, progress: bool = True) -> Path:
    return downloaded(name).fetch(folder, progress=progress)


def nothing_there(name: str, data: Path) -> bool:
    """Whether no data set is found, and none is half there."""
    images = downloaded(name)
    return not images.available() and not (data / images.place).exists()


def assert_whole(name: str, data: Path) -> None:
    """The set is in its place as it should be, and nothing else is left."""
    place = data / downloaded(name).place
    for file, content in CONTENT[name]().items():
        if name in ARCHIVED:
            assert (place / file).read_bytes() == content
    assert len(image_set(name).load(n_train=1, n_test=1)[0]) == 1
    assert not (data / f".{name}").exists(), "the folder of the fetch is gone"


def test_every_downloaded_set_is_tested() -> None:
    found = {name for name, images in IMAGE_SETS.items() if isinstance(images, DownloadedSet)}
    assert found == CONTENT.keys()


# What should happen


@pytest.mark.usefixtures("good")
def test_what_is_fetched_is_found(name: str, data: Path) -> None:
    assert not image_set(name).available()
    assert fetch(name) == data / downloaded(name).place
    assert_whole(name, data)


def test_what_is_here_is_not_fetched_again(name: str, good: Mirror) -> None:
    fetch(name)
    asked = len(good.asked)
    fetch(name)
    assert len(good.asked) == asked > 0


@pytest.mark.usefixtures("good")
def test_a_folder_is_made_where_it_is_wanted(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "new" / "folder"
    assert fetch(name, wanted) == wanted / downloaded(name).place
    assert nothing_there(name, data)
    monkeypatch.setenv(FOLDER_VARIABLE, str(wanted))
    assert_whole(name, wanted)


@pytest.mark.usefixtures("good")
def test_files_may_be_shared(name: str) -> None:
    """Whoever may read new files of this process may read the set, whatever an archive says."""
    umask = os.umask(0o022)
    try:
        place = fetch(name)
    finally:
        os.umask(umask)
    for path in [place, *place.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


@pytest.mark.usefixtures("good")
def test_what_is_damaged_is_replaced(name: str, data: Path) -> None:
    place = write(data / downloaded(name).place, CONTENT[name]())
    damaged = {"cifar-10": "test_batch.bin", "tiny-imagenet": "val/images/val_1.JPEG"}
    (place / damaged.get(name, "t10k-labels-idx1-ubyte")).unlink()
    fetch(name)
    assert_whole(name, data)


def test_every_set_has_true_addresses_and_checksums(name: str) -> None:
    """The shape of them: whether they are right shows only with a network."""
    images = REAL[name]
    assert all(url.startswith(("http://", "https://")) and url[-1] == "/" for url in images.mirrors)
    assert images.mirrors
    assert all(len(bytes.fromhex(digest)) == 16 for digest in images.md5.values())
    assert all(len(bytes.fromhex(digest)) == 32 for digest in images.sha256.values())
    assert len(images.md5) == (4 if name == "mnist" else 1)


def test_it_is_quiet_unless_on_a_terminal(
    name: str, good: Mirror, capfd: pytest.CaptureFixture[str]
) -> None:
    good.faults = [500]
    fetch(name, progress=True)
    assert capfd.readouterr() == ("", "")


# Mirrors that fail


@pytest.mark.parametrize("status", [404, 500, 503])
def test_the_next_mirror_is_tried(
    name: str, good: Mirror, status: int, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with mirror(good.files, always=status) as bad:
        register(monkeypatch, name, good.files, (bad.url, good.url))
        fetch(name)
    assert len(good.asked) == len(good.files)
    assert len(bad.asked) == len(good.files) * (RETRIES + 1)
    assert_whole(name, data)


def assert_fails_and_then_works(name: str, good: Mirror, data: Path) -> str:
    """A fetch fails and leaves no set; once the mirror is well again it works; the message."""
    with pytest.raises(DataError) as failure:
        fetch(name)
    assert nothing_there(name, data)
    good.faults, good.always = [], None
    fetch(name)
    assert_whole(name, data)
    return str(failure.value)


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_of_all_mirrors_is_told(name: str, good: Mirror, status: int, data: Path) -> None:
    good.always = status
    message = assert_fails_and_then_works(name, good, data)
    assert f"{good.url}{next(iter(good.files))}: {status} " in message


def test_a_download_that_is_always_cut_short_is_no_file(
    name: str, good: Mirror, data: Path
) -> None:
    good.always = 0.5
    message = assert_fails_and_then_works(name, good, data)
    assert f"{good.url}{next(iter(good.files))}: IncompleteRead" in message


@pytest.mark.parametrize("fault", [500, 0.0, 0.3, 0.999])
def test_an_error_that_passes_is_no_failure(
    name: str, good: Mirror, fault: float, data: Path
) -> None:
    good.faults = [fault]
    fetch(name)
    assert_whole(name, data)
    assert len(good.asked) == len(good.files) + 1


def test_a_later_fetch_keeps_the_files_that_are_whole(name: str, good: Mirror, data: Path) -> None:
    *whole, last = good.files
    content = good.files.pop(last)
    with pytest.raises(DataError, match="404"):
        fetch(name)
    good.files[last] = content
    good.asked.clear()
    fetch(name)
    assert good.asked == [last]
    assert whole == [] or name == "mnist"
    assert_whole(name, data)


def test_offline_it_says_what_was_tried_what_it_needs_and_what_to_use_instead(
    name: str, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = [f"http://127.0.0.1:{unused.getsockname()[1]}/{i}/" for i in range(2)]
        images = register(monkeypatch, name, good.files, tuple(closed))
        with pytest.raises(DataError) as failure:
            fetch(name)
    message = str(failure.value)
    for url in closed:
        assert f"{url}{next(iter(good.files))}: [Errno {errno.ECONNREFUSED}]" in message
    for part in (
        images.title,
        str(data),
        f"{images.download_bytes / 1e6:,.0f} MB of download",
        f"{images.space_bytes / 1e6:,.0f} MB of space",
        "digits",
        "colour-patches",
    ):
        assert part in message
    assert message.count("\n") == 0
    assert nothing_there(name, data)


def test_a_wrong_file_is_refused(name: str, good: Mirror, data: Path) -> None:
    true = dict(good.files)
    first = next(iter(true))
    for wrong in (b"<html>sign in</html>", true[first][:-1], true[first] + b"\0", b""):
        good.files[first] = wrong
        with pytest.raises(DataError, match="hash"):
            fetch(name)
        assert nothing_there(name, data)
    good.files |= true
    fetch(name)
    assert_whole(name, data)


# Disks


def test_too_little_space_is_told_before_anything_is_downloaded(
    name: str, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    usage = shutil.disk_usage(data)._replace(free=downloaded(name).space_bytes - 1)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(DataError, match=r"not enough space: only [\d,]+ MB are free"):
            fetch(name)
    assert not good.asked
    assert nothing_there(name, data)
    fetch(name)
    assert_whole(name, data)


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_up_while_downloading_is_told(
    name: str, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pooch.HTTPDownloader, "__call__", _full)
        with pytest.raises(DataError, match="No space left"):
            fetch(name)
    assert nothing_there(name, data)
    fetch(name)
    assert_whole(name, data)


def test_a_disk_that_fills_up_while_unpacking_is_told(
    name: str, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with monkeypatch.context() as patch:
        for copy in ("copyfile", "copyfileobj"):
            patch.setattr(shutil, copy, _full)
        patch.setattr(tarfile, "copyfileobj", _full)
        with pytest.raises(DataError, match="No space left"):
            fetch(name)
    assert nothing_there(name, data)
    assert not (data / f".{name}" / "ready").exists(), "what was unpacked makes room"
    asked = len(good.asked)
    fetch(name)
    assert_whole(name, data)
    assert len(good.asked) == asked, "what was downloaded is still there"


def _forbid_writing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Also for a user whom permissions do not bind."""
    folder.chmod(0o555)
    mkdir, os_open = Path.mkdir, os.open

    def no_mkdir(path: Path, *args: object, **kwargs: object) -> None:
        if folder in path.parents and not path.is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        mkdir(path, *args, **kwargs)

    def no_open(path: object, flags: int, *args: object, **kwargs: object) -> int:
        if flags & os.O_CREAT and folder in Path(os.fsdecode(path)).parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return os_open(path, flags, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", no_mkdir)
    monkeypatch.setattr(os, "open", no_open)


def test_a_read_only_folder_that_has_the_set_will_do(
    name: str, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    place = fetch(name)
    asked = len(good.asked)
    with monkeypatch.context() as patch:
        _forbid_writing(patch, data)
        assert fetch(name) == place
        assert len(image_set(name).load(n_train=1, n_test=1)[0]) == 1
    assert len(good.asked) == asked
    data.chmod(0o755)


def test_a_read_only_folder_without_the_set_is_named(
    name: str, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with monkeypatch.context() as patch:
        _forbid_writing(patch, data)
        with pytest.raises(DataError, match=rf"Permission denied.*{data}"):
            fetch(name)
    data.chmod(0o755)
    assert not good.asked
    assert nothing_there(name, data)


def test_a_file_in_place_of_the_folder_is_named(name: str, tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    with pytest.raises(DataError, match=str(file)):
        fetch(name, file)


# Several at once


def _fetch_in_process(name: str, barrier: object, results: object) -> None:
    barrier.wait()
    try:
        results.put(str(fetch(name, progress=False)))
    except Exception as error:
        results.put(repr(error))


def test_of_two_processes_one_downloads(name: str, good: Mirror, data: Path) -> None:
    good.faults = [0.5]  # so that it takes a while
    context = multiprocessing.get_context("fork")  # with the small sets of this process
    barrier, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_fetch_in_process, args=(name, barrier, results), daemon=True)
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert found == {str(data / downloaded(name).place)}
    assert len(good.asked) == len(good.files) + 1
    assert_whole(name, data)


def test_what_a_killed_process_left_is_no_hindrance(name: str, good: Mirror, data: Path) -> None:
    work = data / f".{name}"
    write(work / "ready" / downloaded(name).place, {"half": b"x"})
    write(work, {"tmp123": b"x", next(iter(good.files)): b"half"})
    fetch(name)
    assert_whole(name, data)


# Archives


@pytest.mark.parametrize("name", ARCHIVED)
@pytest.mark.parametrize("fault", ["half", "other", "cut"])
def test_an_archive_of_something_else_is_no_set(
    name: str, fault: str, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    """Even with the right checksum."""
    true = served(name)
    (archive,) = true
    inside: Files = {
        f"{downloaded(name).place}/{file}": content for file, content in CONTENT[name]().items()
    }
    if fault == "half":
        del inside[list(inside)[-1 if name == "tiny-imagenet" else 0]]
    elif fault == "other":
        inside = {"other/file": b"x"}
    content = (zipped if archive.endswith(".zip") else tarred)(inside)
    with mirror({archive: content[:500] if fault == "cut" else content}) as there:
        register(monkeypatch, name, there.files, (there.url,))
        with pytest.raises(DataError):
            fetch(name)
        assert nothing_there(name, data)
        there.files |= true
        register(monkeypatch, name, true, (there.url,))
        fetch(name)
    assert_whole(name, data)


EVIL_NAMES = ("../evil", "inside/../../evil", "/tmp/evil", "C:/evil", "..\\evil", "\\evil")


def unpacked(name: str, content: bytes, tmp_path: Path) -> Path:
    """The folder that an archive was unpacked into, as far as it can be."""
    (archive := tmp_path / ARCHIVED[name]).write_bytes(content)
    folder = tmp_path / "deep" / "folder"
    with suppress(tarfile.TarError):
        downloaded(name).unpack([archive], folder, progress=False)
    return folder


@pytest.mark.parametrize("evil", EVIL_NAMES)
@pytest.mark.parametrize("name", ARCHIVED)
def test_an_archive_cannot_write_elsewhere(tmp_path: Path, name: str, evil: str) -> None:
    files = {"inside/good": b"1", evil: b"2"}
    content = tarred(files) if name == "cifar-10" else zipped(files)
    folder = unpacked(name, content, tmp_path)
    assert (folder / "inside" / "good").read_bytes() == b"1"
    found = {path for path in tmp_path.rglob("*") if path.is_file()} - {tmp_path / ARCHIVED[name]}
    assert all(folder in path.parents for path in found)
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "../../elsewhere"),
        (tarfile.LNKTYPE, "../elsewhere"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_a_tar_archive_makes_no_links_out_of_its_folder_and_no_devices(
    tmp_path: Path, kind: bytes, target: str
) -> None:
    member = tarfile.TarInfo("inside/link")
    member.type, member.linkname = kind, target
    folder = unpacked("cifar-10", tarred({"inside/good": b"1", "inside/link": member}), tmp_path)
    assert [path.name for path in (folder / "inside").iterdir()] == ["good"]


def test_a_zip_archive_makes_no_links(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("inside/link")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    folder = unpacked("tiny-imagenet", zipped({link: b"/etc/passwd"}), tmp_path)
    assert stat.S_ISREG((folder / "inside" / "link").lstat().st_mode)
