"""Monte Carlo's other histories, for datasets that hold more than prices."""

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, load, monte_carlo
from outsample.errors import DataInvalid
from outsample.research.futures import noisy, resampled

SOURCE = "figures = data.get('earnings')\nposition = figures > figures.shift(40)\n"
MAKERS = {"noise": (noisy, 0.3), "price_path": (resampled, 20.0)}
PRICES = {"open", "high", "low", "close", "volume"}


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


@pytest.fixture(scope="module")
def data():
    """Prices, whole volumes, a boolean frame, one on other dates and symbols, a classification, a table."""
    base = load("synthetic:3x300?seed=5")
    frames = dict(base.stored())
    frames["volume"] = frames["volume"].round().astype("int64")
    frames["flag"] = frames["close"] > frames["close"].median()
    frames["universe"] = frames["close"] > 0
    frames["weekly"] = pd.DataFrame({"X": [1, 2]}, index=base.dates[[3, 9]])
    frames["sector"] = pd.Series(dict.fromkeys(base.symbols, "tools"))
    frames["delisted"] = pd.Series({base.symbols[0]: base.dates[-1]})
    random = np.random.default_rng(0)
    rows = [
        (symbol, period, base.dates[bar], random.normal(1, 1))
        for symbol in base.symbols
        for period, bar in enumerate(range(5, 300, 30))
    ]
    table = pd.DataFrame(rows, columns=["symbol", "period", "known", "value"])
    return Dataset.from_frames(frames, name="rich", tables={"earnings": table})


@pytest.mark.parametrize("kind", MAKERS)
def test_only_prices_change(data, kind):
    """Tables, flags, the universe, delistings and classifications are the same snapshot; prices are others."""
    make, scale = MAKERS[kind]
    other = make(data, generator(), scale)
    assert set(other.frame_ids) == set(data.frame_ids)
    changed = {name for name, one in other.frame_ids.items() if one != data.frame_ids[name]}
    assert changed == (PRICES if kind == "price_path" else PRICES - {"volume"})
    assert {name: frame.dtypes.iloc[0] for name, frame in other.stored().items() if name in PRICES} == dict.fromkeys(
        PRICES, np.dtype(float)
    )


@pytest.mark.parametrize("kind", MAKERS)
def test_a_strategy_of_figures_decides_the_same_in_another_history_of_prices(data, kind):
    """Figures stay on their dates: the same trades at other prices, for replicates that all ran."""
    found = monte_carlo(SOURCE, data, kind=kind, n=3)
    assert (found.samples["error"] == "").all()
    assert found.samples["total_return"].nunique() == 3
    assert found.samples["total_return"].notna().all()


@pytest.mark.parametrize("kind", MAKERS)
def test_adjusted_prices_alone_are_prices(kind):
    """A dataset that has only adj_close moves as one that has only close."""
    close = load("synthetic:3x200?seed=6").stored()["close"]
    make, scale = MAKERS[kind]
    one = make(Dataset.from_frames({"close": close}, name="x"), generator(3), scale)
    two = make(Dataset.from_frames({"adj_close": close}, name="x"), generator(3), scale)
    if kind == "price_path":
        pd.testing.assert_frame_equal(one.frame("close"), two.frame("close"))
    else:
        ratio = np.log(two.frame("close") / close)
        np.testing.assert_allclose(ratio.std() / np.log(close).diff().std(), 0.3, rtol=0.25)
    assert (two.frame("close").to_numpy() != close.to_numpy()).mean() > 0.9


@pytest.mark.parametrize("kind", MAKERS)
def test_prices_of_other_types_are_the_same_numbers(kind):
    """float32, whole and nullable prices give the history that their float64 values give."""
    close = load("synthetic:2x120?seed=7").stored()["close"].round()
    make, scale = MAKERS[kind]
    ids = set()
    for dtype in ("float64", "float32", "int64", "Float64", "Int64"):
        made = Dataset.from_frames({"close": close.astype(dtype)}, name="x")
        ids.add(make(made, generator(1), scale).id)
    assert len(ids) == 1


@pytest.mark.parametrize("kind", MAKERS)
def test_missing_prices_stay_missing(kind):
    """Before its first and after its last bar, and in holes, a symbol has no price in any history."""
    close = load("synthetic:3x200?seed=8").stored()["close"].copy()
    close.iloc[:50, 0] = np.nan
    close.iloc[150:, 1] = np.nan
    close.iloc[::7, 2] = np.nan
    make, scale = MAKERS[kind]
    made = make(Dataset.from_frames({"close": close}, name="x"), generator(2), scale).frame("close")
    assert made.isna().equals(close.isna())
    assert (made.to_numpy()[~np.isnan(made.to_numpy())] > 0).all()


def test_one_bar_has_no_path():
    """A path is made of returns: with a single bar there is none, and that is said."""
    data = Dataset.from_frames({"close": load("synthetic:2x50?seed=1").stored()["close"].iloc[:1]}, name="short")
    with pytest.raises(DataInvalid, match="has 1 bar"):
        resampled(data, generator(), 20.0)
    assert noisy(data, generator(), 0.5).frame("close").equals(data.frame("close"))
