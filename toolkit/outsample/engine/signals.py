"""Entries and exits instead of weights: a fixed size per entry, the same kernel, costs and stops."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from outsample.config import Execution, resolve_options
from outsample.data import Dataset
from outsample.engine.market import Market, market_of
from outsample.engine.plan import Plan, Table, span, table_of
from outsample.engine.record import Problem
from outsample.engine.registry import get_engine
from outsample.engine.schedule import fill_bars
from outsample.engine.simulation import Simulation
from outsample.engine.weights import Targets
from outsample.errors import ConfigError, DataInvalid

__all__ = ["from_signals"]


def from_signals(
    entries: pd.DataFrame | pd.Series,
    exits: pd.DataFrame | pd.Series | None,
    data: Dataset | pd.DataFrame,
    *,
    size: float = 1.0,
    **options: object,
) -> Simulation:
    """Simulate entry and exit signals with a fixed size per entry.

    An entry buys `size` x equity (less where the leverage leaves less room) and is then left alone until
    an exit or a stop; other names are not rebalanced. An entry of a name that is held is ignored; an
    exit wins over an entry of the same bar.

    Parameters
    ----------
    entries, exits : DataFrame [date x symbol] or Series, bool
        Row t is decided with the close of bar t and filled on the next bar. NaN is False. Entries are
        level-triggered: after a stop the next True enters again. ``exits=None`` leaves by stops only.
    data : Dataset, or DataFrame of closes
    size : float
        Fraction of equity per entry; negative = short.
    **options
        Fields of `Execution` and `Costs`, and ``engine``, as in `sim`; not ``resample``.

    Returns
    -------
    Simulation

    Raises
    ------
    ConfigError
        An option that is unknown, not allowed, or has no meaning here.
    DataInvalid
        Signals that are not bool.

    Examples
    --------
    >>> dates = pd.date_range("2024-01-01", periods=5)
    >>> close = pd.DataFrame({"A": [10.0, 10.0, 11.0, 12.1, 20.0]}, index=dates)
    >>> on = close.eq(10.0) & close.shift().isna()
    >>> from_signals(on, close.eq(11.0), close).equity.round(4).tolist()
    [1.0, 1.0, 1.1, 1.21, 1.21]
    """
    engine = get_engine(str(options.pop("engine", None) or "vectorised"))
    solve = getattr(engine, "solve", None)
    if solve is None or "signals" not in engine.capabilities:
        raise ConfigError(f"The engine {engine.name!r} cannot simulate signals.", hint="Use engine='vectorised'.")
    preset = data.preset.options if isinstance(data, Dataset) else {}
    execution, costs = resolve_options(preset, options)
    if execution.resample is not None or execution.resample_offset is not None:
        raise ConfigError("from_signals has no resample: signals are the schedule.", hint="Use sim() with weights.")
    if not (isinstance(size, int | float) and math.isfinite(size)) or size == 0 or abs(size) > execution.leverage:
        raise ConfigError(f"size must be a fraction of equity, not 0, at most the leverage. Got {size!r}.")
    market = market_of(data)
    enter = _signals(entries, market, "entries")
    leave = None if exits is None else _signals(exits, market, "exits")
    plan = _plan(enter, leave, market, execution, math.copysign(min(abs(size), execution.position_limit), size))
    result = solve(Problem(market=market, plan=plan, execution=execution, costs=costs))
    assert isinstance(result, Simulation)
    return result


def _plan(enter: Table, leave: Table | None, market: Market, execution: Execution, weight: float) -> Plan:
    """Turn signals into a plan whose decisions move only the names they list."""
    first, last = span(enter, market, execution)
    on, off = (_on_bars(table, market, last) for table in (enter, leave))
    events = on | off
    bars = np.flatnonzero(events.any(axis=1))
    fills, _ = fill_bars(market.dates.asi8[bars], market.dates.asi8[: last + 1], execution.lag, -1)
    # What was signalled before the evaluation began is past: an event is not a state.
    keep = (fills > first) & (fills <= last)
    counts = events[bars].sum(axis=1)
    names = np.ascontiguousarray(np.nonzero(events[bars])[1], dtype=np.int64)
    weights = np.where(off[bars][events[bars]], 0.0, weight)
    start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    targets = Targets(start=start, names=names, weights=weights, divisors=np.ones(len(bars)))
    warnings = (*enter.warnings, *(leave.warnings if leave is not None else ()))
    return Plan(
        first=first,
        last=last,
        fills=fills[keep],
        dates=market.dates.asi8[bars][keep],
        targets=targets.take(keep),
        waiting=_waiting(targets, fills, last),
        partial=True,
        warnings=warnings,
    )


def _waiting(targets: Targets, fills: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray] | None:
    if len(fills) == 0 or fills[-1] <= last:
        return None
    a, b = targets.start[-2:]
    return targets.names[a:b], targets.weights[a:b]


def _signals(signals: object, market: Market, what: str) -> Table:
    table = table_of(signals, market, what)
    values = table.values
    if values.dtype != np.bool_ and not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
        raise DataInvalid(f"{what} must be bool, True where a signal is.", hint="For weights use sim().")
    return table


def _on_bars(table: Table | None, market: Market, last: int) -> np.ndarray:
    """Signals by bar and symbol; a row between two bars counts for the bar before it."""
    found = np.zeros((last + 1, len(market.symbols)), dtype=bool)
    if table is None:
        return found
    bars = np.searchsorted(market.dates.asi8, table.index.asi8, side="right") - 1
    known = (bars >= 0) & (bars <= last)
    there = table.columns >= 0
    values = np.nan_to_num(table.values[np.ix_(known, table.columns[there])]).astype(bool)
    block = np.zeros((len(values), len(market.symbols)), dtype=bool)
    block[:, there] = values
    np.logical_or.at(found, bars[known], block)
    return found
