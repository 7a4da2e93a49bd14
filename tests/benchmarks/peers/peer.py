"""Run one workload of one peer on demand: a line on stdin starts a round, its seconds come back as JSON.

Lives in the peer's environment: it imports nothing of outsample. Every workload is a function that prepares the
input and returns what is timed; that in turn returns the results and a number to compare with ours.
Signals of bar t are filled at the close of bar t + 1 everywhere: peers that fill at once get them a bar later.
"""

import json
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pandas as pd

from benchmarks.inputs import crossings, daily_returns, many_assets, means, single_asset, windows


def edges(held):
    """Entries and exits of a position, one bar later."""
    entries, exits = np.zeros(len(held), bool), np.zeros(len(held), bool)
    late = held[:-1]
    entries[1:], exits[2:] = late, late[:-1]
    entries[2:] &= ~late[:-1]
    exits[2:] &= ~late[1:]
    return entries, exits


# -- raptorbt


def raptorbt_arrays(close):
    price = close.to_numpy().ravel()
    return close.index.as_unit("ns").asi8, price, price, price, price, np.ones(len(price))


def raptorbt_single():
    import raptorbt

    close, position = single_asset()
    arrays = raptorbt_arrays(close)
    entries, exits = edges(position["A"].to_numpy())
    config = raptorbt.BacktestConfig(initial_capital=100_000.0, fees=0.001, slippage=0.0)

    def run():
        result = raptorbt.run_single_backtest(*arrays, entries, exits, 1, 1.0, "A", config)
        equity = result.equity_curve()
        return (equity, result.trades()), equity[-1] / 100_000.0 - 1

    return run


def raptorbt_batch(raptorbt, arrays, pairs, average, config):
    """Signals and runs of all pairs of windows; the metrics of each."""
    items = []
    for fast, slow in pairs:
        entries, exits = edges(average[fast] > average[slow])
        items.append(raptorbt.BatchSingleItem(f"{fast}/{slow}", entries, exits, 1, 1.0, "A"))
    found = raptorbt.batch_single_backtest(*arrays, items, config)
    return [
        (m.total_return_pct, m.sharpe_ratio, m.max_drawdown_pct, m.total_trades)
        for m in (result.metrics for _, result in found)
    ]


def raptorbt_sweep():
    import raptorbt

    close, grid = crossings()
    arrays = raptorbt_arrays(close)
    pairs = [(fast, slow) for fast in grid["fast"] for slow in grid["slow"]]
    config = raptorbt.BacktestConfig(initial_capital=100_000.0, fees=0.001, slippage=0.0)

    def run():
        average = means(close, {n for pair in pairs for n in pair})
        found = raptorbt_batch(raptorbt, arrays, pairs, average, config)
        return found, float(np.median([row[0] for row in found])) / 100

    return run


def raptorbt_walk():
    import raptorbt

    close, grid, train, test = windows()
    arrays = raptorbt_arrays(close)
    pairs = [(fast, slow) for fast in grid["fast"] for slow in grid["slow"]]
    config = raptorbt.BacktestConfig(initial_capital=100_000.0, fees=0.001, slippage=0.0)

    def run():
        average, grown, at = means(close, {n for pair in pairs for n in pair}), 1.0, 0
        while at + train + test <= len(close):
            past, future = slice(at, at + train), slice(at + train, at + train + test)
            known = {n: values[past] for n, values in average.items()}
            found = raptorbt_batch(raptorbt, [values[past] for values in arrays], pairs, known, config)
            best = pairs[int(np.argmax([row[1] for row in found]))]
            later = {n: average[n][future] for n in best}
            made = raptorbt_batch(raptorbt, [values[future] for values in arrays], [best], later, config)
            grown *= 1 + made[0][0] / 100
            at += test
        return grown, grown - 1

    return run


# -- vectorbt


def vectorbt_single():
    import vectorbt as vbt

    close, position = single_asset()
    entries, exits = (pd.Series(values, index=close.index) for values in edges(position["A"].to_numpy()))

    def run():
        found = vbt.Portfolio.from_signals(close["A"], entries, exits, fees=0.001, freq="D")
        equity = found.value()
        return (equity, found.trades.records_readable), equity.iloc[-1] / equity.iloc[0] - 1

    return run


def vectorbt_columns(vbt, close, pairs, average):
    """All pairs of windows as columns of one portfolio."""
    held = np.column_stack([average[fast] > average[slow] for fast, slow in pairs])
    late = np.vstack([np.zeros((1, held.shape[1]), bool), held[:-1]])
    before = np.vstack([np.zeros((1, held.shape[1]), bool), late[:-1]])
    entries, exits = pd.DataFrame(late & ~before, close.index), pd.DataFrame(~late & before, close.index)
    return vbt.Portfolio.from_signals(close["A"], entries, exits, fees=0.001, freq="D")


def vectorbt_sweep():
    import vectorbt as vbt

    close, grid = crossings()
    pairs = [(fast, slow) for fast in grid["fast"] for slow in grid["slow"]]

    def run():
        average = means(close, {n for pair in pairs for n in pair})
        found = vectorbt_columns(vbt, close, pairs, average)
        end = found.total_return()
        return (end, found.sharpe_ratio(), found.max_drawdown(), found.trades.count()), float(end.median())

    return run


