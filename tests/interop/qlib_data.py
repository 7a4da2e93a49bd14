"""A Qlib data directory of random prices, written after Qlib's description of its format."""

import struct

import numpy as np
import pandas as pd


def write_directory(root, *, symbols=5, bars=120, seed=8):
    """Write calendar, instruments and features: splits, late beginnings, early ends, days without a price."""
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2020-01-01", periods=bars)
    for name in ("calendars", "instruments"):
        (root / name).mkdir(parents=True)
    (root / "calendars" / "day.txt").write_text("".join(f"{day:%Y-%m-%d}\n" for day in days))
    lines = []
    for number in range(symbols):
        symbol = f"SH60000{number}"
        begin, end = int(rng.integers(0, 20)), int(rng.integers(bars - 20, bars))
        lines.append(f"{symbol}\t{days[begin]:%Y-%m-%d}\t{days[end]:%Y-%m-%d}\n")
        n = end - begin + 1
        traded = 20 * np.exp(rng.normal(0, 0.02, n).cumsum())
        factor = np.where(np.arange(n) < n // 2, 0.5, 1.0) if number % 2 else np.ones(n)
        volume = rng.integers(1_000, 9_000, n).astype(float)
        traded[rng.integers(1, n - 1, 3)] = np.nan
        fields = {"close": traded * factor, "factor": factor, "volume": volume / factor}
        place = root / "features" / symbol.lower()
        place.mkdir(parents=True)
        for field, values in fields.items():
            packed = struct.pack(f"<{n + 1}f", begin, *values)
            (place / f"{field}.day.bin").write_bytes(packed)
    (root / "instruments" / "all.txt").write_text("".join(lines))
    return root
