"""Run one workload of one peer on demand: a line on stdin starts a round, its seconds come back as JSON.

Lives in the peers' environment: it imports nothing of outsample.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from benchmarks.inputs import daily_returns, many_assets, single_asset


def raptorbt_single():
    import raptorbt

    close, position = single_asset()
    price = close["A"].to_numpy()
    held = position["A"].to_numpy()
    before = np.concatenate(([False], held[:-1]))
    entries, exits = held & ~before, ~held & before
    stamps = close.index.as_unit("ns").asi8
    volume = np.ones(len(price))
    config = raptorbt.BacktestConfig(initial_capital=100_000.0, fees=0.001, slippage=0.0)

    def run():
        result = raptorbt.run_single_backtest(
            stamps, price, price, price, price, volume, entries, exits, 1, 1.0, "A", config
        )
        return result.equity_curve(), result.trades()

    return run


def vectorbt_single():
    import vectorbt as vbt

    close, position = single_asset()
    held = position["A"]
    entries = held & ~held.shift(fill_value=False)
    exits = ~held & held.shift(fill_value=False)

    def run():
        found = vbt.Portfolio.from_signals(close["A"], entries, exits, fees=0.001, freq="D")
        return found.value(), found.trades.records_readable

    return run


def vectorbt_many():
    import vectorbt as vbt

    close, position = many_assets()
    ends = position.groupby(position.index.to_period("M")).tail(1).index
    weights = position.loc[ends].astype(float)
    weights = weights.div(weights.sum(axis=1).clip(lower=1.0), axis=0).reindex(close.index)

    def run():
        found = vbt.Portfolio.from_orders(
            close, weights, size_type="targetpercent", group_by=True, cash_sharing=True, call_seq="auto",
            fees=0.001425, freq="D",
        )  # fmt: skip
        return found.value(), found.trades.records

    return run


def polars_backtest_many():
    import polars as pl
    import polars_backtest as pb

    close, position = many_assets()
    names = np.repeat(np.array(close.columns, dtype=str)[None, :], len(close), axis=0).ravel()
    dates = np.repeat(close.index.to_numpy().astype("datetime64[ms]"), close.shape[1])
    table = pl.DataFrame(
        {
            "date": dates,
            "symbol": names,
            "close": close.to_numpy().ravel(),
            "weight": position.to_numpy().ravel().astype(float),
        }
    ).with_columns(pl.col("date").cast(pl.Date))

    def run():
        found = pb.backtest_with_report(table, resample="M", fee_ratio=0.001425, tax_ratio=0.003)
        return found.creturn, found.trades

    return run


def arch_paths():
    from arch.bootstrap import StationaryBootstrap

    x = daily_returns()

    def statistics(returns):
        wealth = np.cumprod(1 + returns)
        peak = np.maximum.accumulate(np.maximum(wealth, 1))
        sharpe = returns.mean() / returns.std(ddof=1) * 252**0.5
        return np.array([sharpe, wealth[-1] ** (252 / len(returns)) - 1, (wealth / peak - 1).min()])

    return lambda: StationaryBootstrap(20, x, seed=1).apply(statistics, 10_000)


ROUNDS = {
    ("raptorbt", "W1"): raptorbt_single,
    ("vectorbt", "W1"): vectorbt_single,
    ("vectorbt", "W3"): vectorbt_many,
    ("polars-backtest", "W3"): polars_backtest_many,
    ("arch", "W5"): arch_paths,
}


def main():
    peer, key = sys.argv[1:3]
    run = ROUNDS[peer, key]()
    run()  # warm-up
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        repeats = int(line)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            run()
        seconds = (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats
        print(json.dumps({"wall": seconds[0], "cpu": seconds[1]}), flush=True)


if __name__ == "__main__":
    main()
