"""From a table of positions to a plan: which weights are wanted on which bar (rules 1 and 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.config import Execution
from outsample.engine.market import Market, date_index, market_of
from outsample.engine.schedule import Decisions, as_zone, decision_dates, fill_bars
from outsample.engine.weights import Targets, target_weights
from outsample.errors import DataInvalid

# Rows of weights above so many times the leverage look like scores.
_SCORES = 3.0

__all__ = ["Plan", "Table", "decision_rows", "decisions", "plan_of", "span", "table_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is wanted on which bar.

    Parameters
    ----------
    first, last : int
        Bars of the evaluation, both inclusive. The initial capital stands on `first`.
    fills : ndarray of int64 [decisions]
        Bar of each decision, ascending, each once.
    dates : ndarray of int64 [decisions]
        Date of each decision, nanoseconds.
    targets : Targets
    waiting : tuple of (ndarray, ndarray) or None
        Names and weights of the decision that the bars end before.
    partial : bool
        A decision moves only the names it lists (``from_signals``).
    warnings : tuple of str
    """

    first: int
    last: int
    fills: np.ndarray
    dates: np.ndarray
    targets: Targets
    waiting: tuple[np.ndarray, np.ndarray] | None = None
    partial: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table of positions, brought to the market's dates and symbols.

    Parameters
    ----------
    index : DatetimeIndex
        Sorted, unique, in the time zone of the bars.
    values : ndarray [rows x columns], bool or float64
    columns : ndarray of int64 [symbols]
        Column of each symbol of the market, -1 where there is none.
    warnings : tuple of str
    """

    index: pd.DatetimeIndex
    values: np.ndarray
    columns: np.ndarray
    warnings: tuple[str, ...] = ()


def table_of(positions: object, market: Market, what: str = "position") -> Table:
    """Check a table of positions and align it with a market.

    Raises
    ------
    DataInvalid
        Not a table of numbers over dates; duplicate dates or symbols; no symbol has prices; infinite
        weights.
    """
    frame = _as_frame(positions, market, what)
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise DataInvalid(
            f"{what} is empty: {frame.shape[0]} rows, {frame.shape[1]} columns.",
            hint="One row per decision date, one column per symbol.",
        )
    warnings: list[str] = []
    index = _index(frame, market, what, warnings)
    values = _values(frame, what)
    if not index.is_monotonic_increasing:
        order = index.argsort()
        index, values = index[order], values[order]
        warnings.append(f"{what} was not sorted by date; it is now.")
    columns = _columns(frame, values, market, what, warnings)
    return Table(index=index, values=values, columns=columns, warnings=tuple(warnings))


def span(table: Table, market: Market, execution: Execution) -> tuple[int, int]:
    """Return the first and the last bar of the evaluation.

    Without `start` the evaluation begins on the last bar at or before the first row, so that a decision
    of a day without trading is filled on the first bar after it.
    """
    bars = market.dates.asi8
    if execution.start is None:
        first = max(int(np.searchsorted(bars, table.index.asi8[0], side="right")) - 1, 0)
    else:
        first = int(np.searchsorted(bars, _stamp(execution.start, market), side="left"))
    last = len(bars) - 1
    if execution.end is not None:
        last = int(np.searchsorted(bars, _stamp(execution.end, market), side="right")) - 1
    if first > last or first >= len(bars):
        raise DataInvalid(
            f"There are no bars from {execution.start or table.index[0]} to {execution.end or market.dates[-1]}.",
            hint=f"The prices run from {market.dates[0]} to {market.dates[-1]}.",
        )
    return first, last


def plan_of(table: Table, market: Market, execution: Execution, *, lag: int | None = None) -> Plan:
    """Turn a table into a plan.

    Parameters
    ----------
    table : Table
    market : Market
    execution : Execution
    lag : int, optional
        Replaces ``execution.lag``; 0 only in the reference engine's test mode.
    """
    first, last = span(table, market, execution)
    bars, rows = market.dates.asi8[: last + 1], table.index.asi8
    if rows[0] > bars[-1]:
        raise DataInvalid(
            f"All rows of position come after the last bar, {market.dates[last]}.",
            hint=f"The first row is dated {table.index[0]}.",
        )
    warnings = list(table.warnings)
    if execution.end is None and rows[-1] > bars[-1]:
        late = int((rows > bars[-1]).sum())
        warnings.append(f"{late} rows of position come after the last bar and are not used.")
    end = market.dates[last]
    dates, targets = _wanted(table, market, execution, end)
    fills, counts = fill_bars(dates, bars, execution.lag if lag is None else lag, first)
    waiting = None
    if len(fills) and fills[-1] > last:
        a, b = targets.start[-2:]
        waiting = targets.names[a:b], targets.weights[a:b]
    keep = counts & (fills <= last)
    if execution.allocation == "pre_cost" and execution.start is None:
        # finlab's curve begins on the bar before the first fill.
        holds = keep & (np.diff(targets.start) > 0)
        if holds.any():
            first = max(first, int(fills[holds.argmax()]) - 1)
            keep &= fills > first
    warnings += _like_scores(table, targets)
    warnings += _stale_weights(table, dates, execution, end)
    return Plan(
        first=first,
        last=last,
        fills=fills[keep],
        dates=dates[keep],
        targets=targets.take(keep),
        waiting=waiting,
        warnings=tuple(warnings),
    )


def decisions(positions: object, data: object, execution: Execution) -> pd.DataFrame:
    """Return the decisions that a table of positions means under these options.

    Parameters
    ----------
    positions : DataFrame [date x symbol], or Series of one symbol
    data : Dataset, or DataFrame of closes
    execution : Execution
        ``resample``, ``resample_offset``, ``leverage``, ``position_limit``, ``outside_universe`` count;
        ``start`` does not.

    Returns
    -------
    DataFrame [decision date x symbol]
        Normalised weights. Simulating it with ``resample`` = its index gives the same trades.

    Examples
    --------
    >>> dates = pd.date_range("2024-01-01", periods=3)
    >>> close = pd.DataFrame({"A": [1.0, 1.0, 1.0], "B": [1.0, 1.0, 1.0]}, index=dates)
    >>> decisions(pd.DataFrame({"A": [1, 1, 1], "B": [0, 0, 1]}, index=dates), close, Execution())
                  A    B
    2024-01-01  1.0  0.0
    2024-01-03  0.5  0.5
    """
    market = market_of(data)
    dates, weights = decision_rows(positions, data, execution)
    index = pd.DatetimeIndex(dates.view("datetime64[ns]"))
    if market.dates.tz is not None:
        index = index.tz_localize("UTC").tz_convert(market.dates.tz)
    return pd.DataFrame(weights, index=index, columns=market.symbols)


def decision_rows(positions: object, data: object, execution: Execution) -> tuple[np.ndarray, np.ndarray]:
    """As `decisions`: dates in nanoseconds since 1970 [decision], and weights [decision x symbol of the data]."""
    market = market_of(data)
    dates, targets = _wanted(table_of(positions, market), market, execution, market.dates[-1])
    weights = np.zeros((len(dates), len(market.symbols)))
    weights[np.repeat(np.arange(len(dates)), np.diff(targets.start)), targets.names] = targets.weights
    return dates, weights


# -- the table


def _as_frame(positions: object, market: Market, what: str) -> pd.DataFrame:
    if isinstance(positions, pd.Series):
        name = positions.name if positions.name is not None or len(market.symbols) != 1 else market.symbols[0]
        if len(market.symbols) == 1 and name not in market.symbols:
            name = market.symbols[0]
        return positions.to_frame(name)
    if isinstance(positions, pd.DataFrame):
        return positions
    raise DataInvalid(
        f"{what} is a DataFrame, dates x symbols. Got {type(positions).__name__}.",
        hint="For example data.get('close').average(20) > data.get('close').average(60).",
    )


def _index(frame: pd.DataFrame, market: Market, what: str, warnings: list[str]) -> pd.DatetimeIndex:
    """Dates of the rows in the time zone of the bars; dates and columns are unique."""
    index = market.dates
    if not market.has_dates(frame.index):
        index = date_index(frame.index, what)
        if (index.tz is None) != (market.dates.tz is None):
            warnings.append(
                f"{what} has {'no' if index.tz is None else 'a'} time zone and the prices have "
                f"{'none' if market.dates.tz is None else 'one'}; its dates are read as the local time of the bars."
            )
        index = as_zone(index, market.dates.tz)
    for labels, kind in ((index, "date"), (frame.columns, "symbol")):
        if not labels.is_unique:
            twice = labels[labels.duplicated()][0]
            raise DataInvalid(f"{what} has the {kind} {twice!r} twice.", hint=f"Keep one of each {kind}.")
    return index


def _values(frame: pd.DataFrame, what: str) -> np.ndarray:
    values = frame.to_numpy()
    if values.dtype in (bool, np.float64):
        return values
    try:
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataInvalid(
            f"{what} has columns that are neither bool nor numbers.", hint="One column of weights per symbol."
        ) from error
    return values


def _columns(frame: pd.DataFrame, values: np.ndarray, market: Market, what: str, warnings: list[str]) -> np.ndarray:
    if frame.columns is market.symbols or frame.columns.equals(market.symbols):
        return np.arange(len(market.symbols), dtype=np.int64)
    columns = frame.columns.get_indexer(market.symbols).astype(np.int64)
    known = np.zeros(frame.shape[1], dtype=bool)
    known[columns[columns >= 0]] = True
    unknown = frame.columns[~known]
    if len(unknown) == 0:
        return columns
    listed = f"{', '.join(map(str, unknown[:5]))}{', ...' if len(unknown) > 5 else ''}"
    if not known.any():
        raise DataInvalid(
            f"No symbol of {what} has prices: {listed}.",
            hint=f"The prices have {', '.join(map(str, market.symbols[:5]))}.",
        )
    size = np.nansum(np.abs(values.astype(np.float64)), axis=0)
    share = float(size[~known].sum() / size.sum()) if size.sum() > 0 else 0.0
    warnings.append(
        f"{len(unknown)} symbols of {what} have no prices and were dropped: {listed} ({share:.1%} of weight)."
    )
    return columns


# -- decisions


def _stamp(stamp: pd.Timestamp, market: Market) -> int:
    return int(as_zone(pd.DatetimeIndex([stamp]).as_unit("ns"), market.dates.tz).asi8[0])


def _decisions(table: Table, execution: Execution, last_bar: pd.Timestamp) -> Decisions:
    if execution.resample is None:
        if execution.resample_offset is None:
            known = int(np.searchsorted(table.index.asi8, last_bar.value, side="right"))
            return Decisions(dates=table.index.asi8[:known], rows=np.arange(known, dtype=np.int64))
        # An offset without a schedule moves the rows themselves.
        return decision_dates(tuple(table.index), execution.resample_offset, table.index, last_bar)
    return decision_dates(execution.resample, execution.resample_offset, table.index, last_bar)


def _wanted(table: Table, market: Market, execution: Execution, last_bar: pd.Timestamp) -> tuple[np.ndarray, Targets]:
    """Dates and weights of all decisions up to the last bar."""
    decided = _decisions(table, execution, last_bar)
    kept, targets = target_weights(
        table.values,
        decided.rows,
        table.columns,
        member=_membership(table, decided, market, execution),
        leverage=execution.leverage,
        limit=execution.position_limit,
        only_changes=execution.resample is None,
    )
    return decided.dates[kept], targets


def _membership(table: Table, decisions: Decisions, market: Market, execution: Execution) -> np.ndarray:
    """Who may be held by each decision: [decisions x symbols], or (0, 0) where everybody may."""
    if market.universe is None or len(decisions.rows) == 0:
        return np.empty((0, 0), dtype=bool)
    universe = market.universe
    index = as_zone(date_index(universe.index, "universe"), market.dates.tz)
    known = np.searchsorted(index.asi8, decisions.dates, side="right") - 1
    places = universe.columns.get_indexer(market.symbols)
    members = universe.to_numpy()
    allowed: np.ndarray = members[np.ix_(np.maximum(known, 0), np.maximum(places, 0))].astype(bool)
    allowed &= (known >= 0)[:, None] & (places >= 0)[None, :]
    if execution.outside_universe == "refuse":
        _refuse_outsiders(table, decisions, market, allowed)
    return allowed


def _refuse_outsiders(table: Table, decisions: Decisions, market: Market, allowed: np.ndarray) -> None:
    there = table.columns >= 0
    wanted = table.values[np.ix_(decisions.rows, table.columns[there])]
    outside = (wanted != 0) & ~np.isnan(wanted.astype(np.float64)) & ~allowed[:, there]
    if outside.any():
        k, j = np.argwhere(outside)[0]
        raise DataInvalid(
            f"position wants {market.symbols[there][j]!r} on {pd.Timestamp(decisions.dates[k], tz=market.dates.tz)}, "
            f"which is outside the universe that day ({int(outside.sum())} targets in all).",
            hint="Multiply by data.get('universe'), or pass outside_universe='zero'.",
        )


def _like_scores(table: Table, targets: Targets) -> list[str]:
    """Weights far above 100 % that differ within a row are probably scores."""
    if table.values.dtype != np.float64 or not len(targets.divisors):
        return []
    scale = float(np.median(targets.divisors))
    k = int(np.abs(targets.divisors - scale).argmin())
    row = np.abs(targets.weights[targets.start[k] : targets.start[k + 1]])
    if scale <= _SCORES or len(row) < 3 or row.max() <= row.min() * (1.0 + 1e-9):
        return []
    return [
        (
            f"Rows of position sum to about {scale:,.0f} times the whole equity and were scaled down; did you mean "
            "signal = ... with --alpha?"
        )
    ]


def _stale_weights(table: Table, decided: np.ndarray, execution: Execution, last_bar: pd.Timestamp) -> list[str]:
    dates = decided if execution.resample is not None else table.index.asi8
    left = last_bar.value - int(table.index.asi8[-1])
    if left <= 0 or len(dates) < 2 or left <= int(np.diff(dates).max()):
        return []
    return [
        (
            f"position ends on {table.index[-1].date()}, the evaluation on {last_bar.date()}: "
            "the last weights stay in force until then."
        )
    ]
