"""From fills to trades: one row per holding of one symbol, from flat to flat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.engine.record import REASONS, Problem, Record
from outsample.engine.trade_kernel import collect_trades

__all__ = ["TRADE_COLUMNS", "trade_table"]

TRADE_COLUMNS = (
    "symbol",
    "entry_signal_date",
    "entry_date",
    "exit_signal_date",
    "exit_date",
    "weight",
    "entry_price",
    "exit_price",
    "raw_entry_price",
    "raw_exit_price",
    "basis",
    "pnl",
    "return_net",
    "return_gross",
    "bars",
    "mae",
    "mfe",
    "exit_reason",
    "open",
)
_OPEN = len(REASONS)
_EXIT_REASONS = pd.Index([*REASONS, "open"])
# Rows of the two arrays that the kernel fills, one column per trade.
_INTS = ("symbol", "entry_signal", "entry", "exit_signal", "exit", "reason", "bars")
_FLOATS = ("weight", "entry_price", "exit_price", "basis", "pnl", "costs", "mae", "mfe")
_NO_TABLE = np.empty((0, 0))


def trade_table(problem: Problem, record: Record) -> pd.DataFrame:
    """Return the trades of a simulation.

    Returns
    -------
    DataFrame
        One row per holding, ordered by entry, then symbol; columns `TRADE_COLUMNS`. Money is in units
        of the capital, returns and excursions are fractions; ``exit_date`` is NaT and ``exit_price``
        the last price of a trade that is open at the end.
    """
    ints, floats = _run_kernel(problem, record)
    market = problem.market
    trades: Mapping[str, np.ndarray] = {
        **dict(zip(_INTS, ints, strict=True)),
        **dict(zip(_FLOATS, floats, strict=True)),
    }
    is_open = trades["reason"] == _OPEN
    dates = market.dates.asi8
    nat = np.iinfo(np.int64).min
    exits = np.where(is_open, nat, dates[trades["exit"]])
    raw = market.raw_close is not market.close
    columns = {
        "symbol": market.symbols.array.take(trades["symbol"]),
        "entry_signal_date": _dates(_signal_dates(trades["entry_signal"], problem), market.dates),
        "entry_date": _dates(dates[trades["entry"]], market.dates),
        "exit_signal_date": _dates(np.where(is_open, nat, _signal_dates(trades["exit_signal"], problem)), market.dates),
        "exit_date": _dates(exits, market.dates),
        "weight": trades["weight"],
        "entry_price": trades["entry_price"],
        "exit_price": trades["exit_price"],
        "raw_entry_price": trades["entry_price"] * (_factor(market, trades, "entry") if raw else 1.0),
        "raw_exit_price": trades["exit_price"] * (_factor(market, trades, "exit") if raw else 1.0),
        "basis": trades["basis"],
        "pnl": trades["pnl"],
        "return_net": trades["pnl"] / trades["basis"],
        "return_gross": (trades["pnl"] + trades["costs"]) / trades["basis"],
        "bars": trades["bars"],
        "mae": trades["mae"],
        "mfe": trades["mfe"],
        "exit_reason": _EXIT_REASONS.array.take(trades["reason"]),
        "open": is_open,
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(is_open)), copy=False)


def _dates(stamps: np.ndarray, index: pd.DatetimeIndex) -> np.ndarray | pd.DatetimeIndex:
    plain = stamps.view("datetime64[ns]")
    return plain if index.tz is None else pd.DatetimeIndex(plain).tz_localize("UTC").tz_convert(index.tz)


def _signal_dates(signals: np.ndarray, problem: Problem) -> np.ndarray:
    """Dates of what decided a fill: a decision of the plan, or the bar on which a stop was judged."""
    found: np.ndarray = problem.market.dates.asi8[np.maximum(-1 - signals, 0)]
    planned = signals >= 0
    found[planned] = problem.plan.dates[signals[planned]]
    return found


def _factor(market: object, trades: Mapping[str, np.ndarray], when: str) -> np.ndarray:
    """Price as traded over adjusted price, on the bar of the fill (1 where that bar has no close)."""
    close, raw = market.close, market.raw_close  # type: ignore[attr-defined]
    bars, names = trades[when], trades["symbol"]
    factor = raw[bars, names] / close[bars, names]
    known: np.ndarray = np.where(np.isnan(factor), 1.0, factor)
    return known


def _run_kernel(problem: Problem, record: Record) -> tuple[np.ndarray, np.ndarray]:
    market, plan = problem.market, problem.plan
    ranged = market.has("high") and market.has("low")
    year = np.empty(0)
    if problem.costs.borrow_rate:
        year = np.diff(market.dates.asi8, prepend=market.dates.asi8[:1]) / 86_400e9 / 365.0
    ints, floats = collect_trades(
        record.fills,
        record.amounts,
        market.close,
        market.high if ranged else _NO_TABLE,
        market.low if ranged else _NO_TABLE,
        record.curve[0],
        year,
        float(problem.costs.borrow_rate),
        problem.execution.trade_at_price == "open",
        problem.execution.trade_at_price == "close",
        plan.first,
        plan.last,
    )
    order = np.lexsort((ints[:, 0], ints[:, 2]))
    return ints[order].T, floats[order].T
