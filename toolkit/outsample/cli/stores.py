"""``outsample runs``: what the store knows."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from outsample.cli.common import DONE

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_runs(commands)


def _add_runs(commands: Commands) -> None:
    runs = commands.add_parser("runs", help="list recorded results", allow_abbrev=False)
    runs.add_argument("name", nargs="?", help="only strategies of this name")
    runs.add_argument("--limit", type=int, default=20)
    runs.add_argument("--json", action="store_true", help="print JSON")
    runs.set_defaults(command=_runs)


def _runs(parsed: argparse.Namespace) -> int:
    from outsample.trials import default_store

    columns = ["created_at", "name", "dataset", "sharpe", "total_return", "max_drawdown", "success_level", "status"]
    table = default_store().runs(name=parsed.name, limit=parsed.limit)[columns]
    print(table.to_json(orient="records", date_format="iso") if parsed.json else table.to_string(index=False))
    return DONE
