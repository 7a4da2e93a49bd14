"""Preparation that all engines share: checks, alignment, schedule, weights."""

from __future__ import annotations

from outsample.config import Costs, Execution
from outsample.engine.market import market_of
from outsample.engine.plan import plan_of, table_of
from outsample.engine.record import Problem
from outsample.errors import ConfigError

__all__ = ["problem_of"]


def problem_of(
    positions: object, data: object, *, execution: Execution, costs: Costs, lag: int | None = None
) -> Problem:
    """Turn positions, prices and options into a problem for an engine.

    Parameters
    ----------
    positions : DataFrame [date x symbol], or Series of one symbol
    data : Dataset, or DataFrame of closes
    execution : Execution
    costs : Costs
    lag : int, optional
        Replaces ``execution.lag``; 0 only in the reference engine's test mode.

    Raises
    ------
    ConfigError
        Costs so high that no allocation exists.
    DataInvalid, DataMissing
        Positions or prices that cannot be used.
    """
    drag = execution.leverage * (costs.fee_ratio + costs.tax_ratio + costs.slippage)
    if drag >= 1.0:
        raise ConfigError(
            f"leverage x (fee_ratio + tax_ratio + slippage) must be below 1. Got {drag:.4g}.",
            hint="Costs are fractions of traded value: 0.001425 is 0.1425 %.",
        )
    market = market_of(data)
    plan = plan_of(table_of(positions, market), market, execution, lag=lag)
    return Problem(market=market, plan=plan, execution=execution, costs=costs)
