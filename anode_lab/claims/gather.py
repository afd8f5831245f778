"""Trains, or reads from the records, all that some claims are measured on."""

from collections.abc import Iterable
from dataclasses import replace

from anode_lab.claims.claim import Claim, Outcome, needed
from anode_lab.experiments import EXPERIMENTS, Profile, check_profile
from anode_lab.runs.recordings import NotRecordedError, Recorded, obtain
from anode_lab.runs.run import run


def gather(
    claims: Iterable[Claim],
    *,
    profile: Profile | str = Profile.LAPTOP,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Outcome]:
    """The results that these claims are measured on.

    Experiments that are recorded are read, whatever the seed. Left out are those that the profile
    has not, and models of which there is no record.

    Args:
        claims: what is to be judged.
        profile, seed, device: see :func:`anode_lab.runs.run.run`.

    Returns:
        Experiment's name -> result.

    Raises:
        ValueError: if there is no such profile or device.
    """
    profile = check_profile(profile)
    results: dict[str, Outcome] = {}
    for name, labels in needed(claims).items():
        experiment = EXPERIMENTS[name]
        if profile not in experiment.sizes:
            continue
        if not experiment.recorded:
            results[name] = run(name, profile=profile, seed=seed, device=device, models=labels)
        elif found := [each for label in labels if (each := _read(name, profile, label))]:
            runs = {label: kept for each in found for label, kept in each.runs.items()}
            results[name] = replace(found[0], runs=runs)
    return results


def _read(name: str, profile: Profile, label: str) -> Recorded | None:
    try:
        return obtain(name, profile, models=[label])
    except NotRecordedError:
        return None
