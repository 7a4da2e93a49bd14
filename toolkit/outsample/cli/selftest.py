"""``outsample selftest``: planted flaws and their clean twins on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from outsample.cli.common import DONE, FAILED

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "selftest",
        help="plant flaws and see that each is caught",
        description="Plant flaws on this machine and see that each is caught, and that its clean twin passes.",
        epilog="Example: outsample selftest --html selftest.html. Exit codes: 0 every guard works, 1 one does not.",
        allow_abbrev=False,
    )
    parser.add_argument("--html", metavar="FILE", help="write the report as a page")
    parser.set_defaults(command=_selftest)


def _selftest(parsed: argparse.Namespace) -> int:
    from tqdm import tqdm

    from outsample.guards import selftest
    from outsample.settings import load_settings

    with tqdm(disable=None if load_settings().progress else True, desc="selftest", leave=False) as bar:

        def step(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = selftest(on_done=step)
    print(report)
    if parsed.html:
        report.to_html(parsed.html)
    return DONE if report.ok else FAILED
