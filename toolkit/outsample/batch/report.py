"""The report of a batch: values first, then JSON, Markdown and HTML of them."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from outsample.batch.document import batch_document
from outsample.batch.rows import Row
from outsample.batch.summary import aggregated, grouped_errors, grouped_meta, summarised
from outsample.classify import classify_batch
from outsample.config import Thresholds
from outsample.model import SuccessLevel, Verdict
from outsample.report.data import attached, collecting
from outsample.report.document import Document
from outsample.report.html import fragment, page
from outsample.report.text import markdown, plain

__all__ = ["FORMAT", "BatchReport", "schema"]

# Raised by hand when a reader of the JSON would have to change.
FORMAT = 1


def schema() -> dict[str, Any]:
    """Return the JSON schema that the output of `BatchReport.to_json` validates against."""
    text = files("outsample.batch").joinpath("schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchReport:
    """What became of every strategy of a batch.

    Parameters
    ----------
    rows : tuple of Row
        In the order of the input; fewer than `total` if the batch ended early.
    total : int
        Strategies of the batch.
    dataset, snapshot_id : str
    parallel : int
        Sandboxes at once.
    seconds : float
        Wall-clock time of the whole batch.
    ended : str
        Why it ended before its end ("interrupted", or a fault of the machine), else empty.
    notes : tuple of str
        What a person should know, for example that there were fewer sandboxes than asked for.
    thresholds : Thresholds
    created_at : str
        ISO time in UTC.
    """

    rows: tuple[Row, ...]
    total: int
    dataset: str = ""
    snapshot_id: str = ""
    parallel: int = 1
    seconds: float = 0.0
    ended: str = ""
    notes: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    created_at: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))

    @cached_property
    def verdict(self) -> Verdict:
        """How far the batch got, by its shares of valid and of profitable strategies."""
        return classify_batch((row.level for row in self.rows), thresholds=self.thresholds)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Counts by level and category, rates, times and memory."""
        return summarised(self.rows, total=self.total, parallel=self.parallel, seconds=self.seconds)

    @property
    def complete(self) -> bool:
        """Whether every strategy has a row."""
        return len(self.rows) == self.total

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows of strategies that did not run to their end."""
        return tuple(row for row in self.rows if row.level is SuccessLevel.FAILED)

    def timeless(self) -> BatchReport:
        """Return the report without times, memory and attempts: the same for the same inputs."""
        rows = tuple(Row(**row.numbers()) for row in self.rows)
        return dataclasses.replace(self, rows=rows, seconds=0.0, parallel=1, created_at="")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, as the schema describes them."""
        from importlib.metadata import version

        return {
            "format": FORMAT,
            "outsample": version("outsample"),
            "created_at": self.created_at,
            "dataset": self.dataset,
            "snapshot_id": self.snapshot_id,
            "ended": self.ended,
            "notes": list(self.notes),
            "verdict": {
                "level": int(self.verdict.level),
                "level_name": self.verdict.level.name,
                "reasons": list(self.verdict.reasons),
            },
            "thresholds": dataclasses.asdict(self.thresholds),
            "summary": self.summary,
            "metrics": aggregated(self.rows),
            "errors": grouped_errors(self.rows),
            "groups": grouped_meta(self.rows),
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the report as JSON, without NaN or Infinity, and write it to `path` if one is given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        return _written(text + "\n", path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Return the report as Markdown, and write it to `path` if one is given."""
        return _written(markdown(self.document()), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the report as a self-contained HTML page, and write it to `path` if one is given."""
        return _written(page(self.document()), path)

    def document(self) -> Document:
        """Return the report as a value; `outsample.report` renders it."""
        return batch_document(
            self.rows,
            summary=self.summary,
            verdict=self.verdict,
            facts=(
                ("Dataset", self.dataset),
                ("Snapshot", self.snapshot_id[:16]),
                *((("Written", self.created_at),) if self.created_at else ()),
            ),
            alarm=f"Ended early: {self.ended}. {len(self.rows)} of {self.total} strategies are done."
            if self.ended
            else "",
            notes=self.notes,
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        # Two runs of a notebook as a report say the same: nothing of how long this one took.
        told = self.timeless() if collecting() else self
        document = told.document()
        return {"text/plain": plain(document), "text/html": fragment(document), **attached(told)}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __str__(self) -> str:
        return plain(self.document())

    def __repr__(self) -> str:
        executed = self.summary["executed"]
        return f"<BatchReport: {executed} of {self.total} executed, {self.verdict.level.name}>"


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
