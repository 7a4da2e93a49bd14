"""``outsample ...``: the same calls from a shell; a module per group of commands."""

from outsample.cli.main import main

__all__ = ["main"]
