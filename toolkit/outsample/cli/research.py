"""``outsample sweep`` and ``outsample walk-forward``: one strategy with many parameter values."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.cli.common import DONE

if TYPE_CHECKING:
    import pandas as pd

    from outsample.cli.common import Commands
    from outsample.research.combinatorial import CombinatorialRun
    from outsample.results.shown import Shown
    from outsample.strategy import Literal, Strategy

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    sweep = commands.add_parser(
        "sweep",
        help="run a strategy with every combination of parameter values",
        description="Run a strategy with every combination of a grid of parameter values; each is a trial.",
        epilog="Example: outsample sweep trend.py --data sample --grid fast=5:50:5 --grid slow=60,120 "
        "--constraint 'fast < slow' --html sweep.html. "
        "Exit codes: 0 done, 1 no combination ran, 2 could not run, 130 interrupted.",
        allow_abbrev=False,
    )
    _common(sweep)
    sweep.set_defaults(command=_sweep)
    walk = commands.add_parser(
        "walk-forward",
        help="choose parameters on the past and judge them on what came next",
        description="Walk a strategy forward: per window the best parameters in training, judged out of sample.",
        epilog="Example: outsample walk-forward trend.py --data sample --grid fast=5:50:5 --train 3Y --test 1Y "
        "--combinatorial 6,2 --json walk.json. "
        "Exit codes: 0 done, 1 no combination ran, 2 could not run, 130 interrupted.",
        allow_abbrev=False,
    )
    _common(walk)
    walk.add_argument("--train", required=True, metavar="N", help="bars, or a span such as 3Y, 6M")
    walk.add_argument("--test", required=True, metavar="N", help="bars, or a span")
    walk.add_argument("--step", metavar="N", help="from window to window; default: the test")
    walk.add_argument("--anchored", action="store_true", help="training always begins with the first bar")
    walk.add_argument("--purge", type=int, default=0, metavar="N", help="bars left out before the test")
    walk.add_argument("--embargo", type=int, default=0, metavar="N", help="further bars left out before the test")
    walk.add_argument("--min-trades", type=int, default=0, metavar="N", help="trades a chosen combination needs")
    walk.add_argument("--boundary", choices=("carry", "flat"), default="carry", help="holdings at a seam")
    walk.add_argument("--strict", action="store_true", help="run again for each window on data that end with it")
    walk.add_argument(
        "--combinatorial", metavar="N,K", help="cross-validate too: N groups of bars, K of which test at a time"
    )
    walk.set_defaults(command=_walk_forward)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("strategy", metavar="FILE", help="a .py file")
    parser.add_argument("--data", metavar="NAME", help="a dataset; default: that of the settings")
    parser.add_argument("--grid", action="append", required=True, metavar="K=VALUES", help="a:b:step or a,b,c")
    parser.add_argument("--objective", default="sharpe", metavar="NAME", help="sharpe, calmar, psr, plateau, ...")
    parser.add_argument("--constraint", metavar="TEXT", help="a comparison of parameters: 'fast < slow'")
    parser.add_argument("--start", metavar="DATE", help="evaluation begins here")
    parser.add_argument("--end", metavar="DATE", help="evaluation ends here")
    parser.add_argument("--no-lookahead", action="store_true", help="do not check the chosen combination")
    parser.add_argument("--n-jobs", type=int, metavar="N", help="sandboxes at once; default: one per core")
    parser.add_argument("--cluster", metavar="URL", help="a dask scheduler, tcp://host:port, for the simulations")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - for the terminal")
    parser.add_argument("--html", metavar="FILE", help="write the report as a self-contained page")


def _sweep(parsed: argparse.Namespace) -> int:
    from outsample.results.studies import sweep

    with _cluster(parsed.cluster):
        found = sweep(*_subject(parsed), on_done=_progress("sweep"), **_options(parsed))
    best = found.best
    _write(
        parsed,
        found,
        lambda: {
            "best": dict(best.params),
            "objective": best.value,
            "lookahead": None if found.lookahead is None else found.lookahead.summary,
            "evidence": vars(found.evidence),
            "table": _rows(found.table),
        },
    )
    return DONE


def _walk_forward(parsed: argparse.Namespace) -> int:
    from outsample.research.plan import combinatorial_groups
    from outsample.results.studies import walk_forward

    names = ("anchored", "purge", "embargo", "min_trades", "boundary", "strict")
    windows: dict[str, Any] = {name: getattr(parsed, name) for name in names}
    windows |= {name: _span(getattr(parsed, name)) for name in ("train", "test", "step")}
    if parsed.combinatorial is not None:
        windows["combinatorial"] = combinatorial_groups(parsed.combinatorial)
    with _cluster(parsed.cluster):
        strategy, data, values = _subject(parsed)
        found = walk_forward(strategy, data, values, on_done=_progress("walk-forward"), **windows, **_options(parsed))
    _write(
        parsed,
        found,
        lambda: {
            "metrics": found.metrics.to_dict(),
            "efficiency": found.efficiency,
            "lookahead": None if found.lookahead is None else found.lookahead.summary,
            "deflated_sharpe": found.deflated_sharpe,
            "evidence": vars(found.evidence),
            "windows": _rows(found.windows),
            "comparison": _rows(found.comparison),
            "stability": _rows(found.stability),
            "combinatorial": None if found.combinatorial is None else _combinatorial(found.combinatorial),
        },
    )
    return DONE


def _combinatorial(run: CombinatorialRun) -> dict[str, object]:
    return {
        "purge": run.purge,
        "embargo": run.embargo,
        "distribution": run.distribution.to_dict(),
        "paths": _rows(run.table),
        "splits": _rows(run.splits),
    }


def _subject(parsed: argparse.Namespace) -> tuple[Strategy, str, dict[str, list[Literal]]]:
    from outsample.notebook.arguments import grid
    from outsample.settings import load_settings
    from outsample.strategy import Strategy

    return Strategy.from_file(parsed.strategy), parsed.data or load_settings().dataset, grid(parsed.grid)


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    names = ("objective", "constraint", "start", "end", "n_jobs")
    given = {name: getattr(parsed, name) for name in names if getattr(parsed, name) is not None}
    return given | {"lookahead": False if parsed.no_lookahead else "auto"}


def _span(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    from outsample.research.parallel import cluster

    with contextlib.nullcontext() if address is None else cluster(address):
        yield


def _progress(label: str) -> Callable[[int, int], None] | None:
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        print(f"\r{label}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show


def _write(parsed: argparse.Namespace, found: Shown, value: Callable[[], dict[str, object]]) -> None:
    if parsed.html:
        found.to_html(parsed.html)
    text = json.dumps(_plain(value()), indent=2, ensure_ascii=False, allow_nan=False) if parsed.json else ""
    if parsed.json == "-":
        print(text)
        return
    if parsed.json:
        Path(parsed.json).write_text(text + "\n", encoding="utf-8")
    print(found)


def _rows(table: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: object) -> object:
    """JSON has no NaN, no infinity and no dates."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
