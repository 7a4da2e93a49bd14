"""What happened on one day of a simulation, name by name, and why a name was not bought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.engine import Simulation
from outsample.engine.record import REASONS
from outsample.errors import DataInvalid
from outsample.report import formats

__all__ = ["Day", "day_of"]

_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day.

    Parameters
    ----------
    date : Timestamp
    decided, filled : Timestamp or None
        Of the decision in force: when it was made and when it was filled; None before the first.
    table : DataFrame
        A row per name: symbol, target (weight wanted by the decision in force), before (weight at the close
        before, drifted since), units, price, value (of today's orders, negative = sold), costs (fee, tax and
        slippage, in money), weight (at this close), why.
    sentences : tuple of str
    """

    date: pd.Timestamp
    decided: pd.Timestamp | None
    filled: pd.Timestamp | None
    table: pd.DataFrame
    sentences: tuple[str, ...]


def day_of(simulation: Simulation, date: object, *, every: bool = False) -> Day:
    """Explain one day.

    Parameters
    ----------
    simulation : Simulation
    date : date
        A day without a bar is explained by the bar before it.
    every : bool
        All names; else those that were wanted, held or traded.

    Raises
    ------
    DataInvalid
        It is not a date, or lies before the first bar.
    """
    dates, plan = simulation.dates, simulation.problem.plan
    moment = _moment(date)
    if dates.tz is not None and moment.tzinfo is None:
        moment = moment.tz_localize(dates.tz)
    row = int(dates.searchsorted(moment, side="right")) - 1
    if row < 0:
        raise DataInvalid(f"The first bar is {formats.date(dates[0])}. Got {moment.date()}.")
    bar = plan.first + row
    number = int(np.searchsorted(plan.fills, bar, side="right")) - 1
    table = _rows(simulation, row, number)
    if not every:
        numbers = table[["target", "before", "units", "weight"]].abs().sum(axis=1)
        table = table[numbers > _TINY]
    order = (-table[["target", "weight"]].abs().max(axis=1)).argsort(kind="stable")
    decided = _decided(simulation, number)
    filled = None if number < 0 else simulation.problem.market.dates[plan.fills[number]]
    return Day(
        date=dates[row],
        decided=decided,
        filled=filled,
        table=table.iloc[order].reset_index(drop=True),
        sentences=_sentences(simulation, row, number),
    )


def _moment(date: object) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(date)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise DataInvalid(f"{date!r} is not a date.", hint="Write it as 2024-02-29.") from error
    if pd.isna(moment):
        raise DataInvalid("A date is needed. Got none.", hint="Write it as 2024-02-29.")
    return moment


def _decided(simulation: Simulation, number: int) -> pd.Timestamp | None:
    if number < 0:
        return None
    moment = pd.Timestamp(int(simulation.problem.plan.dates[number]))
    zone = simulation.dates.tz
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _rows(simulation: Simulation, row: int, number: int) -> pd.DataFrame:
    plan, record = simulation.problem.plan, simulation.record
    bar = plan.first + row
    target = np.zeros(len(simulation.symbols))
    if number >= 0:
        a, b = plan.targets.start[number : number + 2]
        target[plan.targets.names[a:b]] = plan.targets.weights[a:b]
    weights = simulation.weights.to_numpy()
    today = record.fills[:, 0] == bar
    fills, amounts = record.fills[today], record.amounts[today]
    table = pd.DataFrame(
        {
            "symbol": [str(name) for name in simulation.symbols],
            "target": target,
            "before": weights[row - 1] if row else np.zeros(len(target)),
            "units": np.bincount(fills[:, 1], amounts[:, 0], len(target)),
            "price": np.nan,
            "value": np.bincount(fills[:, 1], amounts[:, 0] * amounts[:, 1], len(target)),
            "costs": np.bincount(fills[:, 1], amounts[:, 2:5].sum(axis=1), len(target)),
            "weight": weights[row],
        }
    )
    table.loc[fills[:, 1], "price"] = amounts[:, 1]
    reasons = dict(zip(fills[:, 1].tolist(), fills[:, 2].tolist(), strict=True))
    table["why"] = [_why(simulation, bar, number, name, reasons.get(name)) for name in range(len(target))]
    return table


