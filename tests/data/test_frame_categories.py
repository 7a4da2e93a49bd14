"""Groups of symbols and factors, against pandas and least squares written out."""

import numpy as np
import pandas as pd
import pytest

from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext
from outsample.errors import ConfigError, DataMissing

GROUPS = {"A": "tech", "B": "food", "C": "tech", "D": "tech", "F": "food"}


def frame(seed=51, rows=20):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, (rows, 6)).astype(float)
    values[rng.random(values.shape) < 0.2] = np.nan
    return StrategyFrame(pd.DataFrame(values, index=pd.bdate_range("2024-01-01", periods=rows), columns=list("ABCDEF")))


@pytest.mark.parametrize("how", ["mean", "median", "sum", "min", "max", "std", "count"])
def test_groups_are_aggregated_by_row(how):
    """Each row is aggregated by category; a symbol without one (E) is left out."""
    ours = frame()
    result = getattr(ours.groupby_category(GROUPS), how)()
    for name, members in (("tech", list("ACD")), ("food", list("BF"))):
        expected = getattr(pd.DataFrame(ours)[members], how)(axis=1)
        np.testing.assert_allclose(result[name], expected)


def test_categories_that_change_are_carried_forward():
    """A frame of categories counts from its date on."""
    ours = StrategyFrame(pd.DataFrame(1.0, index=pd.bdate_range("2024-01-01", periods=4), columns=["A", "B"]))
    moved = pd.DataFrame({"A": ["x", "y"], "B": ["x", "x"]}, index=ours.index[[0, 2]])
    sums = ours.groupby_category(moved).sum()
    assert sums["x"].tolist() == [2.0, 2.0, 1.0, 1.0]
    assert sums["y"].tolist()[2:] == [1.0, 1.0]
    means = (ours * [1.0, 3.0]).neutralize(moved)
    assert means["A"].tolist() == [-1.0, -1.0, 0.0, 0.0]


def test_industry_rank_is_a_fraction_within_the_category():
    """Ranks within each category are pandas' percentage ranks; no category, no rank."""
    ours = frame()
    ranks = ours.industry_rank(pd.Series(GROUPS))
    for members in (list("ACD"), list("BF")):
        expected = pd.DataFrame(ours)[members].rank(axis=1, pct=True)
        pd.testing.assert_frame_equal(pd.DataFrame(ranks)[members], expected)
    assert ranks["E"].isna().all()


def test_neutralized_values_have_no_group_mean():
    """Within every category the mean of each row is 0."""
    result = frame().neutralize(GROUPS)
    for members in (list("ACD"), list("BF")):
        means = pd.DataFrame(result)[members].mean(axis=1).dropna()
        np.testing.assert_allclose(means, 0.0, atol=1e-12)


def test_neutralized_values_are_orthogonal_to_factors():
    """The residual of each row is orthogonal to the factors and to the constant."""
    rng = np.random.default_rng(52)
    index = pd.bdate_range("2024-01-01", periods=5)
    parts = [pd.DataFrame(rng.standard_normal((5, 30)), index=index) for _ in range(3)]
    result = StrategyFrame(parts[0]).neutralize(parts[1:]).to_numpy()
    for factor in (parts[1].to_numpy(), parts[2].to_numpy(), np.ones((5, 30))):
        np.testing.assert_allclose((result * factor).sum(axis=1), 0.0, atol=1e-10)
    assert StrategyFrame(parts[0]).neutralize(parts[0], add_const=False).abs().to_numpy().max() < 1e-12


def test_categories_come_from_the_dataset():
    """A frame of a dataset with categories needs no argument, whatever form they have."""
    plain = pd.DataFrame(frame())
    series = pd.Series(GROUPS)
    for table in (series, pd.DataFrame({"symbol": series.index, "value": series.to_numpy()})):

        def lookup(key, table=table):
            if key != "industry":
                raise DataMissing(key)
            return table

        bound = StrategyFrame.bind(plain, FrameContext(lookup=lookup))
        pd.testing.assert_frame_equal(
            pd.DataFrame(bound.industry_rank()), pd.DataFrame(StrategyFrame(plain).industry_rank(GROUPS))
        )


def test_no_categories_is_a_typed_error():
    """Without categories the error says what to pass."""
    with pytest.raises(DataMissing, match="categories"):
        frame().industry_rank()
    with pytest.raises(ConfigError, match="categories"):
        frame().industry_rank(3)
