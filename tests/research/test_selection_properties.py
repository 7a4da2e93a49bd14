"""Windows, seams and trials for any sizes (S7, S8, S9, S11, S12, S13).

Elsewhere: S1 to S6 tests/stats/test_resampling.py, test_multiple.py and tests/research/test_bootstrap.py; S10
tests/research/test_studies.py and test_combinatorial.py; S14, S15 tests/stats/test_honesty.py; T1 to T3
tests/planted, tests/research/test_perturb.py, tests/data/test_frame_causality.py and tests/pipeline/test_time.py;
T4, T5, T8, T9 tests/engine/test_properties.py; T6, T10 tests/pipeline/test_time.py; T7 tests/engine/test_schedule.py.
"""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outsample import bootstrap, load, sweep, walk_forward
from outsample.stats import combinatorial_purged, walk_forward_windows
from scale import SCALE

SOURCE = "n = 10\nclose = data.get('close')\nposition = close > close.average(n)\n"
GRID = {"n": [5, 30, 90]}
few = settings(max_examples=100 * SCALE, deadline=None, derandomize=True)


@few
@given(
    n=st.integers(1, 300), train=st.integers(1, 80), test=st.integers(1, 60), purge=st.integers(0, 9),
    embargo=st.integers(0, 9), anchored=st.booleans(),
)  # fmt: skip
def test_windows_of_any_size(n, train, test, purge, embargo, anchored):
    """S8: disjoint, distant, tiling; trains grow or stay as long; a short last test is kept and flagged."""
    made = walk_forward_windows(n, train=train, test=test, purge=purge, embargo=embargo, anchored=anchored)
    assert bool(made) == (train + purge + embargo < n)
    for place, window in enumerate(made):
        assert window.train[-1] + purge + embargo < window.test[0]
        assert len(window.train) == (train + place * test if anchored else train)
        assert window.partial == (len(window.test) < test)
        assert not window.partial or place == len(made) - 1
    assert [bar for window in made for bar in window.test] == list(range(train + purge + embargo, n))


@few
@given(
    n=st.integers(20, 200), groups=st.integers(2, 7), tested=st.integers(1, 6), purge=st.integers(0, 5),
    embargo=st.integers(0, 5),
)  # fmt: skip
def test_combinatorial_splits_of_any_size(n, groups, tested, purge, embargo):
    """S9: C(N, k) splits and C(N-1, k-1) paths that use every split's every test group once; purged all round."""
    tested = min(tested, groups - 1)
    made = combinatorial_purged(n, n_groups=groups, n_test=tested, purge=purge, embargo=embargo)
    assert len(made.splits) == math.comb(groups, tested)
    assert len(made.paths) == math.comb(groups - 1, tested - 1)
    used = [(split, group) for path in made.paths for group, split in enumerate(path)]
    assert sorted(used) == sorted((s, g) for s, split in enumerate(made.splits) for g in split.groups)
    for split in made.splits:
        test = set(split.test.tolist())
        for bar in range(n):
            near = any(bar + d in test for d in range(purge + 1)) or any(
                bar - d in test for d in range(purge + embargo + 1)
            )
            assert (bar in split.train) != near


@settings(max_examples=10 * SCALE, deadline=None, derandomize=True)
@given(level=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]), seed=st.integers(0, 10**6))
def test_an_interval_is_labelled_by_its_two_sided_level(level, seed):
    """S7: half of what is left out lies on either side, and `level` says how much lies between."""
    returns = np.random.default_rng(seed).normal(0.001, 0.01, 60)
    found = bootstrap(returns, n_paths=400, level=level, seed=seed)
    row = found.table.set_index("statistic").loc["max_drawdown"]
    assert row["level"] == level
    edges = np.quantile(found.samples["max_drawdown"], [(1 - level) / 2, (1 + level) / 2])
    assert [row["low"], row["high"]] == pytest.approx(edges.tolist(), rel=1e-9)


@pytest.fixture(scope="module")
def data():
    return load("synthetic:2x500?seed=21")


@pytest.mark.parametrize(("train", "test", "gap"), [(120, 60, 0), (200, 97, 5), (60, 200, 1)])
def test_the_summary_is_that_of_the_returns_end_to_end(data, train, test, gap):
    """S11: equity compounds the returns of the windows, the seams' too; no bar is missing between them."""
    walk = walk_forward(SOURCE, data, GRID, train=train, test=test, purge=gap, store=False, lookahead=False)
    parts = [walk.returns.loc[row.test_start : row.test_end] for row in walk.windows.itertuples()]
    whole = pd.concat(parts)
    assert whole.index.equals(data.dates[train + gap + 1 :])
    grown = float(np.prod(1 + whole.to_numpy()))
    assert walk.equity.iloc[-1] / walk.equity.iloc[0] == pytest.approx(grown, rel=1e-12)
    assert walk.metrics.total_return == pytest.approx(grown - 1, abs=1e-12)
    assert walk.metrics.sharpe == pytest.approx(whole.mean() / whole.std(ddof=1) * math.sqrt(252), rel=1e-9)


def test_efficiency_is_the_ratio_of_growth_or_undefined(data):
    """S12: out-of-sample over in-sample CAGR; NaN exactly where the in-sample one is not positive."""
    walk = walk_forward(
        SOURCE, data, GRID, train=60, test=30, objective=lambda returns: -returns.mean(), store=False, lookahead=False
    )
    table = walk.windows
    losing = ~(table["in_sample_cagr"] > 0)
    assert losing.any()
    assert table["efficiency"].isna().equals(losing)
    gained = table[~losing]
    assert gained["efficiency"].tolist() == pytest.approx(
        (gained["out_of_sample_cagr"] / gained["in_sample_cagr"]).tolist()
    )


def test_the_order_of_trials_is_irrelevant(data):
    """S13: the values of a grid in any order give each combination the same numbers."""
    found = {}
    for order in itertools.permutations(GRID["n"]):
        table = sweep(SOURCE, data, {"n": list(order)}, store=False, lookahead=False, n_jobs=1).table
        found[order] = table.sort_values("n").reset_index(drop=True)
    first, *others = found.values()
    for other in others:
        pd.testing.assert_frame_equal(first, other)
