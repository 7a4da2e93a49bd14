"""``outsample runs``, ``purge`` and ``explain``: what the store knows, removing what is old, why results differ."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from outsample.cli.common import DONE

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_runs(commands)
    _add_purge(commands)
    _add_explain(commands)


def _add_runs(commands: Commands) -> None:
    runs = commands.add_parser("runs", help="list recorded results", allow_abbrev=False)
    runs.add_argument("name", nargs="?", help="only strategies of this name")
    runs.add_argument("--since", help="only runs since this date")
    runs.add_argument(
        "--meta", nargs="+", action="extend", metavar="K=V", help="only runs whose # meta: comments say all of this"
    )
    runs.add_argument("--order-by", default="-created_at", help="a column; with a leading minus the largest first")
    runs.add_argument("--limit", type=int, default=20)
    runs.add_argument("--json", action="store_true", help="print JSON")
    runs.set_defaults(command=_runs)


def _runs(parsed: argparse.Namespace) -> int:
    from outsample.ledger.trials import default_store
    from outsample.notebook.arguments import meta_values

    columns = ["created_at", "name", "dataset", "sharpe", "total_return", "max_drawdown", "success_level", "status"]
    columns.append("result_key")
    found = default_store().runs(
        name=parsed.name,
        since=parsed.since,
        order_by=parsed.order_by,
        limit=parsed.limit,
        meta=meta_values(parsed.meta) if parsed.meta else None,
    )
    table = found[columns]
    if not parsed.json:
        table = table.assign(result_key=table["result_key"].str[:12])
    print(table.to_json(orient="records", date_format="iso") if parsed.json else table.to_string(index=False))
    return DONE


def _add_purge(commands: Commands) -> None:
    text = "remove old results and jobs with their files; trials stay, and so does what a golden result names"
    purge = commands.add_parser("purge", help=text, description=text, allow_abbrev=False)
    purge.add_argument("--older-than", required=True, metavar="AGE", help="for example 90d, 12w, 36h")
    purge.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    purge.add_argument("--golden", default="golden", metavar="FOLDER", help="golden results whose runs stay, too")
    purge.add_argument("--store", help="file or URL; default: the configured store")
    purge.add_argument("--json", action="store_true", help="print JSON")
    purge.set_defaults(command=_purge)


def _purge(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.golden import golden_names, read_golden

    # A colleague may have recorded them: this store need not know of them.
    keep = {read_golden(name, parsed.golden).key for name in golden_names(parsed.golden)}
    with Store.open(parsed.store) as store:
        found = store.purge(parsed.older_than, dry_run=parsed.dry_run, keep=keep)
    if parsed.json:
        print(json.dumps(dataclasses.asdict(found)))
    else:
        verb = "would be removed" if found.dry_run else "removed"
        print(f"{len(found.keys)} results and {len(found.jobs)} jobs, {found.bytes:,} bytes {verb}")
    return DONE


def _add_explain(commands: Commands) -> None:
    text = "say which inputs of two results differ, and how much of the change each makes"
    parser = commands.add_parser(
        "explain",
        help=text,
        description=text,
        epilog="example: outsample explain 6c3d5777 9f00ab12",
        allow_abbrev=False,
    )
    parser.add_argument("a", metavar="A", help="key of the first result, or its first characters")
    parser.add_argument("b", metavar="B", help="key of the second")
    parser.add_argument("--no-rerun", action="store_true", help="only say what differs")
    parser.add_argument("--store", help="file or URL; default: the configured store")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_explain)


def _explain(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store

    with Store.open(parsed.store) as store:
        found = store.explain(parsed.a, parsed.b, rerun=not parsed.no_rerun)
    print(json.dumps(found.to_dict(), ensure_ascii=False) if parsed.json else found)
    return DONE
