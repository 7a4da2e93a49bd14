"""Workloads as pairs (prepare, run) through the public API; everything that is run returns what it computed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.inputs import daily_returns, many_assets, single_asset, walks
from outsample import bootstrap
from outsample.data import Dataset, StrategyFrame
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


def _single(times=1):
    """W1, with more bars by a factor."""

    def prepare(scale):
        close, position = single_asset(times * max(int(10_000 * scale), 500))
        data = Dataset.from_frames({"close": close}, name="W1")

        def run():
            result = sim(position, data, fee_ratio=0.001)
            return result.equity, result.trades

        return run

    return prepare


def _single_kernel(scale):
    close, position = single_asset(max(int(10_000 * scale), 500))
    problem = sim(position, Dataset.from_frames({"close": close}, name="W1"), fee_ratio=0.001).problem
    return lambda: run_kernel(problem)


def _many(times=1):
    """W3, with more names by a factor."""

    def prepare(scale):
        names, top = times * max(int(2_000 * scale), 20), times * max(int(100 * scale), 5)
        close, position = many_assets(names, 2_500 if scale == 1 else 250, top)
        data = Dataset.from_frames({"close": close}, name="W3")

        def run():
            result = sim(position, data, resample="ME", fee_ratio=0.001425, tax_ratio=0.003)
            return result.equity, result.trades, result.turnover

        return run

    return prepare


def _many_read(scale):
    close, _ = many_assets(max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250, max(int(100 * scale), 5))
    values = Dataset.from_frames({"close": close}, name="W3").frame("close").to_numpy()
    return values.sum


def _many_trades(scale):
    close, position = many_assets(max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250, max(int(100 * scale), 5))
    result = sim(position, Dataset.from_frames({"close": close}, name="W3"), resample="ME", fee_ratio=0.001425)
    return lambda: trade_table(result.problem, result.record)


def _factor(times=1):
    """W7, with more names by a factor. The frame has no token: every round computes all of it."""

    def prepare(scale):
        close = StrategyFrame(walks(times * max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250))

        def run():
            mean = close.average(20)
            ranks = mean.rank(axis=1)
            return mean, ranks, ranks.is_largest(10)

        return run

    return prepare


def _factor_pandas(scale):
    close = walks(max(int(2_000 * scale), 20), 2_500 if scale == 1 else 250)

    def run():
        mean = close.rolling(20, min_periods=10).mean()
        ranks = mean.rank(axis=1)
        return mean, ranks, ranks.rank(axis=1, method="first", ascending=False) <= 10

    return run


def _paths(paths=1, days=1, n_jobs=None):
    """W5, larger by factors."""

    def prepare(scale):
        x = daily_returns(days * max(int(2_500 * scale), 100))
        count = paths * max(int(10_000 * scale), 100)

        def run():
            made = bootstrap(x, n_paths=count, block=20.0, n_jobs=n_jobs)
            return (made.table,)

        return run

    return prepare


WORKLOADS = (
    Workload(
        "W1",
        "one asset, 10,000 bars: equity and trades",
        _single(),
        {"raptorbt": 1.0, "vectorbt": 1 / 12},
    ),
    Workload("W1 kernel", "the same, the kernel alone", _single_kernel, {"raptorbt": 1 / 15}),
    Workload(
        "W3",
        "2,000 assets x 2,500 days, top 100, monthly: equity, trades, turnover",
        _many(),
        {"polars-backtest": 1 / 25, "vectorbt": 1 / 500, "own:W3 read": 4.0},
    ),
    Workload("W3 read", "reading the price matrix once (numpy sum)", _many_read),
    Workload("W3 trades", "the table of trades of W3 alone", _many_trades),
    Workload(
        "W5",
        "10,000 stationary-bootstrap paths of 2,500 returns: five statistics of each",
        _paths(),
        {"arch": 1 / 20},
    ),
    Workload("W5 one thread", "the same on one thread", _paths(n_jobs=1), {"arch": 1 / 10}),
    Workload(
        "W7",
        "rolling mean, rank across, is_largest on 2,000 x 2,500",
        _factor(),
        {"own:W7 pandas": 1 / 5},
    ),
    Workload("W7 pandas", "the same in plain pandas", _factor_pandas),
    *(
        Workload(f"{key} x{k}", f"{k} times the {what}", prepare(k), {f"own:{key}": 1.1 * k})
        for key, what, prepare in (("W1", "bars", _single), ("W3", "names", _many), ("W7", "names", _factor))
        for k in (2, 4, 8)
    ),
    # 20,000 days are known to miss it: their table of ranges no longer fits the second-level cache.
    *(
        Workload(f"W5 x{k} {what}", f"{k} times the {what}", _paths(**{what: k}), {"own:W5": 1.1 * k})
        for what in ("paths", "days")
        for k in (2, 4, 8)
    ),
)
