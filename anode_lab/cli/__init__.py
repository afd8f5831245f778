"""The command ``anode``: one module a subcommand, each adds its own parser."""

from anode_lab.cli.main import main

__all__ = ["main"]
