"""Signals against later returns: other libraries, and twins written from the definitions."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

import naive
from outsample import metrics as m
from outsample.errors import ConfigError, DataInvalid
from scale import SCALE

FEW = settings(max_examples=20 * SCALE)
SEED = st.integers(0, 10**6)


def tables(seed, n=25, k=12):
    """A signal with ties and gaps, and later returns with gaps."""
    random = np.random.default_rng(seed)
    signal = pd.DataFrame(random.integers(0, 8, (n, k)).astype(float))
    later = pd.DataFrame(random.normal(0, 0.01, (n, k))).add(signal * 0.001)
    return signal.mask(random.random((n, k)) < 0.2), later.mask(random.random((n, k)) < 0.1)


@FEW
@given(SEED, st.sampled_from(["pearson", "spearman"]))
def test_ic_is_the_correlation_across_names(seed, method):
    """Date by date the correlation that SciPy gives for the names that have both."""
    signal, later = tables(seed)
    found = m.information_coefficient(signal, later, method)
    function = getattr(scipy_stats, f"{method}r")
    for date, value in found.items():
        both = signal.loc[date].notna() & later.loc[date].notna()
        one, two = signal.loc[date, both], later.loc[date, both]
        want = function(one, two).statistic if both.sum() >= 5 and one.nunique() > 1 else math.nan
        assert value == pytest.approx(want, abs=1e-12, nan_ok=True)


def test_fewer_than_five_names_have_no_ic():
    """At least 5 names with both are needed by default."""
    signal = pd.DataFrame([[1.0, 2, 3, 4, 5], [1, 2, 3, 4, np.nan]])
    assert m.information_coefficient(signal, signal).isna().tolist() == [False, True]


@FEW
@given(SEED, st.integers(1, 12))
def test_the_t_value_allows_for_overlap(seed, horizon):
    """Mean over the Newey-West standard error with horizon - 1 lags, summed pair by pair."""
    ic = np.random.default_rng(seed).normal(0.03, 0.1, 40).round(6)
    found = m.ic_summary(pd.Series(ic), horizon)
    variance = naive.newey_west(ic.tolist(), horizon - 1)
    assert found["t"] == pytest.approx(ic.mean() / math.sqrt(variance / len(ic)))
    assert found["icir"] == pytest.approx(ic.mean() / ic.std(ddof=1))


def test_an_ic_that_does_not_vary_has_no_t():
    """A constant IC, one date and no date are NaN, not infinite."""
    for values in ([0.1] * 10, [0.1], [], [math.nan] * 4):
        found = m.ic_summary(pd.Series(values, dtype=float))
        assert math.isnan(found["t"])
        assert math.isnan(found["icir"])


@FEW
@given(SEED, st.integers(2, 6))
def test_quantiles_are_groups_by_rank(seed, quantiles):
    """Mean later return of each group, group by group; turnover is the share of names new to it."""
    signal, later = tables(seed)
    means, fresh = m.quantile_returns(signal, later, quantiles), m.quantile_turnover(signal, quantiles)
    groups = [naive.groups_of(row, quantiles) for row in signal.to_numpy().tolist()]
    for date, row in enumerate(groups):
        for group in range(1, quantiles + 1):
            values = [r for g, r in zip(row, later.loc[date], strict=True) if g == group and r == r]
            want = sum(values) / len(values) if values else math.nan
            assert means.loc[date, group] == pytest.approx(want, nan_ok=True)
            names = {k for k, g in enumerate(row) if g == group}
            before = {k for k, g in enumerate(groups[date - 1]) if g == group} if date else set()
            share = len(names - before) / len(names) if names and date else math.nan
            assert fresh.loc[date, group] == pytest.approx(share, nan_ok=True)
    spread = m.long_short_spread(signal, later, quantiles)
    assert spread.equals((means[quantiles] - means[1]).rename("spread"))


@FEW
@given(SEED)
def test_hits_and_coverage_agree_with_a_count(seed):
    """Names on the same side of both medians; names with a signal among those with a price."""
    signal, later = tables(seed)
    hits, cover = m.hit_rate(signal, later), m.coverage(signal, later)
    for date in signal.index:
        pairs = [(s, r) for s, r in zip(signal.loc[date], later.loc[date], strict=True) if s == s and r == r]
        middles = [float(np.median([pair[side] for pair in pairs])) for side in (0, 1)]
        same = sum(np.sign(s - middles[0]) == np.sign(r - middles[1]) for s, r in pairs)
        assert hits.loc[date] == pytest.approx(same / len(pairs))
        assert cover.loc[date] == pytest.approx(len(pairs) / later.loc[date].notna().sum())


@pytest.mark.parametrize("quantiles", range(2, 12))
def test_groups_are_of_equal_size(quantiles):
    """Names that can be shared out equally are, whatever the rounding of their ranks."""
    for each in range(1, 12):
        names = np.arange(float(each * quantiles))
        later = pd.DataFrame([np.ceil((names + 1) / each)])
        found = m.quantile_returns(pd.DataFrame([names]), later, quantiles)
        assert found.iloc[0].tolist() == list(range(1, quantiles + 1))


def test_a_signal_that_never_changes_is_its_own_rank():
    """Rank autocorrelation 1 and no turnover, from the second row on."""
    signal = pd.DataFrame([[1.0, 2, 3, 4, 5, 6]] * 4)
    assert m.rank_autocorrelation(signal).dropna().tolist() == pytest.approx([1.0] * 3)
    assert m.quantile_turnover(signal, 3).iloc[1:].to_numpy().max() == 0.0


def test_a_half_life_needs_a_horizon_for_each_ic():
    """Lengths that differ are refused; ICs that grow have no half-life."""
    with pytest.raises(DataInvalid, match="horizon"):
        m.half_life([0.1, 0.05], horizons=[1])
    assert math.isnan(m.half_life([0.01, 0.02]))


def test_a_universe_can_be_boolean():
    """Coverage counts members, whatever else has a price."""
    signal = pd.DataFrame([[1.0, np.nan, 2.0]])
    assert m.coverage(signal, pd.DataFrame([[True, True, False]])).tolist() == [0.5]


@pytest.mark.parametrize(
    "call",
    [
        lambda s: m.ic_summary(s[0], 0),
        lambda s: m.quantile_returns(s, s, 1),
        lambda s: m.rank_autocorrelation(s, 0),
        lambda s: m.information_coefficient(s, s, "kendall"),
    ],
)
def test_bad_options_are_refused(call):
    """A horizon, number of groups, lag or method that cannot be is a ConfigError."""
    with pytest.raises(ConfigError):
        call(tables(1)[0])
