"""Inputs of the workloads: numpy and pandas only, so that peers in another environment make the same ones."""

import numpy as np
import pandas as pd


def single_asset(n_bars=10_000):
    """W1: a geometric walk (mu 8 %, sigma 20 %, seed 1), long while SMA20 > SMA50."""
    rng = np.random.default_rng(1)
    steps = rng.normal((0.08 - 0.02) / 252, 0.2 / np.sqrt(252), n_bars)
    # 80,000 business days would end after 2262, the last date in nanoseconds.
    index = pd.date_range("1980-01-01", periods=n_bars, freq="B" if n_bars <= 70_000 else "D")
    close = pd.DataFrame({"A": 100 * np.exp(np.cumsum(steps))}, index=index)
    return close, close.rolling(20).mean() > close.rolling(50).mean()


def many_assets(n_names=2_000, n_bars=2_500, n_top=100, window=120):
    """W3: the names with the highest momentum, decided every month."""
    rng = np.random.default_rng(1)
    steps = rng.normal(0.0003, 0.02, (n_bars, n_names))
    close = pd.DataFrame(
        100 * np.exp(np.cumsum(steps, axis=0)),
        index=pd.bdate_range("2014-01-01", periods=n_bars),
        columns=[f"S{k:05d}" for k in range(n_names)],
    )
    return close, close.pct_change(window).rank(axis=1, ascending=False) <= n_top


def walks(n_names=2_000, n_bars=2_500):
    """W7: closes alone."""
    steps = np.random.default_rng(1).normal(0.0003, 0.02, (n_bars, n_names))
    return pd.DataFrame(
        100 * np.exp(np.cumsum(steps, axis=0)),
        index=pd.bdate_range("2014-01-01", periods=n_bars),
        columns=[f"S{k:05d}" for k in range(n_names)],
    )


def daily_returns(n_bars=2_500):
    """W5: daily returns, mean 3 bp, standard deviation 1.26 %, seed 1."""
    return np.random.default_rng(1).normal(0.0003, 0.0126, n_bars)


def crossings(n_bars=5_000, small=False):
    """W2: closes, and 1,000 pairs of windows (fast 5..53 step 2, slow 60..255 step 5)."""
    grid = {"fast": list(range(5, 54, 2)), "slow": list(range(60, 256, 5))}
    if small:
        grid = {name: values[:2] for name, values in grid.items()}
    return single_asset(n_bars)[0], grid


def windows(n_bars=5_000, small=False):
    """W4: closes, 200 pairs of windows, and the lengths of training and test."""
    grid = {"fast": list(range(5, 44, 2)), "slow": list(range(60, 106, 5))}
    if small:
        grid = {name: values[:2] for name, values in grid.items()}
    return single_asset(n_bars)[0], grid, n_bars // 5, n_bars // 10


def means(close, lengths):
    """Rolling means of one price, one row per length; NaN until half of a window is there."""
    price = close.to_numpy().ravel()
    sums, found = np.concatenate(([0.0], np.cumsum(price))), {}
    for n in lengths:
        first = np.maximum(np.arange(len(price)) - n + 1, 0)
        count = np.arange(len(price)) - first + 1
        mean = (sums[1:] - sums[first]) / count
        found[n] = np.where(count >= max(n // 2, 1), mean, np.nan)
    return found
