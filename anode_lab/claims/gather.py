"""Runs the experiments that some claims are measured on."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from anode_lab.claims.claim import Claim, needed
from anode_lab.experiments import EXPERIMENTS, check_profile
from anode_lab.runs import NotRecordedError, Result, run


def gather(
    claims: Iterable[Claim],
    *,
    profile: str = "laptop",
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Result]:
    """The results that these claims are measured on.

    Experiments without this profile are left out, and so are models that are only read and have no
    record.

    Args:
        claims: Claims that are to be judged.
        profile: How much of each experiment is run.
        seed: Seed of the first replica that is trained.
        device: Device to train on.

    Returns:
        Name of each experiment -> its result.

    Raises:
        ValueError: If there is no such profile or device.
    """
    profile = check_profile(profile)
    results: dict[str, Result] = {}
    for name, labels in needed(claims).items():
        if profile not in EXPERIMENTS[name].sizes:
            continue
        for label in labels:
            with suppress(NotRecordedError):
                found = run(name, profile=profile, seed=seed, device=device, models=[label])
                runs = {**results[name].runs, **found.runs} if name in results else found.runs
                results[name] = replace(found, runs=runs)
    return results
