"""What became of a golden result: the same, drifted, other data, or it cannot run."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.archive.explain import Explanation
from outsample.errors import StrategyError
from outsample.golden.files import Golden, plain_time
from outsample.pipeline import Outcome
from outsample.report import formats
from outsample.report.document import Document, Table
from outsample.results.result import Shown

__all__ = ["GoldenCheck", "GoldenDrift", "GoldenStatus", "Moved", "first_difference", "moved_metrics"]

_EQUAL = 1e-9
# Shown first; of the others only what moved.
_HEADLINE = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "max_drawdown",
    "n_trades",
    "annual_turnover",
    "cost_total",
)


class GoldenStatus(enum.IntEnum):
    """The outcome of a check; the value is the exit code."""

    SAME = 0
    DRIFTED = 1
    DATA_CHANGED = 2
    CANNOT_RUN = 3


# What is told when every input is the same and the numbers are not.
_SILENT = "no input changed: the code of the engine, or of a library, computes other numbers under the same version"
_WORDS = {
    GoldenStatus.SAME: "the result is what was accepted",
    GoldenStatus.DRIFTED: "the result is not what was accepted",
    GoldenStatus.DATA_CHANGED: "the data are not those that the result was accepted on",
    GoldenStatus.CANNOT_RUN: "it could not be run",
}


class GoldenDrift(StrategyError):
    """A golden result is no longer what was accepted."""

    code = "golden-drift"

    def _render_traceback_(self) -> list[str]:
        # A report says what moved; where in this package that was noticed helps nobody.
        return [f"GoldenDrift: {self}"]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One metric against its expectation.

    Parameters
    ----------
    metric : str
    expected, got : float or None
        None where undefined.
    tolerance : float
        Relative.
    ok : bool
    """

    metric: str
    expected: float | None
    got: float | None
    tolerance: float
    ok: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class GoldenCheck(Shown):
    """What `check_golden` found.

    Attributes
    ----------
    name : str
    status : GoldenStatus
    metrics : tuple of Moved
    first_date : Timestamp or None
        First bar on which the equity differs.
    explanation : Explanation or None
        Which inputs changed, and how much each moved the metrics.
    notes : tuple of str
    outcome : Outcome or None
        What was computed now.
    """

    name: str
    status: GoldenStatus
    metrics: tuple[Moved, ...] = ()
    first_date: pd.Timestamp | None = None
    explanation: Explanation | None = None
    notes: tuple[str, ...] = ()
    outcome: Outcome | None = None

    @property
    def ok(self) -> bool:
        """Whether the result is what was accepted."""
        return self.status is GoldenStatus.SAME

    def raise_for_status(self) -> None:
        """Return if nothing drifted; else raise `GoldenDrift` with the explanation.

        Raises
        ------
        GoldenDrift
        """
        if not self.ok:
            raise GoldenDrift(
                f"{self.name}: {_WORDS[self.status]}. {self._why()}".strip(),
                hint=f"If this is meant: outsample golden accept {self.name} --reason '...'",
            )

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values."""
        return {
            "version": 1,
            "name": self.name,
            "status": self.status.name,
            "metrics": [dict(item.__dict__) for item in self.metrics],
            "first_date": None if self.first_date is None else self.first_date.isoformat(),
            "explanation": None if self.explanation is None else self.explanation.to_dict(),
            "notes": list(self.notes),
        }

    def document(self, *, pictures: bool = True) -> Document:  # noqa: ARG002 - tables say it all
        """Return the check as a report."""
        head = [item for item in self.metrics if item.metric in _HEADLINE]
        rest = [item for item in self.metrics if item.metric not in _HEADLINE and not item.ok]
        tables = (_table(f"{len(rest)} more metrics moved", rest, folded=True),) if rest else ()
        return Document(
            title=f"Golden result {self.name}",
            facts=(("First differing bar", formats.date(self.first_date)),) if self.first_date is not None else (),
            level=self.status.name.replace("_", " "),
            reasons=(_WORDS[self.status], *self._changes()),
            metrics=_table("Metrics", head),
            tables=tables,
            warnings=self.notes,
        )

    def _changes(self) -> tuple[str, ...]:
        if self.explanation is None:
            return ()
        if not self.explanation.changes:
            return (_SILENT,)
        return tuple(
            f"changed: {change.factor}{_moved_by(change.effects)}: {'; '.join(change.details[:6])}"
            for change in self.explanation.changes
        )

    def _why(self) -> str:
        worst = [
            f"{item.metric} {formats.number(item.expected)} -> {formats.number(item.got)}"
            for item in self.metrics
            if not item.ok and item.metric in _HEADLINE
        ]
        return " ".join(
            text for text in (", ".join(worst[:3]), "; ".join(self._changes()), " ".join(self.notes)) if text
        )

    def __repr__(self) -> str:
        return f"<GoldenCheck {self.name!r}: {self.status.name}>"


def _table(title: str, items: Sequence[Moved], *, folded: bool = False) -> Table:
    rows = tuple(
        (
            item.metric,
            formats.number(item.expected),
            formats.number(item.got),
            f"{item.tolerance:g}",
            "ok" if item.ok else "MOVED",
        )
        for item in items
    )
    return Table(
        title=title,
        columns=("Metric", "Expected", "Got", "Tolerance", ""),
        rows=rows,
        numeric=frozenset({1, 2, 3}),
        note="" if folded else "The tolerance is relative.",
        folded=folded,
    )


def _moved_by(effects: Mapping[str, float]) -> str:
    known = [f"{name} {value:+.4g}" for name, value in effects.items() if math.isfinite(value) and value != 0.0]
    return f" ({', '.join(known[:3])})" if known else ""


def moved_metrics(golden: Golden, now: Mapping[str, float | None]) -> tuple[Moved, ...]:
    """Return every metric of a golden result beside what it is now."""
    found = []
    for name, item in golden.metrics.items():
        expected, got, tolerance = item["value"], now.get(name), float(item["tolerance"] or 0.0)
        if expected is None or got is None:
            ok = expected is None and got is None
        else:
            ok = math.isclose(expected, got, rel_tol=tolerance, abs_tol=1e-12)
        found.append(Moved(metric=name, expected=expected, got=got, tolerance=tolerance, ok=ok))
    return tuple(found)


def first_difference(before: pd.Series, after: pd.Series) -> pd.Timestamp | None:
    """Return the first bar on which two curves differ by more than 1e-9, or that only one of them has."""
    before, after = plain_time(before), plain_time(after)
    index = before.index.union(after.index)
    one, two = before.reindex(index).to_numpy(), after.reindex(index).to_numpy()
    differs = ~np.isclose(one, two, rtol=_EQUAL, atol=0.0)
    return pd.Timestamp(index[int(differs.argmax())]) if differs.any() else None
