"""The command ``anode``: one module for each subcommand."""

from anode_lab.cli.main import main

__all__ = ["main"]
