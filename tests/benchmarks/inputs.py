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
