"""``outsample ...``: the same calls from a shell.

Exit codes: 0 done, 1 a strategy or notebook failed, 2 the command could not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from outsample import __version__
from outsample.errors import ConfigError, DataError, MissingExtra, OutsampleError, StoreError

__all__ = ["main"]

DONE, FAILED, COULD_NOT_RUN = 0, 1, 2
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name
_CANNOT_RUN = (ConfigError, DataError, StoreError, MissingExtra)


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
        return COULD_NOT_RUN if isinstance(error, _CANNOT_RUN) else FAILED
    except KeyboardInterrupt:
        print("outsample: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outsample", description="Backtests whose numbers can be believed.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"outsample {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in (_add_run, _add_report, _add_runs, _add_warm):
        add(commands)
    return parser


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


def _add_runs(commands: Commands) -> None:
    runs = commands.add_parser("runs", help="list recorded results", allow_abbrev=False)
    runs.add_argument("name", nargs="?", help="only strategies of this name")
    runs.add_argument("--limit", type=int, default=20)
    runs.add_argument("--json", action="store_true", help="print JSON")
    runs.set_defaults(command=_runs)


def _add_warm(commands: Commands) -> None:
    warm = commands.add_parser("warm", help="compile every kernel and start a sandbox once", allow_abbrev=False)
    warm.set_defaults(command=_warm)


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
    except _CANNOT_RUN:
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


def _report(parsed: argparse.Namespace) -> int:
    from outsample.notebook.arguments import parameters
    from outsample.report.notebook import run_notebook

    source = Path(parsed.notebook)
    target = Path(parsed.output) if parsed.output else source.with_name(f"{source.stem}-report.ipynb")
    written = run_notebook(source, target, parameters=parameters(parsed.params))
    print(f"notebook: {written}\nhtml: {written.with_suffix('.html')}")
    return DONE


def _runs(parsed: argparse.Namespace) -> int:
    from outsample.trials import default_store

    columns = ["created_at", "name", "dataset", "sharpe", "total_return", "max_drawdown", "success_level", "status"]
    table = default_store().runs(name=parsed.name, limit=parsed.limit)[columns]
    print(table.to_json(orient="records", date_format="iso") if parsed.json else table.to_string(index=False))
    return DONE


def _warm(parsed: argparse.Namespace) -> int:  # noqa: ARG001 - takes no options
    import time

    from outsample import api
    from outsample.data import load
    from outsample.engine import sim
    from outsample.research.bootstrap import bootstrap
    from outsample.sandbox import close_server

    began = time.perf_counter()
    source = "position = data.get('close').average(5) > data.get('close').average(10)"
    data = load("synthetic:3x120?seed=1")
    result = api.backtest(source, data, store=False)
    result.to_html()
    # The variants of the kernel: stops, weights, a plain frame of closes.
    close = data.get("close")
    weights = (close > close.shift(1)) * 0.5
    for options in ({}, {"stop_loss": 0.1}, {"stop_loss": 0.1, "touched_exit": True}):
        len(sim(weights, data, **options).trades)
    sim(weights, data.frame("close"))
    bootstrap(result.returns, n_paths=10)
    close_server()
    print(f"warm after {time.perf_counter() - began:.1f} s")
    return DONE
