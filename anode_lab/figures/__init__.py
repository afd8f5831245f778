"""Figures: one function a figure, results in, a picture out."""

from anode_lab.figures.style import Picture, palette, picture

__all__ = ["Picture", "palette", "picture"]
