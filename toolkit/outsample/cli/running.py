"""``outsample run``: backtest strategy files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.cli.common import CANNOT_RUN, COULD_NOT_RUN, DONE, FAILED
from outsample.errors import ConfigError, OutsampleError

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_run(commands)


def _add_run(commands: Commands) -> None:
    from outsample.notebook.arguments import add_run_options

    run = commands.add_parser(
        "run",
        help="backtest strategy files",
        description="Backtest strategy files (.py, or the %%backtest cells of .ipynb).",
        epilog="Example: outsample run golden_cross.py --data sample --params fast=30 --html report.html",
        allow_abbrev=False,
    )
    run.add_argument("paths", nargs="+", metavar="FILE", help=".py or .ipynb")
    add_run_options(run)
    run.add_argument("--json", metavar="FILE", help="write the result as JSON")
    run.add_argument("--markdown", metavar="FILE", help="write the report as Markdown")
    run.add_argument("--html", metavar="FILE", help="write the report as a self-contained page")
    run.set_defaults(command=_run)


def _run(parsed: argparse.Namespace) -> int:
    found = [pair for path in parsed.paths for pair in _strategies(path)]
    outcomes = [_run_one(name, strategy, parsed) for name, strategy in found]
    if all(isinstance(strategy, OutsampleError) for _, strategy in found):
        return COULD_NOT_RUN
    return DONE if all(outcomes) else FAILED


def _strategies(path: str) -> list[tuple[str, object]]:
    """Name and strategy, or the error that reading it raised: one bad file never stops the rest."""
    from outsample.strategy import Strategy
    from outsample.strategy.cells import notebook_cells

    try:
        if path.endswith(".ipynb"):
            cells = list(notebook_cells(Path(path)))
            if not cells:
                return [(path, ConfigError(f"{path} has no %%backtest cell."))]
            return [(f"{path}: {name}", Strategy.from_source(source, name)) for name, source in cells]
        return [(path, Strategy.from_file(path))]
    except OutsampleError as error:
        return [(path, error)]


def _run_one(name: str, strategy: object, parsed: argparse.Namespace) -> bool:
    from outsample import api
    from outsample.notebook.arguments import options_of, parameters, policy_of
    from outsample.notebook.failure import describe
    from outsample.settings import load_settings
    from outsample.strategy import Strategy

    if not isinstance(strategy, Strategy):
        print(f"{name}\n{strategy}\n", file=sys.stderr)
        return False
    try:
        request = api.make_request(
            strategy,
            parsed.data or load_settings().dataset,
            params=parameters(parsed.params),
            options=options_of(parsed),
            sandbox=policy_of(parsed),
            engine=parsed.engine,
            benchmark=parsed.benchmark,
            seed=parsed.seed,
        )
        result = api.run_request(request, lookahead=False if parsed.no_lookahead else "auto")
    except CANNOT_RUN:
        raise
    except OutsampleError as error:
        print(f"{describe(error, strategy.source, place=name)}\n", file=sys.stderr)
        return False
    print(result, end="\n\n")
    for option, text in (("json", result.to_json), ("markdown", result.to_markdown), ("html", result.to_html)):
        if getattr(parsed, option):
            Path(getattr(parsed, option)).write_text(text(), encoding="utf-8")
            print(f"{option}: {getattr(parsed, option)}")
    return True
