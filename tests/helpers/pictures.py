"""What every picture of the book must be, for the tests of the figures."""

import matplotlib.pyplot as plt

from anode_lab.figures.style import Picture


def assert_draws_in_both_themes(drawn: Picture) -> None:
    """A light and a dark picture that differ, and no figure that stays open."""
    light, dark = drawn.png(), drawn.png(dark=True)
    assert light.startswith(b"\x89PNG")
    assert dark.startswith(b"\x89PNG")
    assert light != dark
    assert not plt.get_fignums(), "the figure stays open and would be shown twice"
