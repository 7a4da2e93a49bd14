"""Weights from volatility and limits, against the definitions written out."""

import numpy as np
import pandas as pd
import pytest

from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext
from outsample.errors import ConfigError


def market(rows=120, columns=5, seed=41):
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, np.linspace(0.005, 0.03, columns), (rows, columns))
    index = pd.bdate_range("2022-01-03", periods=rows)
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=index, columns=list("ABCDE")[:columns])


def test_inverse_volatility_is_one_over_the_deviation_of_returns():
    """Weights are proportional to 1 / sd of the last returns and add up to the gross weight before."""
    price = market()
    chosen = StrategyFrame(price > price.shift(5))
    weights = chosen.inverse_volatility(20, price=price)
    spread = price.pct_change(fill_method=None).rolling(20, min_periods=10).std()
    raw = (chosen.astype(float) / spread).fillna(0.0)
    expected = raw.div(raw.sum(axis=1), axis=0).fillna(0.0)
    np.testing.assert_allclose(weights.to_numpy(), expected.to_numpy(), atol=1e-12)


def test_inverse_volatility_keeps_sides_and_gross():
    """Short names stay short; sum |w| of each row is unchanged."""
    price = market()
    sides = StrategyFrame(pd.DataFrame(0.0, index=price.index, columns=price.columns).assign(A=0.3, B=-0.2))
    weights = sides.inverse_volatility(20, price=price).iloc[30:]
    np.testing.assert_allclose(weights.abs().sum(axis=1), 0.5)
    assert (weights["A"] > 0).all()
    assert (weights["B"] < 0).all()


def test_prices_of_a_dataset_stand_for_all_names():
    """Called on the dataset's prices, all names that have one are weighed."""
    price = market()
    frame = StrategyFrame.bind(price, FrameContext(lookup={"close": price}.__getitem__), "close")
    everything = StrategyFrame(price.notna()).inverse_volatility(20, price=price)
    pd.testing.assert_frame_equal(pd.DataFrame(frame.inverse_volatility(20)), pd.DataFrame(everything))


def test_scaled_weights_have_the_target_volatility():
    """The scaled row's own past volatility is the target wherever the cap does not bind."""
    price = market()
    weights = StrategyFrame(pd.DataFrame(0.2, index=price.index, columns=price.columns))
    scaled = weights.scale_to_volatility(0.05, 30, 10.0, price=price)
    returns = price.pct_change(fill_method=None)
    for t in (40, 77, 119):
        past = returns.iloc[t - 29 : t + 1] @ scaled.iloc[t]
        assert past.std(ddof=1) * np.sqrt(252) == pytest.approx(0.05, rel=1e-10)


def test_the_cap_limits_the_gross_weight():
    """A target that would need more than the cap gets the cap."""
    price = market()
    weights = StrategyFrame(price > 0).scale_to_volatility(5.0, 30, 1.5, price=price)
    np.testing.assert_allclose(weights.iloc[40:].sum(axis=1), 1.5)


def test_rows_without_a_volatility_are_flat():
    """Before half the window is there nothing is held."""
    price = market()
    weights = StrategyFrame(price > 0).scale_to_volatility(0.1, 30, price=price)
    assert (weights.iloc[:15] == 0).all(axis=None)
    assert (weights.iloc[15] != 0).all()


def test_cap_leaves_the_rest_in_cash():
    """Four names of 1/4 each cut to 0.1 leave 0.6 in cash; weights above 1 in sum are scaled first."""
    row = StrategyFrame(pd.DataFrame([[True] * 4]))
    assert row.cap(0.1).to_numpy().tolist() == [[0.1] * 4]
    assert StrategyFrame(pd.DataFrame([[3.0, -1.0, np.nan]])).cap(0.5).to_numpy().tolist() == [[0.5, -0.25, 0.0]]


def test_a_missing_price_does_not_break_the_volatility():
    """A gap in prices is bridged by the last known price, and no infinity or NaN comes out."""
    price = market()
    price.iloc[50:55, 0] = np.nan
    weights = StrategyFrame(pd.DataFrame(True, index=price.index, columns=price.columns)).inverse_volatility(
        20, price=price
    )
    assert np.isfinite(weights.to_numpy()).all()
    assert weights.iloc[60]["A"] > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f.inverse_volatility(20),
        lambda f: f.inverse_volatility(0, price=f),
        lambda f: f.scale_to_volatility(0.0, price=f),
        lambda f: f.scale_to_volatility(0.1, 20, -1.0, price=f),
        lambda f: f.cap(0),
        lambda f: f.cap(True),
        lambda f: f.inverse_volatility(20, price="close"),
    ],
)
def test_bad_arguments_are_config_errors(call):
    """No prices, no positive numbers: each is a typed error."""
    with pytest.raises(ConfigError):
        call(StrategyFrame(market()))
