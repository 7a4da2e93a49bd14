"""The decisions of a table of positions, as a table of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outsample.config import Execution
from outsample.data import Dataset
from outsample.engine.market import market_of
from outsample.engine.plan import table_of
from outsample.engine.schedule import decision_dates
from outsample.engine.weights import target_weights

__all__ = ["decisions"]


def decisions(positions: object, data: Dataset | pd.DataFrame, execution: Execution) -> pd.DataFrame:
    """Return the rows of a table of positions that are decisions, by the date each was taken.

    Parameters
    ----------
    positions : DataFrame [date x symbol]
    data : Dataset, or DataFrame of closes
    execution : Execution
        Its schedule; without one, rows that differ from the previous one after normalisation.

    Returns
    -------
    DataFrame [decision x symbol]
        Weights as the engine understands them: after rule 1, in the symbols of the data.
    """
    market = market_of(data)
    table = table_of(positions, market)
    if execution.resample is None:
        dates, rows = table.index.asi8, np.arange(len(table.index), dtype=np.int64)
    else:
        found = decision_dates(execution.resample, execution.resample_offset, table.index, market.dates[-1])
        dates, rows = found.dates, found.rows
    kept, targets = target_weights(
        table.values,
        rows,
        table.columns,
        member=np.zeros((0, 0), dtype=np.bool_),
        leverage=execution.leverage,
        limit=execution.position_limit,
        only_changes=execution.resample is None,
    )
    weights = np.zeros((len(targets.start) - 1, len(market.symbols)))
    counts = np.diff(targets.start)
    weights[np.repeat(np.arange(len(counts)), counts), targets.names] = targets.weights
    index = pd.DatetimeIndex(dates[kept], tz="UTC" if market.dates.tz is not None else None)
    if market.dates.tz is not None:
        index = index.tz_convert(market.dates.tz)
    return pd.DataFrame(weights, index=index, columns=market.symbols)
