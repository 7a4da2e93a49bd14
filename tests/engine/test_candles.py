"""Every rule about fills, stops and gaps, pinned by hand-made candles, on both engines."""

import numpy as np
import pandas as pd
import pytest

from engine.candles import CASES
from outsample.data import Dataset
from outsample.engine import sim
from outsample.engine.record import REASONS

ENGINES = ["vectorised", "reference"]


def _dataset(case):
    def number(text):
        return np.nan if text == "-" else float(text)

    quotes = [[number(part) for part in (bar.split("/") * 4)[:4]] for bar in case.bars.split()]
    dates = pd.bdate_range("2024-01-01", periods=len(quotes))
    table = np.array(quotes)
    frames = {
        name: pd.DataFrame({"A": table[:, place]}, index=dates)
        for place, name in enumerate(["open", "high", "low", "close"])
    }
    if case.volume:
        frames["volume"] = pd.DataFrame({"A": [float(part) for part in case.volume.split()]}, index=dates)
    if case.delisted is not None:
        frames["delisted"] = pd.Series({"A": dates[case.delisted]})
    position = pd.DataFrame({"A": [float(part) for part in case.position.split()]}, index=dates)
    return position, Dataset.from_frames(frames, name=case.name)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_candles(case, engine):
    """The fills are the ones that the rules ask for."""
    position, data = _dataset(case)
    record = sim(position, data, fee_ratio=0.0, engine=engine, **case.options).record
    found = [
        (int(bar), "+" if amount[0] > 0 else "-", float(amount[1]), REASONS[reason])
        for (bar, _, reason, _), amount in zip(record.fills, record.amounts, strict=True)
    ]
    assert [fill[:2] + fill[3:] for fill in found] == [fill[:2] + fill[3:] for fill in case.fills]
    assert [fill[2] for fill in found] == pytest.approx([fill[2] for fill in case.fills], rel=1e-12)


def test_there_are_enough():
    """The table covers at least forty situations, each named once."""
    assert len({case.name for case in CASES}) == len(CASES) >= 40
