"""Workloads as pairs (prepare, run) through the public API; everything that is run returns what it computed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.inputs import crossings, daily_returns, many_assets, means, single_asset, walks, windows
from outsample import bootstrap, sweep, walk_forward
from outsample.config import Costs, Execution
from outsample.data import Dataset, StrategyFrame
from outsample.engine import sim
from outsample.engine.many import measure_many
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
        Peer -> largest allowed ratio to it; "own:KEY" is another workload, None no target.
    says : callable, optional
        What the run returned -> the number to compare with the peers'.
    beside : callable, optional
        What the run returned -> seconds of it that are not measured: the runs that control a sweep, and the probes
        for look-ahead.
    sandboxed : bool
        Other processes work for it; their CPU time counts.
    """

    key: str
    title: str
    prepare: Callable[[float], Callable[[], object]]
    peers: dict[str, float | None] = field(default_factory=dict)
    says: Callable[[object], float] | None = None
    beside: Callable[[object], float] | None = None
    sandboxed: bool = False


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


CROSSING = """
fast = 10
slow = 100
close = data.get("close")
position = close.average(fast) > close.average(slow)
"""
# Ordinary Python takes its time: nothing here is known to us.
SLOW = """
fast = 10
slow = 100
price = list(data.get("close").iloc[:, 0])
held = []
for t in range(len(price)):
    a, b = price[max(t + 1 - fast, 0) : t + 1], price[max(t + 1 - slow, 0) : t + 1]
    held.append(sum(a) / len(a) > sum(b) / len(b))
position = pd.DataFrame({"A": held}, index=data.get("close").index)
"""


def _sweep(bars=1, combinations=1):
    """W2, with more bars or more combinations by a factor."""

    def prepare(scale):
        close, grid = crossings(bars * max(int(5_000 * scale), 500), small=scale < 1)
        step = 5 / combinations
        grid["slow"] = [60 + int(step * k) for k in range(combinations * len(grid["slow"]))]
        data = Dataset.from_frames({"close": close}, name="W2")

        def run():
            found = sweep(CROSSING, data, grid, store=False, fee_ratio=0.001)
            return found.table, found.runs, _left_out(found.runs, found.lookahead)

        return run

    return prepare


def _sweep_kernel(scale):
    close, grid = crossings(max(int(5_000 * scale), 500), small=scale < 1)
    data = Dataset.from_frames({"close": close}, name="W2")
    average = means(close, grid["fast"] + grid["slow"])
    held = np.stack([average[fast] > average[slow] for fast in grid["fast"] for slow in grid["slow"]])[:, :, None]
    first = pd.DataFrame(held[0], close.index, close.columns)

    def run():
        segments, _ = measure_many(held, first, data, execution=Execution(), costs=Costs(fee_ratio=0.001))
        end, depth, mean, spread, _ = segments.found.T
        sharpe = np.divide(mean, spread, out=np.full(len(mean), np.nan), where=spread > 0.0) * np.sqrt(252.0)
        return pd.Series(end), pd.Series(sharpe), pd.Series(depth), pd.Series(segments.trades)

    return run


def _sweep_python(scale):
    close, _ = crossings(max(int(5_000 * scale), 500))
    data, grid = Dataset.from_frames({"close": close}, name="W2"), {"fast": list(range(5, 45, 2 if scale == 1 else 20))}

    def run():
        found = sweep(SLOW, data, grid, n_jobs=1, store=False, fee_ratio=0.001)
        return found.table, found.runs, _left_out(found.runs, found.lookahead)

    return run


def _sweep_python_alone(scale):
    close, _ = crossings(max(int(5_000 * scale), 500))
    data = Dataset.from_frames({"close": close}, name="W2")
    code = compile(SLOW.replace("fast = 10\nslow = 100\n", ""), "W2", "exec")

    def run():
        found = []
        for fast in range(5, 45, 2 if scale == 1 else 20):
            space = {"data": data, "pd": pd, "fast": fast, "slow": 100}
            exec(code, space)
            found.append(space["position"])
        return tuple(found)

    return run


def _walk(times=1):
    """W4, with more bars by a factor: the windows keep their lengths."""

    def prepare(scale):
        bars = max(int(5_000 * scale), 500)
        close, grid, train, test = windows(bars, small=scale < 1)
        if times > 1:
            close, _ = single_asset(times * bars)
        data = Dataset.from_frames({"close": close}, name="W4")

        def run():
            found = walk_forward(CROSSING, data, grid, train=train, test=test, store=False, fee_ratio=0.001)
            return found.equity, found.windows, _left_out(found.run.sweep, found.lookahead)

        return run

    return prepare


