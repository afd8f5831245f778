"""``anode claims``: measures the paper's claims, and compares with another machine's numbers."""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from anode_lab.claims import Judgement, all_claims, find_claim, gather
from anode_lab.claims.bands import Bands, bands, load_bands
from anode_lab.claims.verdicts import FILE as VERDICTS
from anode_lab.claims.verdicts import Verdicts, load_verdicts
from anode_lab.cli.options import (
    UsageError,
    add_device,
    add_seed,
    asked,
    new_file,
    present_file,
    toy_results,
)
from anode_lab.experiments import PROFILES
from anode_lab.runs import StoreError, check_device, results_folder
from anode_lab.runs.provenance import Provenance

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(subparsers: "Subparsers") -> None:
    """Add ``claims``."""
    measuring = subparsers.add_parser(
        "claims",
        help="measure the paper's claims; compare with another machine's numbers",
        description="Train what the claims are measured on, or read it, and print the verdicts. "
        "With --compare, say of each number whether it lies in the band of another machine's; "
        "status 1 if one does not.",
    )
    known = all_claims()
    measuring.add_argument(
        "ids", nargs="*", metavar="CLAIM", help=f"{known[0].id} to {known[-1].id}; or all"
    )
    measuring.add_argument("--profile", choices=list(PROFILES), default="laptop")
    add_seed(measuring)
    add_device(measuring)
    where = measuring.add_mutually_exclusive_group()
    where.add_argument("--keep", type=new_file, metavar="FILE", help="write the numbers and bands")
    where.add_argument(
        "--compare", type=present_file, metavar="FILE", help="with bands that were kept"
    )
    where.add_argument(
        "--accept",
        metavar="WHY",
        help="write down the verdicts that have changed, and why, in the results' folder",
    )
    measuring.set_defaults(call=_claims)


def _claims(arguments: argparse.Namespace) -> None:
    with asked():
        claims = [find_claim(each) for each in arguments.ids] or list(all_claims())
        device = check_device(arguments.device)
        results_folder(), toy_results()  # where the claims' trainings will be looked for
        kept = load_bands(arguments.compare) if arguments.compare else None
        verdicts = load_verdicts() if arguments.accept is not None else None
        if verdicts and not arguments.accept.strip():
            raise ValueError("accept must say why, got no words")
    profile, seed = arguments.profile, arguments.seed
    for of, what in ((kept, f"{arguments.compare} is"), (verdicts, "the kept verdicts are")):
        if of and (of.profile, of.seed) != (profile, seed):
            raise UsageError(
                f"{what} of profile {of.profile} and seed {of.seed}, so compare with "
                f"--profile {of.profile} --seed {of.seed}"
            )
    started, start = datetime.now(UTC), time.monotonic()
    results = gather(claims, profile=profile, seed=seed, device=device)
    judgements = [claim.judge(results) for claim in claims]
    if kept:
        _compare(kept, judgements)
        return
    for judgement in judgements:
        for name, finding in judgement.rows():
            verdict = finding.verdict.value
            print(f"{name}: {finding.check.subject}: {finding.measured}; {verdict}")
    if arguments.keep:
        made = Provenance.now(device, started, time.monotonic() - start).as_dict()
        _save(bands(judgements, profile, seed, made), arguments.keep)
    if verdicts:
        changed = [name for name, _, _ in verdicts.changed(judgements)]
        accepted = verdicts.accept(judgements, arguments.accept.strip(), f"{started:%Y-%m-%d}")
        _save(accepted, results_folder() / VERDICTS)
        print(f"accepted: {', '.join(changed) or 'nothing had changed'}")


def _save(what: Bands | Verdicts, path: Path) -> None:
    try:
        what.save(path)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error


def _compare(kept: Bands, judgements: list[Judgement]) -> None:
    compared = kept.compare(judgements)
    outside = 0
    for band, measured in compared:
        inside = band.holds(measured)
        outside += not inside
        ends = "no band" if band.low is None else f"[{band.low:.3g}, {band.high:.3g}]"
        print(f"{band.name}: {measured} is {'in' if inside else 'OUTSIDE'} {ends}")
    print(f"{len(compared) - outside} of {len(compared)} numbers are in their bands.")
    if outside:
        raise UsageError(f"{outside} of {len(compared)} numbers are outside their bands")
