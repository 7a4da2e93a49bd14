"""``outsample golden record|check|accept|list``: expected results, checked again.

Exit codes of ``check``: 0 the same, 1 drifted, 2 the data changed, 3 it cannot run; of several the largest.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.cli.common import DONE
from outsample.cli.notifying import tell

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    golden = commands.add_parser(
        "golden",
        help="expected results, checked again",
        description="Write down what a strategy gives, and check later that it still does.",
        allow_abbrev=False,
    )
    actions = golden.add_subparsers(title="actions", metavar="ACTION", required=True)
    for make in (_add_record, _add_check, _add_accept, _add_list):
        make(actions)


def _add_record(actions: Commands) -> None:
    from outsample.notebook.arguments import add_run_options

    record = actions.add_parser(
        "record",
        help="run a strategy and write its result down",
        epilog="Example: outsample golden record golden_cross.py --data sample --reason 'first version'",
        allow_abbrev=False,
    )
    record.add_argument("strategy", help="a .py file")
    record.add_argument("--name", help="default: the file's")
    record.add_argument("--tolerance", nargs="+", default=[], metavar="METRIC=X", help="relative; 1e-6 for the rest")
    record.add_argument("--n-trials", type=int, metavar="N", help="configurations tried; default: those of the store")
    _common(record, reason=True)
    add_run_options(record)
    record.set_defaults(command=_record)


def _add_check(actions: Commands) -> None:
    check = actions.add_parser(
        "check",
        help="run golden results again and compare",
        epilog="Exit codes: 0 the same, 1 drifted, 2 the data changed, 3 cannot run; of several the largest.",
        allow_abbrev=False,
    )
    check.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    check.add_argument("--max-age", type=float, default=90.0, metavar="DAYS", help="older ones carry a note")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument("--notify", metavar="CMD", help="run this command at the end, with the outcome on its input")
    _common(check)
    check.set_defaults(command=_check)


def _add_accept(actions: Commands) -> None:
    accept = actions.add_parser(
        "accept",
        help="make what it gives now the expectation",
        epilog="Example: outsample golden accept golden_cross --reason 'fees since January'",
        allow_abbrev=False,
    )
    accept.add_argument("name")
    _common(accept, reason=True)
    accept.set_defaults(command=_accept)


def _add_list(actions: Commands) -> None:
    listing = actions.add_parser("list", help="list golden results", allow_abbrev=False)
    listing.add_argument("--json", action="store_true", help="print JSON")
    _common(listing)
    listing.set_defaults(command=_list)


def _common(parser: argparse.ArgumentParser, *, reason: bool = False) -> None:
    parser.add_argument("--folder", default="golden", help="where they are kept; default: golden")
    if reason:
        parser.add_argument("--reason", required=True, help="why this is right")


def _record(parsed: argparse.Namespace) -> int:
    from outsample import api
    from outsample.golden import record_golden
    from outsample.notebook.arguments import modules_of, options_of, parameters, policy_of
    from outsample.settings import load_settings
    from outsample.strategy import Strategy

    strategy = Strategy.from_file(parsed.strategy).with_modules(modules_of(parsed.use))
    request = api.make_request(
        strategy,
        parsed.data or load_settings().dataset,
        params=parameters(parsed.params),
        options=options_of(parsed),
        sandbox=policy_of(parsed),
        engine=parsed.engine,
        benchmark=parsed.benchmark,
        alpha=parsed.alpha,
        seed=parsed.seed,
    )
    result = api.run_request(request, lookahead=not parsed.no_lookahead)
    golden = record_golden(
        result,
        parsed.name or strategy.name,
        reason=parsed.reason,
        folder=parsed.folder,
        tolerances={name: float(value) for name, value in parameters(parsed.tolerance).items()},  # type: ignore[arg-type]
        strategy_file=parsed.strategy,
        data_file=parsed.data if parsed.data and Path(parsed.data).exists() else None,
        n_trials=parsed.n_trials,
    )
    print(f"recorded {golden.name} in {Path(parsed.folder)}: {result!r}")
    return DONE


def _check(parsed: argparse.Namespace) -> int:
    from outsample.errors import DataInvalid, DataMissing
    from outsample.golden import GoldenCheck, GoldenStatus, check_golden, golden_names

    names = parsed.names or golden_names(parsed.folder)
    checks = []
    for name in names:
        try:
            checks.append(check_golden(name, folder=parsed.folder, max_age_days=parsed.max_age))
        except (DataInvalid, DataMissing) as error:
            checks.append(GoldenCheck(name=name, status=GoldenStatus.CANNOT_RUN, notes=(str(error),)))
    outcome = {"version": 1, "checks": [check.to_dict() for check in checks]}
    if parsed.json:
        print(json.dumps(outcome, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        for check in checks:
            print(f"{check.name}: same" if check.ok and not check.notes else f"{check}\n")
        if not checks:
            print(f"no golden results in {parsed.folder}")
    if parsed.notify:
        tell(parsed.notify, outcome)
    return max((int(check.status) for check in checks), default=DONE)


def _accept(parsed: argparse.Namespace) -> int:
    from outsample.golden import accept_golden

    print(accept_golden(parsed.name, reason=parsed.reason, folder=parsed.folder))
    print(f"\naccepted {parsed.name}")
    return DONE


def _list(parsed: argparse.Namespace) -> int:
    from outsample.golden import golden_names, read_golden

    rows = []
    for name in golden_names(parsed.folder):
        golden = read_golden(name, parsed.folder)
        rows.append({
            "name": name,
            "key": golden.key[:12],
            "dataset": golden.document["run"]["data"]["name"],
            "sharpe": golden.metrics["sharpe"]["value"],
            "age_days": round(golden.age_days, 1),
            "approved_by": golden.approved_by,
            "reason": golden.reason,
        })  # fmt: skip
    if parsed.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        import pandas as pd

        print(pd.DataFrame(rows).to_string(index=False) if rows else f"no golden results in {parsed.folder}")
    return DONE