def _why(simulation: Simulation, bar: int, number: int, name: int, reason: int | None) -> str:
    """One sentence for one name."""
    plan = simulation.problem.plan
    if reason is not None:
        return "ordered by the decision" if REASONS[reason] == "signal" else f"closed: {_words(reason)}"
    if number < 0:
        return "no decision was in force yet"
    fill = int(plan.fills[number])
    a, b = plan.targets.start[number : number + 2]
    wanted = name in plan.targets.names[a:b]
    held = abs(float(simulation.weights.to_numpy()[bar - plan.first, name])) > _TINY
    if wanted:
        if not held:
            return _not_bought(simulation, bar, fill, name)
        return "held; its order was filled before" if bar > fill else "held; no order was needed"
    decided = formats.date(_decided(simulation, number))
    if held:
        obstacle = _obstacle(simulation, fill, name, buying=False)
        return f"not wanted since {decided}{f', and not sold: {obstacle}' if obstacle else ''}"
    outside = "" if simulation.problem.market.universe is None else ", or outside the universe"
    return f"not wanted: the position of {decided} is 0, False or NaN{outside}"


def _words(reason: int) -> str:
    return REASONS[reason].replace("_", " ")


def _not_bought(simulation: Simulation, bar: int, fill: int, name: int) -> str:
    record = simulation.record
    own = (record.fills[:, 1] == name) & (record.fills[:, 0] > fill) & (record.fills[:, 0] <= bar)
    if own.any():
        last = record.fills[own][-1]
        closed = REASONS[int(last[2])].replace("_", " ")
        return (
            f"closed by {closed} on {formats.date(simulation.problem.market.dates[last[0]])}; waits for a new decision"
        )
    on_fill = (record.fills[:, 1] == name) & (record.fills[:, 0] == fill)
    if on_fill.any():
        return "wanted, and its order left nothing"
    obstacle = _obstacle(simulation, fill, name, buying=True)
    return f"wanted, not bought: {obstacle or 'a stop since the decision before keeps it out until the next one'}"


def _obstacle(simulation: Simulation, fill: int, name: int, *, buying: bool) -> str:
    """What kept an order from being filled on its bar; empty if nothing that the prices show."""
    market, execution = simulation.problem.market, simulation.problem.execution
    day = formats.date(market.dates[fill])
    price = float(market.trade_price(execution.trade_at_price)[fill, name])
    close = float(market.close[fill, name])
    if np.isnan(price) or np.isnan(close):
        return f"no price on {day}"
    if market.has("volume") and not market.volume[fill, name] > 0:
        return f"no volume on {day}"
    before = float(market.close[fill - 1, name]) if fill else np.nan
    limit = execution.price_limit
    if limit is not None and not np.isnan(before):
        change = price / before - 1.0
        # The engine's tolerance, in price.
        if (buying and change >= limit - 1.1e-4) or (not buying and change <= -limit + 1.1e-4):
            return f"at the price limit on {day} ({formats.percent(change)})"
    return ""


def _sentences(simulation: Simulation, row: int, number: int) -> tuple[str, ...]:
    plan, market = simulation.problem.plan, simulation.problem.market
    bar = plan.first + row
    found = []
    if number < 0:
        found.append("No decision has been filled yet.")
    else:
        day = formats.date(_decided(simulation, number))
        if int(plan.fills[number]) == bar:
            found.append(f"The decision of {day} is filled on this day.")
        else:
            filled = formats.date(market.dates[plan.fills[number]])
            found.append(f"No decision is filled on this day; that of {day}, filled on {filled}, is in force.")
    if number + 1 < len(plan.fills):
        later, after = _decided(simulation, number + 1), market.dates[plan.fills[number + 1]]
        found.append(f"The next decision is of {formats.date(later)} and is filled on {formats.date(after)}.")
    costs = simulation.costs.iloc[row]
    paid = float(costs.sum())
    equity = float(simulation.equity.iloc[row])
    share = formats.percent(paid / equity if equity > 0 else 0.0, 3)
    spent = f"costs of the day {formats.number(paid)} ({share})" if paid else "no costs on this day"
    found.append(f"Equity {formats.number(equity)}, {spent}.")
    return tuple(found)
