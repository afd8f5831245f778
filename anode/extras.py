"""Packages that only a part of the code needs: an import that fails says how to get them."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Wrap imports of packages that the extra ``name`` of this package installs.

    Args:
        name: Extra, as pyproject.toml lists them.

    Raises:
        ModuleNotFoundError: If an import inside the block does not find its package; the message
            names the package and the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed, it comes with: pip install 'anode[{name}]'"
        raise ModuleNotFoundError(message, name=error.name) from error
