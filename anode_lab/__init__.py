"""The laboratory behind the book: experiments, records, theorems on trained networks, figures."""

from importlib.util import find_spec

from anode.extras import extra

PACKAGES = ("PIL", "filelock", "gudhi", "matplotlib", "pooch", "scipy", "skimage", "sklearn")
"""Packages of the extra ``lab``, by the names under which they are imported."""

with extra("lab"):
    for _name in PACKAGES:
        if find_spec(_name) is None:
            raise ModuleNotFoundError(name=_name)
