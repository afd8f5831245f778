"""A band holds what another machine may measure, and not what it may not."""

import json
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anode_lab.claims import Average, all_claims, gather, measure
from anode_lab.claims.bands import FILE, Bands, _band, agreement, bands, load_bands
from anode_lab.claims.interval import Measurement
from anode_lab.cli import main

Captured = pytest.CaptureFixture[str]


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(Average)))
def test_a_band_contains_its_value_and_is_wider_than_the_interval(
    seed: int, average: Average
) -> None:
    values = np.exp(np.random.default_rng(seed).standard_normal(10))
    measured = measure(values, "", average)
    band = _band("C1", "something", measured, average)
    assert band.low is not None
    assert band.high is not None
    assert band.low < measured.low < measured.value < measured.high < band.high
    assert band.holds(measured)


@pytest.mark.parametrize("average", list(Average))
def test_two_machines_with_unrelated_networks_agree_nearly_always(average: Average) -> None:
    rng, missed, rounds = np.random.default_rng(0), 0, 400
    for _ in range(rounds):
        one, two = (
            measure(np.exp(rng.standard_normal(20)), "", average)
            if average is Average.GEOMETRIC
            else measure(rng.standard_normal(20), "", average)
            for _ in range(2)
        )
        missed += not _band("C1", "", one, average).holds(two)
    assert missed <= 0.03 * rounds


def test_another_law_is_seen() -> None:
    rng = np.random.default_rng(0)
    one, two = (measure(rng.standard_normal(20) + shift, "") for shift in (0, 2))
    assert not _band("C1", "", one, Average.MEAN).holds(two)


def test_where_all_seeds_agree_a_hundredth_is_allowed() -> None:
    band = _band("C1", "", measure(np.full(5, 20.0), ""), Average.MEAN)
    assert (band.low, band.high) == pytest.approx((19.8, 20.2))
    zero = _band("C1", "", measure(np.zeros(5), ""), Average.MEAN)
    assert zero.holds(Measurement(0.0, 0.0, 0.0, "", 5, 0))
    assert not zero.holds(Measurement(0.1, 0.0, 0.2, "", 5, 0))


def test_no_number_agrees_with_no_number_only() -> None:
    number, none = Measurement(1.0, 0.5, 1.5, "", 5, 0), Measurement(nan, -inf, inf, "", 5, 5)
    assert _band("C1", "", none, Average.MEAN).holds(none)
    assert not _band("C1", "", none, Average.MEAN).holds(number)
    assert not _band("C1", "", number, Average.MEAN).holds(none)
    single = _band("C1", "", Measurement(1.0, -inf, inf, "", 1, 0), Average.MEAN)
    assert single.holds(Measurement(9.0, -inf, inf, "", 1, 0)), "one seed has no spread"


@pytest.fixture(scope="module")
def made() -> Bands:
    """Of two claims at the smallest size."""
    claims = [claim for claim in all_claims() if claim.id in ("C1", "C6")]
    results = gather(claims, profile="smoke")
    return bands([claim.judge(results) for claim in claims], "smoke", 0, {"numerics": "x"})


def test_kept_bands_are_read_as_they_were(made: Bands, tmp_path: Path) -> None:
    made.save(path := tmp_path / "bands.json")
    assert load_bands(path) == made
    assert "NaN" not in path.read_text(encoding="utf8"), "JSON has no such number"
    assert {band.name[:2] for band in made.bands} == {"C1", "C6"}
    path.write_text("[]", encoding="utf8")
    with pytest.raises(ValueError, match=r"bands\.json is no file of bands"):
        load_bands(path)


def test_command_keeps_and_compares(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "bands.json"
    command = ["claims", "C6", "--profile", "smoke"]
    assert main([*command, "--keep", str(path)]) == 0
    assert capsys.readouterr().out.startswith("C6")
    assert main([*command, "--compare", str(path)]) == 0
    output = capsys.readouterr().out
    assert "OUTSIDE" not in output
    kept = load_bands(path)
    count = len(kept.bands)
    assert output.endswith(f"{count} of {count} numbers are in their bands.\n")
    moved = [replace(band, value=-9.0, low=-9.5, high=-8.5) for band in kept.bands]
    replace(kept, bands=tuple(moved)).save(path)
    assert main([*command, "--compare", str(path)]) == 1
    output, error = capsys.readouterr()
    assert "is OUTSIDE [-9.5, -8.5]" in output
    assert "outside their bands" in error


def test_a_sentence_says_whether_a_run_agrees_with_the_published_numbers(
    made: Bands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANODE_RESULTS", str(tmp_path))
    made.save(tmp_path / FILE)
    (claim,) = [claim for claim in all_claims() if claim.id == "C1"]
    judged = [claim.judge(gather([claim], profile="smoke"))]
    count = len([band for band in made.bands if band.name.startswith("C1")])
    assert (
        agreement(judged, "smoke", 0) == f"All {count} numbers above agree with the published ones."
    )
    assert f"seed 3, need not agree with them: {count} of {count}" in agreement(judged, "smoke", 3)
    first, *rest = made.bands
    moved = replace(first, value=-9.0, low=-9.5, high=-8.5)
    replace(made, bands=(moved, *rest)).save(tmp_path / FILE)
    said = agreement(judged, "smoke", 0)
    assert f"{count - 1} agree with the published ones. The others do not: {first.name} is " in said
    assert said.endswith("published -9.")
    none = replace(moved, value=0.0, low=-0.5, high=-0.4)
    replace(made, bands=(none, *rest)).save(tmp_path / FILE)
    assert agreement(judged, "smoke", 0).endswith("published 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["C99"], "claims must be of C1, C2"),
        (["C6", "--device", "tpu"], "device must be one of cpu"),
        (["C6", "--profile", "smoke", "--seed", "5"], "is of profile smoke and seed 0"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: list[str], message: str, made: Bands, tmp_path: Path, capsys: Captured
) -> None:
    made.save(path := tmp_path / "bands.json")
    assert main(["claims", *arguments, "--compare", str(path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_books_bands_are_of_its_laptop_run() -> None:
    kept = load_bands()
    assert (kept.profile, kept.seed) == ("laptop", 0)
    assert {band.name.rstrip("abcdefgh") for band in kept.bands} == {
        claim.id for claim in all_claims()
    }
    assert json.dumps(kept.provenance)
