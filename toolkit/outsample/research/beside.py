"""What stands beside a walk-forward: hindsight, the defaults, buying and holding; and how stable the choice was."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import pandas as pd

from outsample import errors, metrics
from outsample.pipeline import run
from outsample.research.sweep import SweepRuns
from outsample.strategy import Literal

__all__ = ["compared", "default_returns", "stability"]


def default_returns(sweep: SweepRuns) -> pd.Series | None:
    """Return net returns of the strategy's own parameter values: a combination of the grid, or one more run."""
    values = dict(sweep.request.strategy.values)
    for combination in sweep.combinations:
        if combination.run is not None and {**values, **combination.params} == values:
            return combination.returns
    try:
        return run(sweep.request).simulation.returns
    except errors.OutsampleError:
        return None


def compared(series: Mapping[str, pd.Series | None], dates: pd.Index, periods: float) -> pd.DataFrame:
    """Return metrics of several returns on the same bars, a row each.

    Parameters
    ----------
    series : mapping of label to Series [bar]
        Bars without a return earn nothing; None: a row without numbers.
    dates : Index
        The bars: another period would compare two markets.
    periods : float
        Periods per year.
    """
    rows = []
    for label, returns in series.items():
        row: dict[str, object] = {"series": label}
        part = None if returns is None else returns.reindex(dates).fillna(0.0)
        for name in ("total_return", "max_drawdown"):
            row[name] = math.nan if part is None else getattr(metrics, name)(part)
        for name in ("cagr", "volatility", "sharpe"):
            row[name] = math.nan if part is None else getattr(metrics, name)(part, periods_per_year=periods)
        rows.append(row)
    columns = ["series", "total_return", "cagr", "volatility", "sharpe", "max_drawdown"]
    return pd.DataFrame(rows, columns=columns)


def stability(names: Sequence[str], chosen: Sequence[Mapping[str, Literal] | None]) -> pd.DataFrame:
    """Return how often each parameter kept its value from window to window.

    Columns: parameter, distinct (values chosen), commonest, share (of windows that chose it), changes (of
    seams at which the value changed), seams.
    """
    kept = [one for one in chosen if one is not None]
    rows = []
    for name in names:
        values = [one[name] for one in kept]
        counts = pd.Series([repr(value) for value in values], dtype=object).value_counts()
        rows.append(
            {
                "parameter": name,
                "distinct": len(counts),
                "commonest": str(counts.index[0]) if len(counts) else "",
                "share": float(counts.iloc[0] / len(values)) if len(counts) else math.nan,
                "changes": sum(a != b for a, b in itertools.pairwise(values)),
                "seams": max(len(values) - 1, 0),
            }
        )
    return pd.DataFrame(rows)
