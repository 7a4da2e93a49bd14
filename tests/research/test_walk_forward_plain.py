"""Walk-forward on the S&P 500 against a separate implementation in plain numpy, costs and seams by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, load, walk_forward

SOURCE = (
    "fast = 5\nslow = 50\nclose = data.get('close')\n"
    "position = close.rolling(fast).mean() > close.rolling(slow).mean()\n"
)
GRID = {"fast": [5, 20], "slow": [50, 200]}
TRAIN, TEST, FEE = 756, 252, 0.001


@pytest.fixture(scope="module")
def prices():
    close = pytest.importorskip("arch.data.sp500").load()["Adj Close"].astype(float)
    close.index = pd.DatetimeIndex(close.index).as_unit("ns")
    return close


def walked(prices, boundary):
    data = Dataset.from_frames({"close": prices.to_frame("SPX")}, name="sp500")
    return walk_forward(
        SOURCE, data, GRID, train=TRAIN, test=TEST, boundary=boundary, fee_ratio=FEE, tax_ratio=0.0, store=False
    )


def moving_average(values, n):
    sums = np.cumsum(np.concatenate([[0.0], values]))
    found = np.full(len(values), np.nan)
    found[n - 1 :] = (sums[n:] - sums[:-n]) / n
    return found


def equity_of(close, wanted, first):
    """All or nothing, decided at a close and traded at the next one; fees come out of what is traded."""
    equity, held, path = 1.0, False, [1.0]
    for bar in range(first + 1, len(close)):
        if held:
            equity *= close[bar] / close[bar - 1]
        if wanted[bar - 1] != held:
            equity = equity / (1 + FEE) if wanted[bar - 1] else equity * (1 - FEE)
            held = bool(wanted[bar - 1])
        path.append(equity)
    return np.array(path)


def ratio(returns):
    deviation = returns.std(ddof=1)
    return returns.mean() / deviation if deviation > 1e-15 else math.nan


def plain(close, *, flat):
    """Windows, choices, and the equity of the stitched decisions from the last bar of the first training on."""
    combos = [(fast, slow) for fast in GRID["fast"] for slow in GRID["slow"]]
    wanted = {(f, s): moving_average(close, f) > moving_average(close, s) for f, s in combos}
    returns = {}
    for combo in combos:
        path = equity_of(close, wanted[combo], 0)
        returns[combo] = path[1:] / path[:-1] - 1
    chosen, stitched = [], np.zeros(len(close), dtype=bool)
    for begin in range(TRAIN, len(close) - 1, TEST):
        values = [ratio(returns[combo][begin - TRAIN : begin]) for combo in combos]
        chosen.append(combos[int(np.nanargmax(values))])
        stitched[begin : begin + TEST] = wanted[chosen[-1]][begin : begin + TEST]
        if flat and begin > TRAIN:
            stitched[begin - 1] = False
    return chosen, equity_of(close, stitched, TRAIN)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("boundary", ["carry", "flat"])
def test_the_sp500_walked_forward_by_hand(prices, boundary):
    """Windows, chosen parameters, the stitched return and the costs at the seams."""
    walk = walked(prices, boundary)
    chosen, equity = plain(prices.to_numpy(), flat=boundary == "flat")
    assert list(zip(walk.windows["fast"], walk.windows["slow"], strict=True)) == chosen
    assert walk.windows["train_start"].tolist() == [prices.index[1 + k * TEST] for k in range(len(chosen))]
    assert walk.windows["train_end"].tolist() == [prices.index[TRAIN + k * TEST] for k in range(len(chosen))]
    assert walk.returns.index.equals(prices.index[TRAIN + 1 :])
    np.testing.assert_allclose(walk.returns, equity[1:] / equity[:-1] - 1, atol=1e-12)
    assert walk.metrics.total_return == pytest.approx(equity[-1] / equity[0] - 1, rel=1e-9)


@pytest.mark.parametrize("boundary", ["carry", "flat"])
def test_the_same_combination_holds_again_after_a_seam(boundary):
    """One combination that always holds: carried it trades once; flat it sells and buys again at every seam."""
    data = load("synthetic:1x460?seed=1")
    source = "n = 1\nposition = data.get('close') > 0\n"
    walk = walk_forward(
        source, data, {"n": [1]}, train=200, test=60, boundary=boundary, fee_ratio=0.0, tax_ratio=0.0, store=False
    )
    seams = len(walk.windows) - 1
    held = walk.simulation.weights.reindex(walk.returns.index).to_numpy().ravel() > 0.5
    assert seams == 4
    # Each seam costs the bar between the sale and the purchase.
    assert int((~held).sum()) == (seams if boundary == "flat" else 0) + int(not held[0])
    assert held[-1]
    assert len(walk.simulation.trades) == (1 + seams if boundary == "flat" else 1)
