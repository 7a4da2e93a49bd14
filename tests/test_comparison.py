"""Two results side by side."""

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, backtest, compare
from outsample.errors import DataInvalid

SOURCE = "n = 20\nposition = data.get('close').average(n) > data.get('close').average(3 * n)"


@pytest.fixture(scope="module")
def pair():
    return tuple(backtest(SOURCE, "sample", params={"n": n}, lookahead=False, store=False) for n in (20, 30))


def test_a_result_equals_itself(pair):
    """No first difference, no trades on one side, and no test of a zero difference."""
    found = compare(pair[0], pair[0])
    assert found.first_difference is None
    assert len(found.only_a) == len(found.only_b) == 0
    assert (found.metrics["difference"] == 0).all()
    assert "the same on every common bar" in str(found)


def test_differences_against_plain_pandas(pair):
    """First differing bar, trades of one side, difference of the Sharpe ratios."""
    found = compare(*pair)
    a, b = (result.returns for result in pair)
    gap = (a - b).dropna().abs()
    assert found.first_difference == gap[gap > 1e-9].index[0]
    merged = pair[0].trades.merge(pair[1].trades, on=["symbol", "entry_date", "exit_date"], how="outer", indicator=True)
    assert len(found.only_a) == (merged["_merge"] == "left_only").sum()
    assert len(found.only_b) == (merged["_merge"] == "right_only").sum()
    common = pd.concat([a, b], axis=1, join="inner")
    ratio = common.mean() / common.std(ddof=0)
    assert found.sharpe.difference == pytest.approx(ratio.iloc[0] - ratio.iloc[1], abs=1e-12)
    assert "Trades only in" in found.to_markdown()


def test_results_of_other_times_have_nothing_in_common(pair):
    """Refused with what to do."""
    days = pd.bdate_range("2030-01-01", periods=60)
    close = pd.DataFrame({"A": 100 + np.sin(np.arange(60.0))}, index=days)
    later = backtest(
        "position = data.get('close') > 100", Dataset.from_frames({"close": close}, name="later"), store=False
    )
    with pytest.raises(DataInvalid, match="no bar in common"):
        compare(pair[0], later)
