"""Random markets, positions and options for the tests of the engines, each from one integer."""

import numpy as np
import pandas as pd

from outsample.config import Costs, Execution, resolve_options
from outsample.data import Dataset

SYMBOLS = ["AA", "BB", "CC", "DD", "EE", "FF"]


def random_market(rng, *, n_bars=None, n_names=None, plain=False):
    """A dataset with gaps, suspensions, delistings, zero volume, limit moves and adjusted prices."""
    n_bars = int(rng.integers(3, 45)) if n_bars is None else n_bars
    n_names = int(rng.integers(1, 6)) if n_names is None else n_names
    dates = pd.bdate_range("2024-01-02", periods=n_bars)
    scale = rng.choice([0.005, 0.03, 0.12])
    moves = rng.normal(0, scale, (n_bars, n_names))
    close = 50.0 * np.exp(np.cumsum(moves, axis=0))
    close[rng.random(close.shape) < 0.15] = np.nan  # filled with the price before: unchanged prices
    close = pd.DataFrame(close).ffill().fillna(50.0).to_numpy()
    opened = close * np.exp(rng.normal(0, scale / 2, close.shape))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, scale / 2, close.shape)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, scale / 2, close.shape)))
    volume = rng.integers(0 if rng.random() < 0.4 else 1, 6, close.shape).astype(float)
    gap = np.zeros(close.shape, dtype=bool)
    if rng.random() < 0.6 and not plain:
        gap |= rng.random(close.shape) < rng.choice([0.02, 0.2])
        for j in range(n_names):
            if rng.random() < 0.4:
                a = int(rng.integers(0, n_bars))
                gap[a : a + int(rng.integers(1, 30)), j] = True
    frames = {"close": close, "open": opened, "high": high, "low": low}
    frames = {name: np.where(gap, np.nan, table) for name, table in frames.items()}
    if rng.random() < 0.3 and not plain:  # some quotes inside the bar are missing
        for name in ("open", "high", "low"):
            frames[name] = np.where(rng.random(close.shape) < 0.1, np.nan, frames[name])
    names = SYMBOLS[:n_names]
    frames = {name: pd.DataFrame(table, index=dates, columns=names) for name, table in frames.items()}
    if rng.random() < 0.5 and not plain:
        frames["volume"] = pd.DataFrame(volume, index=dates, columns=names)
    if rng.random() < 0.3:
        factor = np.cumprod(np.where(rng.random(close.shape) < 0.05, 1.02, 1.0), axis=0)
        frames["adj_close"] = frames["close"] * factor
    if rng.random() < 0.3 and not plain:
        ends = {name: dates[int(rng.integers(0, n_bars))] for name in names if rng.random() < 0.4}
        if ends:
            frames["delisted"] = pd.Series(ends)
    return Dataset.from_frames(frames, name="random")


def random_position(rng, data):
    """Memberships or weights, sparse or dense, on all bars or some."""
    dates, names = data.dates, data.symbols
    shape = (len(dates), len(names))
    kind = rng.choice(["bool", "long", "both", "held"])
    if kind == "bool":
        values = rng.random(shape) < rng.choice([0.1, 0.5, 0.9])
    elif kind == "long":
        values = rng.random(shape) * (rng.random(shape) < 0.6)
    elif kind == "both":
        values = rng.normal(0, rng.choice([0.3, 1.0]), shape) * (rng.random(shape) < 0.7)
    else:
        values = np.repeat(rng.normal(0.2, 0.4, (1, len(names))), len(dates), axis=0)
        for t in range(1, len(dates)):
            values[t] = rng.normal(0.2, 0.4, len(names)) if rng.random() < 0.15 else values[t - 1]
    frame = pd.DataFrame(values, index=dates, columns=names)
    if kind != "bool" and rng.random() < 0.3:
        frame = frame.mask(rng.random(shape) < 0.1)
    if rng.random() < 0.3:
        frame = frame.iloc[np.sort(rng.choice(len(dates), int(rng.integers(1, len(dates) + 1)), replace=False))]
    return frame


def random_options(rng, *, stops=None):
    """Options of `sim`, every one of them now and then."""

    def now_and_then(share, value):
        return value if rng.random() < share else None

    stops = rng.random() < 0.6 if stops is None else stops
    options = {
        "resample": now_and_then(0.5, str(rng.choice(["D", "W", "W-FRI", "2W", "ME", "3D"]))),
        "trade_at_price": str(rng.choice(["close", "close", "open", "ohlc4"])),
        "position_limit": now_and_then(0.3, float(rng.uniform(0.1, 0.8))),
        "leverage": now_and_then(0.3, float(rng.choice([0.5, 1.5, 3.0]))),
        "fee_ratio": now_and_then(0.7, float(rng.choice([0.001, 0.02]))),
        "tax_ratio": now_and_then(0.5, float(rng.choice([0.003, 0.03]))),
        "slippage": now_and_then(0.3, 0.002),
        "borrow_rate": now_and_then(0.3, 0.4),
        "financing_rate": now_and_then(0.3, 0.3),
        "price_limit": now_and_then(0.3, float(rng.choice([0.02, 0.1]))),
        "delisting": [None, "zero", 0.5][int(rng.integers(3))],
        "delist_after": now_and_then(0.5, int(rng.integers(1, 8))),
        "allocation": now_and_then(0.3, "pre_cost"),
        "lag": now_and_then(0.2, 2),
        "initial_capital": now_and_then(0.2, 1e6),
    }
    if options["resample"] == "W" and rng.random() < 0.3:
        options["resample_offset"] = pd.Timedelta(days=int(rng.integers(1, 4)))
    if stops:
        options |= {
            "stop_loss": now_and_then(0.6, float(rng.choice([0.02, 0.1]))),
            "take_profit": now_and_then(0.5, float(rng.choice([0.02, 0.1]))),
            "trail_stop": now_and_then(0.5, float(rng.choice([0.02, 0.1]))),
            "trail_stop_activation": now_and_then(0.4, 0.03),
            "touched_exit": bool(rng.random() < 0.5),
            "retain_cost_when_rebalance": bool(rng.random() < 0.4),
            "stop_trading_next_period": bool(rng.random() < 0.6),
            "intrabar": str(rng.choice(["pessimistic", "optimistic"])),
        }
    return {name: value for name, value in options.items() if value is not None}


def resolved(options) -> tuple[Execution, Costs]:
    """Options as the two values that engines read."""
    return resolve_options(options)
