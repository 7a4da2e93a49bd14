"""The entry point: finds the command, runs it, turns errors into exit codes.

Exit codes: 0 done, 1 a strategy or notebook failed, 2 the command could not run.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from outsample import __version__
from outsample.cli import (
    bundles,
    dashboard,
    database,
    datasets,
    goldens,
    jobs,
    machine,
    reports,
    research,
    running,
    selftest,
    stores,
)
from outsample.cli.common import CANNOT_RUN, COULD_NOT_RUN, DONE, FAILED
from outsample.errors import OutsampleError

__all__ = ["main"]

# Each module adds its commands, in the order of `outsample --help`.
_GROUPS = (running, research, reports, datasets, goldens, stores, bundles, jobs, database, machine, selftest, dashboard)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end a run.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    parser = _parser()
    parsed = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(parsed, "command", None)
    if command is None:
        parser.print_help()
        return COULD_NOT_RUN
    try:
        return command(parsed)
    except OutsampleError as error:
        print(f"outsample: {error}", file=sys.stderr)
        return COULD_NOT_RUN if isinstance(error, CANNOT_RUN) else FAILED
    except BrokenPipeError:
        # The reader (head, less) has seen enough; what is left must not fail when Python flushes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        print("outsample: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outsample", description="Backtests whose numbers can be believed.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"outsample {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for group in _GROUPS:
        group.add(commands)
    return parser
