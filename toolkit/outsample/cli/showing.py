"""What ``outsample run`` shows and writes, and the exit code that follows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from outsample.cli.common import CANNOT_RUN, COULD_NOT_RUN, DONE, FAILED

if TYPE_CHECKING:
    from outsample.batch import BatchReport, Entry, Finished
    from outsample.results import Result

__all__ = ["INTERRUPTED", "Show", "outcome_of"]

INTERRUPTED = 130
# In a larger batch a failure is one line; the report has the rest.
_DESCRIBED = 10


class Show:
    """The terminal's side of a run: failures as they happen, a progress bar, the report at the end.

    Parameters
    ----------
    parsed : Namespace
    entries : sequence of Entry
    progress : bool
        Show a bar, if there is a terminal.
    """

    def __init__(self, parsed: argparse.Namespace, entries: Sequence[Entry], *, progress: bool) -> None:
        from tqdm import tqdm

        self._parsed = parsed
        self._entries = entries
        shown = progress and len(entries) > 1
        # None: only where stderr is a terminal.
        self._bar = tqdm(total=len(entries), desc="outsample", leave=False, disable=None if shown else True)
        self._single: Result | None = None
        self._could_run = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self._bar.close()

    def finished(self, finished: Finished) -> None:
        """Show what became of one strategy."""
        entry = self._entries[finished.row.place]
        if entry.error is None and not isinstance(finished.error, CANNOT_RUN):
            self._could_run = True
        if len(self._entries) == 1:
            self._single = finished.result
        if finished.error is not None:
            self._bar.clear()
            print(self._failure(entry, finished), file=sys.stderr)
        self._bar.update()

    def _failure(self, entry: Entry, finished: Finished) -> str:
        from outsample.notebook.failure import describe

        assert finished.error is not None
        row = finished.row
        category = f"[{row.category.value}] " if row.category is not None else ""
        if len(self._entries) > _DESCRIBED:
            line = f", line {row.line}" if row.line else ""
            return f"{entry.place}{line}: {category}{row.message}"
        if entry.strategy is None:
            return f"{entry.place}\n{finished.error}\n"
        return f"{describe(finished.error, entry.strategy.source, place=entry.place)}\n"

    def report(self, report: BatchReport) -> int:
        """Print and write the report and return the exit code."""
        for note in report.notes:
            print(f"note: {note}", file=sys.stderr)
        if not self._entries:
            print(f"No .py or .ipynb file in {', '.join(self._parsed.paths)}.", file=sys.stderr)
        if report.ended:
            print(f"outsample: {report.ended}; {len(report)} of {report.total} strategies are done", file=sys.stderr)
        # One strategy that ran is shown and written as itself.
        shown: BatchReport | Result = report if self._single is None else self._single
        if self._single is not None or report.total > 1:
            print(shown, end="\n\n")
        writers: dict[str, Callable[[], str]] = {
            "json": shown.to_json,
            "markdown": shown.to_markdown,
            "html": shown.to_html,
        }
        for option, text in writers.items():
            path = getattr(self._parsed, option)
            if path:
                Path(path).write_text(text(), encoding="utf-8")
                print(f"{option}: {path}")
        return self._code(report)

    def _code(self, report: BatchReport) -> int:
        if report.ended == "interrupted":
            return INTERRUPTED
        if report.ended or not self._could_run:
            return COULD_NOT_RUN
        return FAILED if report.failed else DONE


def outcome_of(report: BatchReport, code: int) -> dict[str, object]:
    """Return what ``--notify`` tells of a run: the summary, the exit code, how it ended."""
    return {"exit_code": code, "ended": report.ended, "level": report.verdict.level.name, **report.summary}
