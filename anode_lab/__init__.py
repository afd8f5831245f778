"""The laboratory behind the book: experiments, records, theorems on trained networks, figures."""

from importlib.util import find_spec

PACKAGES = ("PIL", "filelock", "gudhi", "matplotlib", "pooch", "scipy", "skimage", "sklearn")
"""Packages of the extra ``lab``, by the names under which they are imported."""

for _name in PACKAGES:
    if find_spec(_name) is None:
        _message = f"{_name} is not installed, it comes with: pip install 'anode[lab]'"
        raise ModuleNotFoundError(_message, name=_name)
