"""How much capital a strategy's trades would bear, as a table of a report."""

from __future__ import annotations

import math

from outsample import errors, metrics
from outsample.pipeline import Outcome
from outsample.report import formats
from outsample.report.document import Table

__all__ = ["capacity_table"]

# What participation is told for where a simulation counts in units of its capital, as it does by default.
NOMINAL = 1_000_000.0


def capacity_table(outcome: Outcome) -> Table:
    """Return participation in volume, bars to liquidate, and the capital that volume allows; no rows without volume.

    Parameters
    ----------
    outcome : Outcome
        Its initial capital is money where one was given; otherwise a million of the market's currency is meant.
    """
    given = outcome.simulation.execution.initial_capital
    try:
        found = metrics.capacity(outcome.simulation, capital=NOMINAL if given == 1.0 else given)
    except errors.DataMissing:
        return _table(())
    if not found.orders:
        return _table(())
    currency, share = outcome.request.data.currency, formats.percent(found.rate, 0)
    allowed = "" if math.isnan(found.capital_at_rate) else f"{found.capital_at_rate:,.0f} {currency}"
    volume = f"{share} of the average volume of {found.window} bars"
    rows = [
        (f"Capital with which 95 % of orders stay within {volume}", allowed),
        (
            "Share of that volume: mean / 95th percentile / largest",
            _row(formats.percent, found.participation_mean, found.participation_p95, found.participation_max),
        ),
        (
            f"Bars to liquidate at {share}: mean / longest",
            _row(formats.ratio, found.days_to_liquidate_mean, found.days_to_liquidate_max),
        ),
    ]
    if found.orders_unknown:
        rows.append(
            ("Orders without a known volume", f"{found.orders_unknown} of {found.orders + found.orders_unknown}")
        )
    return _table(tuple(rows), f"For a capital of {found.capital:,.0f} {currency}, traded in volume at the close.")


def _row(maker: object, *values: float) -> str:
    assert callable(maker)
    return " / ".join(str(maker(value)) for value in values)


def _table(rows: tuple[tuple[str, ...], ...], note: str = "") -> Table:
    columns = ("Metric", "Strategy")
    return Table(title="Capacity", columns=columns, rows=rows, numeric=frozenset({1}), folded=True, note=note)
