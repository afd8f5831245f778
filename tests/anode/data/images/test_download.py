"""A fetch ends with the whole set in its place, or with nothing there and an error that helps."""

import errno
import hashlib
import multiprocessing
import os
import shutil
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from anode.data.images import download, readers
from anode.data.images.catalogue import FOLDER_VARIABLE, SOURCES, ImageSet, Source
from anode.data.images.download import DownloadError, fetch
from anode.data.images.loading import available, load
from tests.helpers.image_sets import (
    ARCHIVED,
    CONTENT,
    IDX_SETS,
    Files,
    register,
    served,
    tarred,
    write,
    zipped,
)
from tests.helpers.mirrors import Mirror, mirror


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded data, empty; the pauses between tries are short."""
    (folder := tmp_path / "data").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.setattr(download, "PAUSE", 0.001)
    monkeypatch.setattr(download, "CHUNK", 64)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture(params=SOURCES, ids=lambda which: which.value)
def which(request: pytest.FixtureRequest) -> ImageSet:
    """Each set that has to be fetched."""
    return request.param


@pytest.fixture
def good(which: ImageSet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that has the set, the only one that is known."""
    with mirror(served(which)) as there:
        register(monkeypatch, which, there.files, (there.url,))
        yield there


def nothing_there(which: ImageSet, data: Path) -> bool:
    """Whether no data set is found, and none is half there."""
    return not available(which) and not (data / SOURCES[which].place).exists()


def assert_whole(which: ImageSet, data: Path) -> None:
    """The set is in its place as it should be, and nothing else is left."""
    place = data / SOURCES[which].place
    for name, content in CONTENT[which]().items():
        if which in ARCHIVED:
            assert (place / name).read_bytes() == content
    assert len(load(which, n_train=1, n_test=1)[0]) == 1
    assert not (data / f".{which.value}").exists(), "the folder of the fetch is gone"


# What should happen


@pytest.mark.usefixtures("good")
def test_what_is_fetched_is_found(which: ImageSet, data: Path) -> None:
    assert not available(which)
    assert fetch(which) == data / SOURCES[which].place
    assert_whole(which, data)
    if which in ARCHIVED:
        (md5,) = SOURCES[which].remote().md5.values()
        assert md5 in readers.digest(which, fetch(which))


def test_what_is_here_is_not_fetched_again(which: ImageSet, good: Mirror) -> None:
    fetch(which)
    asked = len(good.asked)
    fetch(which)
    assert len(good.asked) == asked > 0