def _walk_kernel(scale):
    """Every combination over all bars, the best of each training window, and the run of their decisions."""
    bars = max(int(5_000 * scale), 500)
    close, grid, train, test = windows(bars, small=scale < 1)
    data = Dataset.from_frames({"close": close}, name="W4")
    average = means(close, grid["fast"] + grid["slow"])
    held = np.stack([average[fast] > average[slow] for fast in grid["fast"] for slow in grid["slow"]])[:, :, None]
    first, options = pd.DataFrame(held[0], close.index, close.columns), Costs(fee_ratio=0.001)
    ends = [end for end in range(train, bars, test) if end + test <= bars]

    def run():
        segments, _ = measure_many(held, first, data, execution=Execution(), costs=options)
        runs, chosen = np.arange(len(held)), []
        joined = np.zeros((1, *held.shape[1:]), dtype=bool)
        for end, moments in zip(ends, segments.moments(runs, [range(end - train, end) for end in ends]), strict=True):
            mean, spread = moments.T
            chosen.append(int(np.argmax(np.where(spread > 0.0, mean / np.maximum(spread, 1e-300), -np.inf))))
            joined[0, end : end + test] = held[chosen[-1], end : end + test]
        stitched, _ = measure_many(joined, first, data, execution=Execution(), costs=options)
        return pd.Series(chosen), pd.Series(stitched.found[0])

    return run


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


def _growth(series):
    return float(series.iloc[-1] / series.iloc[0] - 1)


def _left_out(runs, lookahead):
    """Seconds of the runs in fresh children: controls of the sweep, and probes of what it chose for look-ahead."""
    return runs.seconds["controls"] + (0.0 if lookahead is None else lookahead.seconds)


def _controls(found):
    return found[-1]


WORKLOADS = (
    Workload(
        "W1",
        "one asset, 10,000 bars: equity and trades",
        _single(),
        {"raptorbt": 1.0, "vectorbt": 1 / 12, "backtesting": None},
        says=lambda found: _growth(found[0]),
    ),
    Workload("W1 kernel", "the same, the kernel alone", _single_kernel, {"raptorbt": 1 / 15}),
    Workload(
        "W2",
        "1,000 combinations on 5,000 bars, through the sandbox: return, Sharpe, drawdown, trades",
        _sweep(),
        {"raptorbt": 1 / 4, "vectorbt": 1 / 40},
        says=lambda found: float(found[0]["total_return"].median()),
        beside=_controls,
        sandboxed=True,
    ),
    Workload("W2 kernel", "the same, the kernel alone (positions given)", _sweep_kernel, {"raptorbt": 1 / 15}),
    Workload(
        "W2 python",
        "20 combinations of a loop in Python, one sandbox",
        _sweep_python,
        {"own:W2 python alone": 1.1},
        beside=_controls,
        sandboxed=True,
    ),
    Workload("W2 python alone", "the same code in this process, nothing simulated", _sweep_python_alone),
    Workload(
        "W3",
        "2,000 assets x 2,500 days, top 100, monthly: equity, trades, turnover",
        _many(),
        {"polars-backtest": 1 / 25, "vectorbt": 1 / 500, "bt": None, "own:W3 read": 4.0},
        says=lambda found: _growth(found[0]),
    ),
    Workload("W3 read", "reading the price matrix once (numpy sum)", _many_read),
    Workload("W3 trades", "the table of trades of W3 alone", _many_trades),
    Workload(
        "W4",
        "walk-forward: 5,000 bars, 8 windows, 200 combinations, through the sandbox",
        _walk(),
        {"raptorbt": 1 / 3, "vectorbt": 1 / 20},
        says=lambda found: _growth(found[0]),
        beside=_controls,
        sandboxed=True,
    ),
    Workload(
        "W4 kernel",
        "the same, the kernel alone (positions given): all combinations, the choices, the stitched run",
        _walk_kernel,
        {"raptorbt": 1 / 15},
    ),
    Workload(
        "W5",
        "10,000 stationary-bootstrap paths of 2,500 returns: five statistics of each",
        _paths(),
        {"arch": 1 / 20},
        says=lambda found: float(found[0].set_index("statistic").loc["sharpe", "p50"]),
    ),
    Workload("W5 one thread", "the same on one thread", _paths(n_jobs=1), {"arch": 1 / 10}),
    Workload(
        "W7",
        "rolling mean, rank across, is_largest on 2,000 x 2,500",
        _factor(),
        {"own:W7 pandas": 1 / 5},
    ),
    Workload("W7 pandas", "the same in plain pandas", _factor_pandas),
)
# Larger by a factor: nothing may grow faster than its input. (Workload, what grows, factor) -> workload.
_GROWING = (
    ("W1", "bars", _single),
    ("W2", "bars", lambda k: _sweep(bars=k)),
    ("W2", "combinations", lambda k: _sweep(combinations=k)),
    ("W3", "names", _many),
    ("W4", "bars", _walk),
    ("W5", "paths", lambda k: _paths(paths=k)),
    ("W5", "days", lambda k: _paths(days=k)),
    ("W7", "names", _factor),
)
GROWTH = {
    (key, what, k): Workload(
        f"{key} x{k} {what}",
        f"{k} times the {what}",
        make(k),
        {f"own:{key}": 1.1 * k},
        beside=_controls if key in ("W2", "W4") else None,
        sandboxed=key in ("W2", "W4"),
    )
    for key, what, make in _GROWING
    for k in (2, 4, 8)
}
