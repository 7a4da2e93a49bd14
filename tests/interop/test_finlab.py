"""finlab's sim outside strategies."""

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, sim
from outsample.errors import ConfigError
from outsample.interop import finlab

DATES = pd.bdate_range("2024-01-01", periods=60)
CLOSE = pd.DataFrame(
    100 * np.exp(np.random.default_rng(2).normal(0, 0.02, (60, 3)).cumsum(axis=0)), index=DATES, columns=list("ABC")
)
POSITION = CLOSE.rolling(5).mean() < CLOSE


def test_defaults_are_finlabs():
    """Its costs and its arithmetic, with frames or a dataset; what is only for display is ignored."""
    ours = sim(POSITION, CLOSE, resample="W", fee_ratio=0.001425, tax_ratio=0.003, allocation="pre_cost")
    theirs = finlab.sim(POSITION, CLOSE, "W", name="x", upload=False)
    data = Dataset.from_frames({"close": CLOSE}, name="d")
    assert theirs.equity.equals(ours.equity)
    assert finlab.sim(POSITION, data, resample="W").equity.equals(ours.equity)


def test_prices_for_stops_inside_the_bar():
    """open, high and low as frames are what touched exits read."""
    frames = {"open": CLOSE.shift(1).fillna(CLOSE), "high": CLOSE * 1.03, "low": CLOSE * 0.97}
    frames["high"] = np.maximum(frames["high"], frames["open"])
    frames["low"] = np.minimum(frames["low"], frames["open"])
    found = finlab.sim(POSITION, CLOSE, **frames, stop_loss=0.02, touched_exit=True)
    data = Dataset.from_frames({"close": CLOSE, **frames}, name="d")
    assert found.equity.equals(finlab.sim(POSITION, data, stop_loss=0.02, touched_exit=True).equity)
    assert (found.trades["exit_reason"] == "stop_loss").any()


def test_mistakes_are_named():
    """An unknown option names the nearest; prices twice are refused."""
    with pytest.raises(ConfigError, match="stop_loss"):
        finlab.sim(POSITION, CLOSE, stop_los=0.1)
    with pytest.raises(ConfigError, match="dataset"):
        finlab.sim(POSITION, Dataset.from_frames({"close": CLOSE}, name="d"), open=CLOSE)