@pytest.mark.usefixtures("good")
def test_a_folder_is_made_where_it_is_wanted(
    which: ImageSet, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "new" / "folder"
    assert fetch(which, wanted) == wanted / SOURCES[which].place
    assert nothing_there(which, data)
    monkeypatch.setenv(FOLDER_VARIABLE, str(wanted))
    assert_whole(which, wanted)


@pytest.mark.usefixtures("good")
def test_files_may_be_shared(which: ImageSet) -> None:
    """Whoever may read new files of this process may read the set, whatever an archive says."""
    umask = os.umask(0o022)
    try:
        place = fetch(which)
    finally:
        os.umask(umask)
    for path in [place, *place.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


@pytest.mark.usefixtures("good")
def test_what_is_damaged_is_replaced(which: ImageSet, data: Path) -> None:
    place = write(data / SOURCES[which].place, CONTENT[which]())
    name = {ImageSet.CIFAR10: "test_batch.bin", ImageSet.TINY_IMAGENET: "val/images/val_1.JPEG"}
    (place / name.get(which, "t10k-labels-idx1-ubyte")).unlink()
    fetch(which)
    assert_whole(which, data)


def test_debians_files_need_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = ImageSet.FASHION
    source = register(monkeypatch, which, {})
    debian = write(tmp_path / "debian", CONTENT[which](), compressed=True)
    there = Source(source.place, source.remote, 0, 0, source.sha256, elsewhere=(debian,))
    monkeypatch.setitem(SOURCES, which, there)
    assert fetch(which) == debian
    with pytest.raises(DownloadError):  # but it is not in a folder that is asked for
        fetch(which, tmp_path / "own")


@pytest.mark.parametrize("which", [ImageSet.DIGITS, ImageSet.PATCHES])
def test_what_comes_with_a_library_is_not_fetched(which: ImageSet) -> None:
    with pytest.raises(ValueError, match=rf"{which.value} needs no download.*mnist, fashion-mnist"):
        fetch(which)


@pytest.mark.parametrize("which", SOURCES)
def test_every_set_has_true_addresses_and_checksums(which: ImageSet) -> None:
    """The shape of them: whether they are right shows only with a network."""
    remote = SOURCES[which].remote()
    assert all(url.startswith(("http://", "https://")) and url[-1] == "/" for url in remote.mirrors)
    assert remote.mirrors
    assert all(len(bytes.fromhex(md5)) == 16 for md5 in remote.md5.values())
    assert len(remote.md5) == (4 if which in IDX_SETS else 1)


def test_it_is_quiet_unless_on_a_terminal(
    which: ImageSet, good: Mirror, capfd: pytest.CaptureFixture[str]
) -> None:
    good.faults = [500]
    fetch(which, progress=True)
    assert capfd.readouterr() == ("", "")


# Mirrors that fail


@pytest.mark.parametrize("status", [404, 500, 503])
def test_the_next_mirror_is_tried(
    which: ImageSet, good: Mirror, status: int, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with mirror(good.files, always=status) as bad:
        register(monkeypatch, which, good.files, (bad.url, good.url))
        fetch(which)
    assert len(bad.asked) == len(good.asked) == len(good.files)
    assert_whole(which, data)


def assert_fails_and_then_works(which: ImageSet, good: Mirror, data: Path) -> str:
    """A fetch fails and leaves no set; once the mirror is well again it works; the message."""
    with pytest.raises(DownloadError) as failure:
        fetch(which)
    assert nothing_there(which, data)
    good.faults, good.always = [], None
    fetch(which)
    assert_whole(which, data)
    return str(failure.value)


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_of_all_mirrors_is_told(
    which: ImageSet, good: Mirror, status: int, data: Path
) -> None:
    good.always = status
    message = assert_fails_and_then_works(which, good, data)
    assert f"{good.url}{next(iter(good.files))}: {status} " in message


def test_an_error_that_passes_is_no_failure(which: ImageSet, good: Mirror, data: Path) -> None:
    good.faults = [500, 0.0]
    fetch(which)
    assert_whole(which, data)


def test_offline_it_says_what_was_tried_what_it_needs_and_what_to_use_instead(
    which: ImageSet, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = [f"http://127.0.0.1:{unused.getsockname()[1]}/{i}/" for i in range(2)]
        source = register(monkeypatch, which, good.files, tuple(closed))
        with pytest.raises(DownloadError) as failure:
            fetch(which)
    message = str(failure.value)
    for url in closed:
        assert f"{url}{next(iter(good.files))}: [Errno {errno.ECONNREFUSED}]" in message
    for part in (
        which.title,
        str(data),
        f"{source.download_bytes / 1e6:,.0f} MB of download",
        f"{download.needed_bytes(source) / 1e6:,.0f} MB of space",
        "dataset-fashion-mnist",
        "digits",
        "colour-patches",
    ):
        assert part in message
    assert message.count("\n") == 0
    assert nothing_there(which, data)


def test_a_wrong_file_is_refused(which: ImageSet, good: Mirror, data: Path) -> None:
    true = dict(good.files)
    name = next(iter(true))
    for wrong in (b"<html>sign in</html>", true[name][:-1], true[name] + b"\0", b""):
        good.files[name] = wrong
        with pytest.raises(DownloadError, match="hash"):
            fetch(which)
        assert nothing_there(which, data)
    good.files |= true
    fetch(which)
    assert_whole(which, data)


# Downloads that are cut off


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_cut_download_goes_on_where_it_was(
    which: ImageSet, good: Mirror, share: float, data: Path
) -> None:
    good.faults = [share]
    fetch(which)
    assert_whole(which, data)
    name, content = next(iter(good.files.items()))
    assert [file for file, _ in good.asked[:2]] == [name, name]
    sent = round(share * len(content))
    assert sent - download.CHUNK < good.asked[1][1] <= sent
    assert len(good.asked) == len(good.files) + 1


def test_a_cut_download_starts_anew_at_a_mirror_that_cannot_go_on(
    which: ImageSet, good: Mirror, data: Path
) -> None:
    good.faults, good.ranges = [0.5], False
    fetch(which)
    assert_whole(which, data)
    assert len(good.asked) == len(good.files) + 1, "what it sends is not taken for the rest"


def test_a_later_fetch_goes_on_where_the_first_ended(
    which: ImageSet, good: Mirror, data: Path
) -> None:
    name, content = next(iter(good.files.items()))
    good.faults, good.always = [0.5], 500
    with pytest.raises(DownloadError):
        fetch(which)
    assert nothing_there(which, data)
    good.always = None
    good.asked.clear()
    fetch(which)
    sent = round(len(content) / 2)
    assert good.asked[0][0] == name
    assert sent - download.CHUNK < good.asked[0][1] <= sent
    assert_whole(which, data)


@pytest.mark.parametrize("left", ["another beginning", "longer", "whole"])
def test_a_part_of_something_else_does_no_harm(
    which: ImageSet, good: Mirror, left: str, data: Path
) -> None:
    name, content = next(iter(good.files.items()))
    parts = {"another beginning": b"x" * 99, "longer": content + b"x", "whole": content}
    write(data / f".{which.value}", {f"{name}.part": parts[left]})
    fetch(which)
    assert_whole(which, data)


# Disks


def test_too_little_space_is_told_before_anything_is_downloaded(
    which: ImageSet, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    usage = shutil.disk_usage(data)._replace(free=download.needed_bytes(SOURCES[which]) - 1)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(DownloadError, match=r"not enough space: only [\d,]+ MB are free"):
            fetch(which)
    assert not good.asked
    assert nothing_there(which, data)
    fetch(which)
    assert_whole(which, data)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, a disk that is full")
def test_a_disk_that_fills_up_while_downloading_is_told(
    which: ImageSet, good: Mirror, data: Path
) -> None:
    (work := data / f".{which.value}").mkdir()
    part = work / f"{next(iter(good.files))}.part"
    part.symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="not enough space: No space left"):
        fetch(which)
    assert nothing_there(which, data)
    part.unlink()
    fetch(which)
    assert_whole(which, data)


def test_a_disk_that_fills_up_while_unpacking_is_told(
    which: ImageSet, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        for module, name in ((shutil, "copyfileobj"), (shutil, "copyfile")):
            patch.setattr(module, name, full)
        patch.setattr(tarfile, "copyfileobj", full)
        with pytest.raises(DownloadError, match="not enough space: No space left"):
            fetch(which)
    assert nothing_there(which, data)
    assert not (data / f".{which.value}" / "ready").exists(), "what was unpacked makes room"
    asked = len(good.asked)
    fetch(which)
    assert_whole(which, data)
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
    which: ImageSet, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    place = fetch(which)
    asked = len(good.asked)
    with monkeypatch.context() as patch:
        _forbid_writing(patch, data)
        assert fetch(which) == place
        assert len(load(which, n_train=1, n_test=1)[0]) == 1
    assert len(good.asked) == asked
    data.chmod(0o755)


def test_a_read_only_folder_without_the_set_is_named(
    which: ImageSet, good: Mirror, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    with monkeypatch.context() as patch:
        _forbid_writing(patch, data)
        with pytest.raises(DownloadError, match=rf"Permission denied.*{data}"):
            fetch(which)
    data.chmod(0o755)
    assert not good.asked
    assert nothing_there(which, data)


def test_a_file_in_place_of_the_folder_is_named(which: ImageSet, tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=str(file)):
        fetch(which, file)


# Several at once


def _fetch_in_process(which: ImageSet, barrier: object, results: object) -> None:
    barrier.wait()
    try:
        results.put(str(fetch(which, progress=False)))
    except Exception as error:
        results.put(repr(error))


def test_of_two_processes_one_downloads(which: ImageSet, good: Mirror, data: Path) -> None:
    good.faults = [0.5]  # so that it takes a while
    context = multiprocessing.get_context("fork")  # with the small sets of this process
    barrier, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_fetch_in_process, args=(which, barrier, results), daemon=True)
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert found == {str(data / SOURCES[which].place)}
    assert len(good.asked) == len(good.files) + 1
    assert_whole(which, data)


def test_what_a_killed_process_left_is_no_hindrance(
    which: ImageSet, good: Mirror, data: Path
) -> None:
    work = data / f".{which.value}"
    write(work / "ready" / SOURCES[which].place, {"half": b"x"})
    write(work / "replaced", {"old": b"x"})
    write(work, {"tmp123": b"x", next(iter(good.files)): b"half"})
    fetch(which)
    assert_whole(which, data)


# Archives


@pytest.mark.parametrize("which", ARCHIVED)
@pytest.mark.parametrize("fault", ["escapes", "half", "other"])
def test_an_archive_of_something_else_is_no_set(
    which: ImageSet, fault: str, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    """Even with the right checksum."""
    true = served(which)
    (name,) = true
    place = SOURCES[which].place
    inside: Files = {f"{place}/{file}": content for file, content in CONTENT[which]().items()}
    if fault == "escapes":
        inside |= {"../../evil": b"x"}
    elif fault == "half":
        del inside[list(inside)[-1 if which is ImageSet.TINY_IMAGENET else 0]]
    else:
        inside = {"other/file": b"x"}
    pack = zipped if name.endswith(".zip") else tarred
    with mirror({name: pack(inside)}) as there:
        register(monkeypatch, which, there.files, (there.url,))
        with pytest.raises(DownloadError):
            fetch(which)
        assert nothing_there(which, data)
        assert not list(data.parent.rglob("evil"))
        there.files |= true
        register(monkeypatch, which, true, (there.url,))
        fetch(which)
    assert_whole(which, data)


def test_the_recorded_checksum_is_the_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    which = ImageSet.CIFAR10
    with mirror(served(which)) as there:
        register(monkeypatch, which, there.files, (there.url,))
        recorded = (fetch(which) / readers.CHECKSUM).read_text().split()
    ((name, content),) = there.files.items()
    assert recorded == [hashlib.md5(content).hexdigest(), name]
