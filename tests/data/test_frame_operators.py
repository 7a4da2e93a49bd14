"""The kernels against slow twins on random input with ties, missing and infinite values."""

import numpy as np
import pytest

from outsample.data import operators, ranking
from scale import SCALE


def table(rng, symbols=6, dates=50):
    values = rng.choice([0.0, -0.0, 1.0, 2.5, -3.0, 1e6, np.nan, np.inf, -np.inf], (symbols, dates))
    noise = rng.standard_normal((symbols, dates))
    return np.where(rng.random((symbols, dates)) < 0.5, values, noise)


def windows(row, window):
    for i in range(len(row)):
        part = row[max(0, i - window + 1) : i + 1]
        yield i, part[np.isfinite(part)]


@pytest.mark.parametrize(("window", "least"), [(1, 1), (4, 2), (7, 7), (80, 1)])
def test_rolling_mean_and_deviation(window, least):
    """Each value is the mean (the deviation) of the finite values in its own window."""
    rng = np.random.default_rng(71)
    for _ in range(SCALE):
        values = table(rng)
        with np.errstate(all="ignore"):  # uncompiled kernels warn about infinities
            mean = operators.rolling_mean(values, window, least)
            spread = operators.rolling_std(values, window, least)
        for j, row in enumerate(values):
            for i, part in windows(row, window):
                expected = part.mean() if len(part) >= least else np.nan
                np.testing.assert_allclose(mean[j, i], expected, rtol=1e-12, atol=1e-9)
                expected = part.std(ddof=1) if len(part) >= max(2, least) else np.nan
                np.testing.assert_allclose(spread[j, i], expected, rtol=1e-9, atol=1e-9)


def test_rolling_mean_forgets_what_left_the_window():
    """A huge value leaves no trace once it is out."""
    values = np.array([[1e18, 0.1, 0.2, 0.3, 0.4, 0.5]])
    np.testing.assert_allclose(operators.rolling_mean(values, 2, 2)[0, 2:], [0.15, 0.25, 0.35, 0.45], rtol=1e-15)


@pytest.mark.parametrize("window", [1, 2, 5, 30])
def test_a_gap_later_changes_no_bit_earlier(window):
    """Symbols without a gap take a faster way; it gives the same bits."""
    rng = np.random.default_rng(79)
    values = np.round(100 + rng.standard_normal((9, 60)).cumsum(axis=1), 1)
    values[3, 5:12] = values[3, 5]
    values[4, :4] = values[4, 0]
    gaps = values.copy()
    gaps[:, -1] = np.nan
    whole, part = (operators.rolling_mean(table, window, max(1, window // 2)) for table in (values, gaps))
    np.testing.assert_array_equal(whole[:, :-1], part[:, :-1])


def test_count_true():
    """Counts over the last bars."""
    rng = np.random.default_rng(72)
    values = rng.random((4, 30)) < 0.5
    counted = operators.count_true(values, 5)
    for i in range(30):
        np.testing.assert_array_equal(counted[:, i], values[:, max(0, i - 4) : i + 1].sum(axis=1))


def slow_rank(row, method, ascending):
    row = row if ascending else -row
    known = row[~np.isnan(row)]
    out = np.full(len(row), np.nan)
    for j, x in enumerate(row):
        if np.isnan(x):
            continue
        below, equal = (known < x).sum(), (known == x).sum()
        out[j] = {
            "average": below + (equal + 1) / 2,
            "min": below + 1,
            "max": below + equal,
            "first": below + 1 + (row[:j] == x).sum(),
            "dense": len(np.unique(known[known < x])) + 1,
        }[method]
    return out


@pytest.mark.parametrize("method", list(ranking.TIE_METHODS))
@pytest.mark.parametrize("ascending", [True, False])
def test_ranks(method, ascending):
    """Each rank follows from counting smaller and equal values."""
    rng = np.random.default_rng(73)
    for symbols in (1, 2, 9, 40):
        values = table(rng, symbols, 20)
        ranks = ranking.rank_rows(values, method, ascending=ascending, as_fraction=False)
        shares = ranking.rank_rows(values, method, ascending=ascending, as_fraction=True)
        for i in range(20):
            expected = slow_rank(values[:, i], method, ascending)
            np.testing.assert_array_equal(ranks[:, i], expected)
            known = values[~np.isnan(values[:, i]), i]
            whole = len(np.unique(known)) if method == "dense" else len(known)
            np.testing.assert_array_equal(shares[:, i], expected / max(1, whole))


@pytest.mark.parametrize("symbols", [3, 64, 700])
def test_values_that_differ_in_the_last_bits_are_told_apart(symbols):
    """Neighbouring floats rank in their order although the sort keys drop the last bits."""
    rng = np.random.default_rng(74)
    values = 0.1 + np.spacing(0.1) * rng.permutation(symbols)
    values[::3] *= -1.0
    ranks = ranking.rank_rows(values[:, None].copy(), "average", ascending=True, as_fraction=False)[:, 0]
    np.testing.assert_array_equal(ranks, values.argsort().argsort() + 1.0)


@pytest.mark.parametrize("n", [1, 2, 5, 100])
@pytest.mark.parametrize("largest", [True, False])
def test_top_rows(n, largest):
    """The chosen are the first n of a stable sort."""
    rng = np.random.default_rng(75)
    for symbols in (1, 8, 30):
        values = table(rng, symbols, 20)
        chosen = ranking.top_rows(values, n, largest=largest)
        for i in range(20):
            row = values[:, i] if largest else -values[:, i]
            known = [j for j in range(symbols) if not np.isnan(row[j])]
            expected = sorted(sorted(known, key=lambda j: -row[j])[:n])
            assert np.flatnonzero(chosen[:, i]).tolist() == expected


def test_sorted_rows_put_missing_values_last():
    """Each row is sorted, NaN last."""
    values = table(np.random.default_rng(76), 9, 40)
    np.testing.assert_array_equal(ranking.sorted_rows(values), np.sort(values.T, axis=1))


def test_group_mean():
    """Means by group of each date, with fixed and with changing groups."""
    rng = np.random.default_rng(77)
    values = rng.standard_normal((8, 15))
    values[rng.random((8, 15)) < 0.3] = np.nan
    for codes in (rng.integers(-1, 3, (8, 1)), rng.integers(-1, 3, (8, 15))):
        means = operators.group_mean(values, codes, 3)
        for i in range(15):
            group = np.broadcast_to(codes, values.shape)[:, i]
            for j in range(8):
                same = values[(group == group[j]) & ~np.isnan(values[:, i]), i]
                expected = same.mean() if group[j] >= 0 and len(same) else np.nan
                np.testing.assert_allclose(means[j, i], expected)


def test_portfolio_volatility():
    """The deviation of what today's weights would have earned over the last bars."""
    rng = np.random.default_rng(78)
    weights, returns = rng.standard_normal((5, 40)), rng.standard_normal((5, 40)) * 0.01
    weights[rng.random((5, 40)) < 0.3] = 0.0
    returns[rng.random((5, 40)) < 0.1] = np.nan
    spread = operators.portfolio_volatility(weights, returns, 10, 5)
    for i in range(40):
        first = max(1, i - 9)
        earned = weights[:, i] @ np.nan_to_num(returns[:, first : i + 1])
        expected = earned.std(ddof=1) if len(earned) >= 5 and weights[:, i].any() else np.nan
        np.testing.assert_allclose(spread[i], expected)
