"""The paper's experiments on toy data (section 5.1, appendix F).

One seed fixes a replica's data, its weights and the order in which it sees the data.
"""

from collections.abc import Callable

from anode.data import concentric_spheres, g1d, identity_1d, separable
from anode.fields import Activation
from anode.training import Loss
from anode_lab.experiments.experiment import Experiment, ModelSpec, Split
from anode_lab.experiments.profiles import Size, sizes
from anode_lab.experiments.slice import spheres_without_slice


def _spheres(dim: int) -> Callable[[Size, int], Split]:
    def draw(size: Size, seed: int) -> Split:
        inner = size.samples // 3  # 1000 of 3000, the paper's proportion
        return concentric_spheres(dim, inner, size.samples - inner, seed=seed), None

    return draw


def _separable(size: Size, seed: int) -> Split:
    negative = size.samples // 3
    return separable(2, negative, size.samples - negative, seed=seed), None


def _slice(size: Size, seed: int) -> Split:
    inner = size.samples // 3
    return spheres_without_slice(inner, size.samples - inner, seed=seed)


_PROBE_SEED = 1_000_003  # the seed of no replica, so that the points are held out


NODE = ModelSpec("NODE")
RESNET = ModelSpec("ResNet", "ResNet", {"blocks": 5})
ANODES = tuple(ModelSpec(f"ANODE (p = {p})", options={"augment_dim": p}) for p in (1, 5))
_ALL = (NODE, *ANODES, RESNET)

EXPERIMENTS = (
    Experiment(
        "identity-1d",
        "Fig. 3, bottom left",
        lambda size, seed: (identity_1d(size.samples), None),
        (NODE,),
        sizes("two points"),
        {"fig3": None},
        outputs=None,
        loss=Loss.MSE,
    ),
    Experiment(
        "g1d",
        "Fig. 3, bottom right",
        lambda size, seed: (g1d(size.samples), None),
        (NODE, RESNET),
        sizes("two points"),
        {"fig3": None},
        outputs=None,
        loss=Loss.MSE,
    ),
    Experiment(
        "annulus-1d",
        "Figs 5a, 7 and 8",
        _spheres(1),
        _ALL,
        sizes("toy"),
        dict.fromkeys(("fig5", "fig7", "fig8")),
        probe=lambda: concentric_spheres(1, 200, 400, seed=_PROBE_SEED),
    ),
    Experiment(
        "annulus-2d",
        "Figs 1, 5b, 6, 7, 8, 9 left, 15, 18 and 19",
        _spheres(2),
        _ALL,
        sizes("toy"),
        dict.fromkeys(f"fig{n}" for n in (1, 5, 6, 7, 8, 9, 15, 18, 19)),
        probe=lambda: concentric_spheres(2, 200, 400, seed=_PROBE_SEED),
    ),
    Experiment(
        "separable-2d",
        "Figs 5c, 15 and 19",
        _separable,
        _ALL,
        sizes("toy"),
        dict.fromkeys(("fig5", "fig15", "fig19")),
        probe=lambda: separable(2, 200, 400, seed=_PROBE_SEED),
    ),
    Experiment("slice-2d", "Fig. 9, right", _slice, _ALL, sizes("toy"), {"fig9": None}),
    Experiment(
        "softplus-2d",
        "appendix F.1",
        _spheres(2),
        tuple(
            ModelSpec(
                f"{spec.label}, softplus",
                options={**spec.options, "activation": Activation.SOFTPLUS},
            )
            for spec in (NODE, ANODES[1])
        ),
        sizes("toy"),
    ),
)
