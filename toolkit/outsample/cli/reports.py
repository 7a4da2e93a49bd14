"""``outsample report``: execute notebooks with parameters."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.cli.common import DONE

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_report(commands)


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report",
        help="execute a notebook with parameters",
        description="Execute a notebook and write it, and a self-contained HTML page beside it.",
        epilog="Example: outsample report notebooks/quickstart.ipynb -p slow=100 -o out/report.ipynb",
        allow_abbrev=False,
    )
    report.add_argument("notebook")
    report.add_argument("-p", dest="params", action="append", default=[], metavar="K=V", help="a parameter")
    report.add_argument("-o", dest="output", metavar="FILE", help="the executed notebook")
    report.set_defaults(command=_report)


def _report(parsed: argparse.Namespace) -> int:
    from outsample.notebook.arguments import parameters
    from outsample.report.notebook import run_notebook

    source = Path(parsed.notebook)
    target = Path(parsed.output) if parsed.output else source.with_name(f"{source.stem}-report.ipynb")
    written = run_notebook(source, target, parameters=parameters(parsed.params))
    print(f"notebook: {written}\nhtml: {written.with_suffix('.html')}")
    return DONE
