"""The paths of combinatorial cross-validation as a table of a report."""

from __future__ import annotations

import pandas as pd

from outsample.report import formats
from outsample.report.document import Table, table_of
from outsample.research.combinatorial import CombinatorialRun

__all__ = ["combinatorial_table"]

_NAMES = {"mean": "mean", "deviation": "deviation", "not_positive": "share not positive"}


def combinatorial_table(run: CombinatorialRun) -> Table:
    """Return the distribution of the paths' Sharpe ratios, and of what else is known of each path.

    Parameters
    ----------
    run : CombinatorialRun
    """
    found = run.distribution
    rows = [
        {
            "of the paths": _NAMES.get(name, f"percentile {name[1:]}"),
            "sharpe": formats.percent(value) if name == "not_positive" else formats.ratio(value),
        }
        for name, value in zip(found.index[1:].astype(str), found.iloc[1:], strict=True)
    ]
    return table_of(
        "Combinatorial cross-validation",
        pd.DataFrame(rows),
        note=f"{len(run.paths)} paths of {len(run.choices)} splits, net of costs; chosen on bars before and after "
        "each test, so no record that could have been traded.",
    )