def vectorbt_walk():
    import vectorbt as vbt

    close, grid, train, test = windows()
    pairs = [(fast, slow) for fast in grid["fast"] for slow in grid["slow"]]

    def run():
        average, grown, at = means(close, {n for pair in pairs for n in pair}), 1.0, 0
        while at + train + test <= len(close):
            past, future = slice(at, at + train), slice(at + train, at + train + test)
            known = {n: values[past] for n, values in average.items()}
            found = vectorbt_columns(vbt, close.iloc[past], pairs, known)
            best = pairs[int(np.nanargmax(found.sharpe_ratio().to_numpy()))]
            later = {n: average[n][future] for n in best}
            grown *= 1 + float(vectorbt_columns(vbt, close.iloc[future], [best], later).total_return().iloc[0])
            at += test
        return grown, grown - 1

    return run


def monthly_weights(close, position):
    """Weights of the last row of each month, on the bar after it; NaN on the others."""
    last = position.groupby(position.index.to_period("M")).tail(1)
    weights = last.astype(float)
    weights = weights.div(weights.sum(axis=1).clip(lower=1.0), axis=0)
    bars = close.index.searchsorted(last.index, side="right")
    weights, bars = weights[bars < len(close)], bars[bars < len(close)]
    return weights.set_axis(close.index[bars], axis=0)


def vectorbt_many():
    import vectorbt as vbt

    close, position = many_assets()
    weights = monthly_weights(close, position).reindex(close.index)

    def run():
        found = vbt.Portfolio.from_orders(
            close, weights, size_type="targetpercent", group_by=True, cash_sharing=True, call_seq="auto",
            fees=0.001425, freq="D",
        )  # fmt: skip
        equity = found.value()
        return (equity, found.trades.records), equity.iloc[-1] / equity.iloc[0] - 1

    return run


# -- the others


def backtesting_single():
    from backtesting import Backtest, Strategy

    close, position = single_asset()
    table = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), close["A"]), index=close.index)
    late = np.concatenate(([False], position["A"].to_numpy()[:-1]))

    class Held(Strategy):
        def init(self):
            self.held = self.I(lambda: late.astype(float), plot=False)

        def next(self):
            if self.held[-1] and not self.position:
                self.buy()
            elif not self.held[-1] and self.position:
                self.position.close()

    def run():
        found = Backtest(
            table, Held, cash=1e9, commission=0.001, trade_on_close=True, exclusive_orders=True, finalize_trades=True
        ).run()
        return (found["_equity_curve"], found["_trades"]), found["Return [%]"] / 100

    return run


def bt_many():
    import bt

    close, position = many_assets()
    weights = monthly_weights(close, position)

    def fee(quantity, price):
        return abs(quantity) * price * (0.001425 if quantity > 0 else 0.004425)

    def run():
        algos = [bt.algos.RunOnDate(*weights.index), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
        test = bt.Backtest(
            bt.Strategy("top", algos), close, commissions=fee, integer_positions=False, initial_capital=1e9,
            progress_bar=False,
        )  # fmt: skip
        found = bt.run(test, progress_bar=False)
        prices = found.prices["top"]
        return (prices, found.get_transactions()), prices.iloc[-1] / prices.iloc[0] - 1

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
        equity = found.creturn
        ends = equity[equity.columns[-1]]
        return (equity, found.trades), float(ends[-1] / ends[0]) - 1

    return run


def arch_paths():
    from arch.bootstrap import StationaryBootstrap

    x = daily_returns()

    def statistics(returns):
        wealth = np.cumprod(1 + returns)
        peak = np.maximum.accumulate(np.maximum(wealth, 1))
        sharpe = returns.mean() / returns.std(ddof=1) * 252**0.5
        return np.array([sharpe, wealth[-1] ** (252 / len(returns)) - 1, (wealth / peak - 1).min()])

    def run():
        found = StationaryBootstrap(20, x, seed=1).apply(statistics, 10_000)
        return found, float(np.median(found[:, 0]))

    return run


ROUNDS = {
    ("raptorbt", "W1"): raptorbt_single,
    ("vectorbt", "W1"): vectorbt_single,
    ("backtesting", "W1"): backtesting_single,
    ("raptorbt", "W2"): raptorbt_sweep,
    ("vectorbt", "W2"): vectorbt_sweep,
    ("polars-backtest", "W3"): polars_backtest_many,
    ("vectorbt", "W3"): vectorbt_many,
    ("bt", "W3"): bt_many,
    ("raptorbt", "W4"): raptorbt_walk,
    ("vectorbt", "W4"): vectorbt_walk,
    ("arch", "W5"): arch_paths,
}


def peak(reset=False):
    """Largest memory of this process in MiB (since the last reset), or None where the system does not say."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main():
    warnings.simplefilter("ignore")
    peer, key = sys.argv[1:3]
    try:
        run = ROUNDS[peer, key]()
        start = time.perf_counter()
        run()
        first = time.perf_counter() - start
        before = peak(reset=True)
        start = time.perf_counter()
        says = run()[1]
        once, after = time.perf_counter() - start, peak()
    except Exception as error:  # noqa: BLE001 - the report says why a peer is not in it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        return
    grown = None if before is None else after - before
    print(json.dumps({"first": first, "once": once, "says": float(says), "grown_mib": grown}), flush=True)
    for line in sys.stdin:
        repeats = int(line)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            run()
        seconds = (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats
        print(json.dumps({"wall": seconds[0], "cpu": seconds[1]}), flush=True)


if __name__ == "__main__":
    main()
