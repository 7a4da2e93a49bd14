"""Two results side by side: what differs, since when, and whether luck explains it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid
from outsample.report import formats
from outsample.report.document import Document, Table, table_of
from outsample.results.result import Result, Shown
from outsample.stats import sharpe_difference
from outsample.stats.difference import SharpeDifference

__all__ = ["Comparison", "compare"]

_EQUAL = 1e-9
_LEAST_BARS = 20
_TRADE = ["symbol", "entry_date", "exit_date"]
_ROWS = (
    ("Total return", "total_return", formats.percent),
    ("CAGR", "cagr", formats.percent),
    ("Volatility", "volatility", formats.percent),
    ("Sharpe ratio", "sharpe", formats.ratio),
    ("Maximum drawdown", "max_drawdown", formats.percent),
    ("Trades", "n_trades", formats.count),
    ("Turnover a year", "annual_turnover", formats.ratio),
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Shown):
    """Two results.

    Attributes
    ----------
    a, b : Result
    """

    a: Result
    b: Result

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Each metric of both, and the difference b - a; every result on its own bars."""
        rows = [(name, getattr(self.a.metrics, name), getattr(self.b.metrics, name)) for _, name, _ in _ROWS]
        table = pd.DataFrame(rows, columns=["metric", "a", "b"])
        return table.assign(difference=table["b"] - table["a"])

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Returns of both on their common bars."""
        return pd.concat({"a": self.a.returns, "b": self.b.returns}, axis=1, join="inner")

    @cached_property
    def sharpe(self) -> SharpeDifference | None:
        """Test of the difference of the Sharpe ratios (a - b, per period, Ledoit-Wolf HAC) on the common bars.

        None with fewer than 20 common bars, or where a series has no variance.
        """
        if len(self.returns) < _LEAST_BARS:
            return None
        try:
            return sharpe_difference(self.returns["a"], self.returns["b"], method="ledoit_wolf")
        except DataInvalid:
            return None

    @cached_property
    def first_difference(self) -> pd.Timestamp | None:
        """First common bar on which the returns differ; None if they never do."""
        table = self.returns
        different = np.abs(table["a"].to_numpy() - table["b"].to_numpy()) > _EQUAL
        return pd.Timestamp(table.index[int(different.argmax())]) if different.any() else None

    @cached_property
    def only_a(self) -> pd.DataFrame:
        """Trades of a that b does not have (symbol, entry, exit)."""
        return _missing(self.a.trades, self.b.trades)

    @cached_property
    def only_b(self) -> pd.DataFrame:
        """Trades of b that a does not have."""
        return _missing(self.b.trades, self.a.trades)

    def document(self, *, pictures: bool = True) -> Document:  # noqa: ARG002 - tables say it all
        """Return the comparison as a report."""
        a, b = self._names()
        rows = []
        for (label, _, shown), (_, one, two, gap) in zip(
            _ROWS, self.metrics.itertuples(index=False, name=None), strict=True
        ):
            rows.append((label, shown(one), shown(two), shown(gap)))
        return Document(
            title=f"{a} against {b}",
            facts=(
                (a, _period(self.a)),
                (b, _period(self.b)),
                ("Common bars", formats.count(len(self.returns))),
                ("First difference", formats.date(self.first_difference)),
            ),
            level="COMPARISON",
            reasons=(self._words(),),
            metrics=Table(
                title="Metrics",
                columns=("Metric", a, b, "Difference"),
                rows=tuple(rows),
                numeric=frozenset({1, 2, 3}),
                note="Net of costs, each on its own bars.",
            ),
            tables=(_trades(f"Trades only in {a}", self.only_a), _trades(f"Trades only in {b}", self.only_b)),
        )

    def _names(self) -> tuple[str, str]:
        same = self.a.name == self.b.name
        return (f"{self.a.name} (A)", f"{self.b.name} (B)") if same else (self.a.name, self.b.name)

    def _words(self) -> str:
        found = self.sharpe
        if self.first_difference is None:
            return "the returns are the same on every common bar"
        if found is None or math.isnan(found.p_value):
            return "the Sharpe ratios cannot be compared on the common bars"
        luck = "luck explains it" if found.p_value > 0.05 else "luck alone seldom does that"
        return (
            f"difference of the Sharpe ratios per bar {found.difference:+.4f}, standard error "
            f"{found.standard_error:.4f}, p = {found.p_value:.3f}: {luck}"
        )

    def __repr__(self) -> str:
        a, b = self._names()
        return f"<Comparison of {a} and {b}: {self._words()}>"


def compare(a: Result, b: Result) -> Comparison:
    """Compare two results.

    Parameters
    ----------
    a, b : Result

    Returns
    -------
    Comparison
        Displays in a notebook.

    Raises
    ------
    DataInvalid
        They have no bar in common.
    """
    found = Comparison(a=a, b=b)
    if not len(found.returns):
        raise DataInvalid(
            f"{a.name!r} and {b.name!r} have no bar in common.", hint="Compare results of one dataset and period."
        )
    return found


def _period(result: Result) -> str:
    dates = result.equity.index
    return f"{formats.date(dates[0])} to {formats.date(dates[-1])}, {result.key[:12]}"


def _missing(trades: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    there = set(other[_TRADE].itertuples(index=False, name=None))
    keep = [row not in there for row in trades[_TRADE].itertuples(index=False, name=None)]
    return trades[keep].reset_index(drop=True)


def _trades(title: str, trades: pd.DataFrame) -> Table:
    shown = trades[["symbol", "entry_date", "exit_date", "weight", "return_net", "pnl"]]
    makers: dict[str, object] = {
        **dict.fromkeys(("entry_date", "exit_date"), formats.date),
        **dict.fromkeys(("weight", "return_net"), formats.percent),
    }
    return table_of(f"{title} ({len(trades)})", shown, formats=makers, limit=20, folded=True)
