"""One strategy that looks ahead only with some of its parameters, its clean twin, and data on which both earn."""

import numpy as np
import pandas as pd

from outsample import Dataset

# Without parameters from outside it reads the past alone: only a study that chooses `ahead` can find it out.
LEAKY = """ahead = 0
close = data.get("close")
position = close.shift(-ahead) > close.shift(1 - ahead)
"""
LEAKY_GRID = {"ahead": [0, 2]}

# The same rule, with a parameter that looks back.
CLEAN = """back = 0
close = data.get("close")
position = close.shift(back) > close.shift(1 + back)
"""
CLEAN_GRID = {"back": [0, 5]}

# It looks ahead with profit until the fourth year; what is best after that looks back.
LEAKY_ONCE = """ahead = 0
close = data.get("close")
good = close.shift(-ahead) > close.shift(1 - ahead)
early = (close.index < "2018-01-01").reshape(-1, 1)
position = good if ahead == 0 else good & early
"""


def persistent(n=1300, seed=4):
    """Prices whose returns go on: following yesterday's sign earns, as it seldom does in markets."""
    rng = np.random.default_rng(seed)
    shocks, returns = rng.normal(0.0002, 0.01, (n, 3)), np.zeros((n, 3))
    for day in range(1, n):
        returns[day] = 0.7 * returns[day - 1] + shocks[day]
    dates = pd.date_range("2015-01-01", periods=n, freq="B")
    close = pd.DataFrame(100 * np.exp(returns.cumsum(axis=0)), index=dates, columns=list("ABC"))
    return Dataset.from_frames({"close": close}, name="persistent")
