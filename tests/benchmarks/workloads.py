"""Workloads as pairs (prepare, run) through the public API; everything that is run returns what it computed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.inputs import many_assets, single_asset
from outsample.data import Dataset
from outsample.engine import sim
from outsample.engine.trades import trade_table
from outsample.engine.vectorised import run_kernel


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Parameters
    ----------
    key, title : str
    prepare : callable
        scale (1.0 = full size) -> the thing to time, a function without arguments.
    peers : mapping of str to float
        Peer -> largest allowed ratio to it.
    """

    key: str
    title: str
    prepare: Callable[[float], Callable[[], object]]
    peers: dict[str, float] = field(default_factory=dict)


def _single(scale):
    close, position = single_asset(max(int(10_000 * scale), 500))
    data = Dataset.from_frames({"close": close}, name="W1")

    def run():
        result = sim(position, data, fee_ratio=0.001)
        return result.equity, result.trades

    return run


def _single_kernel(scale):
    close, position = single_asset(max(int(10_000 * scale), 500))
    problem = sim(position, Dataset.from_frames({"close": close}, name="W1"), fee_ratio=0.001).problem
    return lambda: run_kernel(problem)


def _many(scale):
    close, position = many_assets(max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250, max(int(100 * scale), 5))
    data = Dataset.from_frames({"close": close}, name="W3")

    def run():
        result = sim(position, data, resample="ME", fee_ratio=0.001425, tax_ratio=0.003)
        return result.equity, result.trades, result.turnover

    return run


def _many_read(scale):
    close, _ = many_assets(max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250, max(int(100 * scale), 5))
    values = Dataset.from_frames({"close": close}, name="W3").frame("close").to_numpy()
    return values.sum


def _many_trades(scale):
    close, position = many_assets(max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250, max(int(100 * scale), 5))
    result = sim(position, Dataset.from_frames({"close": close}, name="W3"), resample="ME", fee_ratio=0.001425)
    return lambda: trade_table(result.problem, result.record)


WORKLOADS = (
    Workload(
        "W1",
        "one asset, 10,000 bars: equity and trades",
        _single,
        {"raptorbt": 1.0, "vectorbt": 1 / 12},
    ),
    Workload("W1 kernel", "the same, the kernel alone", _single_kernel, {"raptorbt": 1 / 15}),
    Workload(
        "W3",
        "2,000 assets x 2,500 days, top 100, monthly: equity, trades, turnover",
        _many,
        {"polars-backtest": 1 / 25, "vectorbt": 1 / 500, "own:W3 read": 4.0},
    ),
    Workload("W3 read", "reading the price matrix once (numpy sum)", _many_read),
    Workload("W3 trades", "the table of trades of W3 alone", _many_trades),
)
