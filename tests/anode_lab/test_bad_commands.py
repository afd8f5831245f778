"""Wrong commands of ``anode``: each is answered in one line with what is valid, before any work."""

import shlex
from pathlib import Path

import pytest

from anode_lab.cli import main
from anode_lab.images.downloaded import FOLDER_VARIABLE
from anode_lab.runs import RESULTS_VARIABLE, STORE_VARIABLE
from tests.helpers.recorded import MODULE

USAGE, FAILED = 2, 1

ROWS = [
    # Names
    ("", "the following arguments are required: COMMAND", USAGE),
    ("banana", "choose from 'data', 'run', 'check', 'claims', 'doctor', 'store'", USAGE),
    ("--banana run g1d", "unrecognized arguments: --banana", USAGE),
    ("run", "the following arguments are required: NAME", USAGE),
    ("run images", "'images-grey', 'images-colour'", USAGE),
    ("run fig99", "'fig10'", USAGE),
    ("run g1d extra", "unrecognized arguments: extra", USAGE),
    ("run g1d --banana", "unrecognized arguments: --banana", USAGE),
    ("run g1d --profile big", "smoke", USAGE),
    ("run g1d --profile ''", "laptop", USAGE),
    ("run g1d --models", "--models: expected at least one argument", USAGE),
    ("run g1d --models ''", "'NODE'", FAILED),
    ("run images-overfit --models 'p = 5' 'p = 7'", "'p = 0', 'p = 5', got 'p = 7'", FAILED),
    ("run fig10 --models 'p = 0'", "--models goes with an experiment, not with 'fig10'", FAILED),
    ("run images-large", "images-large has the profiles smoke, paper, got 'laptop'", FAILED),
    ("check", "the following arguments are required: NAME", USAGE),
    ("check g1d", "'images-grey'", USAGE),
    ("check fig10", "'images-overfit'", USAGE),
    ("check images-overfit --profile big", "laptop", USAGE),
    ("check images-overfit --models 'p = 7'", "got 'p = 7'", FAILED),
    ("check images-large", "smoke, paper, got 'laptop'", FAILED),
    ("check images-overfit --device cpu", "unrecognized arguments: --device cpu", USAGE),
    ("claims C99", "C19, got 'C99'", FAILED),
    ("claims c1", "C1, C2", FAILED),
    ("claims C1 ''", "got ''", FAILED),
    ("claims --profile big", "smoke", USAGE),
    ("claims --seeds 3", "unrecognized arguments: --seeds", USAGE),
    ("doctor nosuch", "'images-grey'", USAGE),
    ("doctor fig10", "'images-grey'", USAGE),
    ("store", "the following arguments are required: COMMAND", USAGE),
    ("store banana", "choose from 'verify'", USAGE),
    ("store verify {empty} {empty}", "unrecognized arguments", USAGE),
    ("data", "the following arguments are required: COMMAND", USAGE),
    ("data banana", "choose from 'list', 'fetch'", USAGE),
    ("data fetch", "the following arguments are required: NAME", USAGE),
    ("data fetch imagenet", "'cifar-10', 'mnist'", USAGE),
    ("data fetch digits", "'mnist', 'tiny-imagenet'", USAGE),
    ("data list extra", "unrecognized arguments: extra", USAGE),
    # Numbers
    ("run g1d --seeds 0", "must be a whole number from 1 to 10,000, got '0'", USAGE),
    ("run g1d --seeds -1", "got '-1'", USAGE),
    ("run g1d --seeds 2.5", "must be a whole number from 1 to 10,000, got '2.5'", USAGE),
    ("run g1d --seeds x", "got 'x'", USAGE),
    ("run g1d --seeds nan", "got 'nan'", USAGE),
    ("run g1d --seeds ''", "got ''", USAGE),
    ("run g1d --seeds 100000000", "to 10,000, got '100000000'", USAGE),
    ("run images-overfit --seeds 100000000 --list", "got '100000000'", USAGE),
    ("check images-overfit --seeds 100000000", "got '100000000'", USAGE),
    ("run g1d --seed -1", "must be a whole number of 0 or more, got '-1'", USAGE),
    ("run g1d --seed 1e3", "must be a whole number of 0 or more, got '1e3'", USAGE),
    ("run g1d --seed x", "got 'x'", USAGE),
    ("check images-overfit --seed -1", "of 0 or more, got '-1'", USAGE),
    ("check images-overfit --steps 0", "must be a whole number from 1 to 10,000, got '0'", USAGE),
    ("check images-overfit --steps -1", "got '-1'", USAGE),
    ("check images-overfit --steps many", "got 'many'", USAGE),
    ("check images-overfit --steps 100000000", "got '100000000'", USAGE),
    ("claims --seed -1", "of 0 or more, got '-1'", USAGE),
    ("claims --seed x", "got 'x'", USAGE),
    ("run g1d --processes 0", "must be a whole number from 1 to 10,000, got '0'", USAGE),
    ("run g1d --processes two", "got 'two'", USAGE),
    ("run g1d --processes 100000000", "got '100000000'", USAGE),
    ("run g1d --checkpoint -5", "must be a number of 0 or more, got '-5'", USAGE),
    ("run g1d --checkpoint nan", "must be a number of 0 or more, got 'nan'", USAGE),
    ("run g1d --checkpoint inf", "got 'inf'", USAGE),
    ("run g1d --checkpoint often", "got 'often'", USAGE),
    # Devices and workers
    ("run g1d --device banana", "device must be one of cpu", FAILED),
    ("run g1d --device ''", "device must be one of cpu", FAILED),
    ("run g1d --device CPU", "got 'CPU'", FAILED),
    ("run g1d --device cuda:99 --list", "got 'cuda:99'", FAILED),
    ("run g1d --dask tcp://x:1 --device banana", "cpu, cuda or cuda:N, got 'banana'", FAILED),
    ("claims C1 --device banana", "device must be one of cpu", FAILED),
    ("doctor --device banana", "device must be one of cpu", FAILED),
    ("run g1d --dask nohost", "as tcp://10.0.0.1:8786, got 'nohost'", FAILED),
    ("run g1d --dask ''", "as tcp://10.0.0.1:8786, got ''", FAILED),
    ("run g1d --dask 3", "got '3'", FAILED),
    ("run g1d --dask tcp://10.0.0.1", "got 'tcp://10.0.0.1'", FAILED),
    ("run g1d --dask tcp://10.0.0.1:99999", "got 'tcp://10.0.0.1:99999'", FAILED),
    ("run g1d --dask pigeon://roof:1 --list", "got 'pigeon://roof:1'", FAILED),
    ("run g1d --dask tcp://x:1 --processes 2", "not allowed with argument", USAGE),
    ("run g1d --resources GPU=1", "name the scheduler with --dask", FAILED),
    ("run g1d --dask tcp://x:1 --resources GPU", "as GPU=1, each name once, got 'GPU'", FAILED),
    ("run g1d --dask tcp://x:1 --resources GPU=-1", "got 'GPU=-1'", FAILED),
    ("run g1d --dask tcp://x:1 --resources GPU=²", "got 'GPU=²'", FAILED),
    ("run g1d --dask tcp://x:1 --resources =1", "got '=1'", FAILED),
    ("run g1d --dask tcp://x:1 --resources GPU=1 GPU=2", "each name once, got 'GPU=2'", FAILED),
    # Folders and files
    ("run g1d --results {file}", "must name a folder, got '{file}'", USAGE),
    ("run g1d --results {file} --list", "{file} is a file", USAGE),
    ("run g1d --results {file}/below/it", "where {file} is a file", USAGE),
    ("run g1d --results ''", "must name a folder, got ''", USAGE),
    ("run g1d --results ~nobody-at-all/x", "must name a folder, got '~nobody", USAGE),
    ("check images-overfit --results {absent}", "there is no folder {absent}", USAGE),
    ("check images-overfit --results {file}", "{file} is a file", USAGE),
    ("check images-overfit --results {empty}", "'anode run images-overfit", FAILED),
    ("doctor --results {absent}", "there is no folder {absent}", USAGE),
    ("doctor --results {file}", "{file} is a file", USAGE),
    ("doctor --results {empty}", "there are no records in {empty}", FAILED),
    ("doctor g1d --results {empty}", "there are no records of g1d in {empty}", FAILED),
    ("doctor --results {foreign}", "there are no records in {foreign}", FAILED),
    ("store verify {absent}", "there is no folder {absent}", USAGE),
    ("store verify {file}", "{file} is a file", USAGE),
    ("store verify {empty}", "there are no records in {empty}", FAILED),
    ("store verify {foreign}", "4 of 4 are bad", FAILED),
    ("claims C1 --keep {empty}", "must be a file, got '{empty}', a folder", USAGE),
    ("claims C1 --keep {absent}/bands.json", "must be in a folder that exists", USAGE),
    ("claims C1 --keep {file}/bands.json", "must be in a folder that exists", USAGE),
    ("claims C1 --keep ''", "must be a file, got ''", USAGE),
    ("claims C1 --compare {absent}", "'{absent}' does not exist", USAGE),
    ("claims C1 --compare {empty}", "'{empty}' is a folder", USAGE),
    ("claims C1 --compare {file}", "{file} is no file of bands", FAILED),
    ("claims C1 --compare {binary}", "{binary} is no file of bands", FAILED),
    ("claims C1 --compare {list}", "{list} is no file of bands", FAILED),
    ("claims C1 --compare {deep}", "{deep} is no file of bands", FAILED),
    ("claims C1 --accept ' '", "accept must say why", FAILED),
    ("claims C1 --profile smoke --accept why", "--profile laptop --seed 0", FAILED),
    ("claims C1 --keep x --accept why", "not allowed with argument", USAGE),
    ("data fetch mnist --folder {file}", "{file} is a file", USAGE),
    ("data fetch mnist --folder ''", "must name a folder, got ''", USAGE),
    # Variables of the environment
    ("ANODE_STORE={file} run g1d --list", "ANODE_STORE must name a folder, got '{file}'", FAILED),
    ("ANODE_STORE=~nobody-at-all run g1d", "ANODE_STORE must name a folder", FAILED),
    ("ANODE_STORE={file} claims C1", "ANODE_STORE must name a folder", FAILED),
    ("ANODE_STORE={file} store verify", "ANODE_STORE must name a folder", FAILED),
    ("ANODE_STORE=~/absent store verify", "no folder of records at {home}/absent", FAILED),
    ("ANODE_RESULTS={file} run images-overfit", "ANODE_RESULTS must name a folder", FAILED),
    ("ANODE_RESULTS={file} claims C1", "ANODE_RESULTS must name a folder", FAILED),
    ("ANODE_RESULTS={file} doctor", "ANODE_RESULTS must name a folder", FAILED),
    ("ANODE_RESULTS={absent} doctor", "no folder of records at {absent}", FAILED),
    ("ANODE_RESULTS={absent} check images-overfit", "no folder of records at {absent}", FAILED),
    ("ANODE_RESULTS={absent} claims --accept why", "{absent}/verdicts.json: No such", FAILED),
    ("ANODE_RESULTS=~/absent doctor", "no folder of records at {home}/absent", FAILED),
    ("ANODE_DATA={file} data list", "ANODE_DATA must name a folder, got '{file}'", FAILED),
    ("ANODE_DATA={file} data fetch mnist", "ANODE_DATA must name a folder", FAILED),
    ("ANODE_DATA={absent} data list", "make that folder, or unset the variable", FAILED),
    ("ANODE_DATA=~/absent data list", "got '{home}/absent'", FAILED),
    ("ANODE_DATA={absent} run images-grey --profile paper", "make that folder", FAILED),
]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Folders and files that are not what a command wants, by the names in the rows."""
    for variable in (STORE_VARIABLE, RESULTS_VARIABLE, FOLDER_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    names = ("absent", "binary", "deep", "empty", "file", "foreign", "home", "list")
    found = {name: tmp_path / name for name in names}
    for name in ("empty", "home", "foreign"):
        found[name].mkdir()
    found["file"].write_text("text", encoding="utf8")
    found["binary"].write_bytes(b"\xff\xfe\x81")
    found["list"].write_text("[]", encoding="utf8")
    found["deep"].write_text("[" * 100_000, encoding="utf8")
    records = found["foreign"] / "g1d"
    records.mkdir()
    for name, content in {"a": "[1]", "b": "{}", "c": "", "d": '{"digest": 3}'}.items():
        (records / f"{name}.json").write_text(content, encoding="utf8")
        (records / f"{name}.safetensors").touch()
    monkeypatch.setenv("HOME", str(found["home"]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MODULE, "train", lambda *_, **__: pytest.fail("it trained"))
    return found


@pytest.mark.parametrize(("line", "message", "status"), ROWS, ids=[row[0] for row in ROWS])
def test_a_wrong_command_is_answered_with_what_is_valid(
    line: str,
    message: str,
    status: int,
    places: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(Path().rglob("*"))
    words = shlex.split(line.format_map(places))
    while words and words[0].startswith("ANODE_"):
        monkeypatch.setenv(*words.pop(0).split("=", 1))
    try:
        ended = main(words)
    except SystemExit as usage:
        ended = usage.code
    error = capsys.readouterr().err
    assert ended == status, error
    assert message.format_map(places) in error, error
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    assert last.startswith("anode"), "the answer is one line, perhaps below the usage"
    assert error.count("\n") == 1 or error.startswith("usage: anode")
    assert sorted(Path().rglob("*")) == before, "nothing is written"


def test_a_terminal_of_few_characters_gets_what_it_can_show(tmp_path: Path) -> None:
    """As in a shell with LANG=C and PYTHONIOENCODING=ascii."""
    with (
        (tmp_path / "out").open("w", encoding="ascii") as out,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("sys.stdout", out)
        patch.setenv(FOLDER_VARIABLE, str(tmp_path))
        assert main(["data", "list"]) == 0
        print("8 × 8")
    assert (tmp_path / "out").read_text(encoding="ascii").endswith("8 ? 8\n")


def test_a_tilde_stands_for_the_home_folder(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "~")
    assert main(["data", "list"]) == 0
    assert f"Downloads go to {places['home']}." in capsys.readouterr().out
    monkeypatch.setenv(STORE_VARIABLE, "~/store")
    assert main(["run", "g1d", "--profile", "smoke", "--list"]) == 0
    assert f"recorded in {places['home'] / 'store'}." in capsys.readouterr().out
    assert main(["run", "g1d", "--results", "~/other", "--profile", "smoke", "--list"]) == 0
    assert f"recorded in {places['home'] / 'other'}." in capsys.readouterr().out
