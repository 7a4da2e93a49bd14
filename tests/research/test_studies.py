"""Walk-forward beyond the plain case, sweeps as reports, evidence of selection, and the command line."""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest

from outsample import load, sweep, walk_forward
from outsample.cli import main
from outsample.errors import ConfigError
from outsample.research.grid import combinations, neighbourhood_medians
from outsample.stats import combinatorial_purged, deflated_sharpe, walk_forward_windows

SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
GRID = {"fast": [5, 20, 60], "slow": [40, 80]}


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x700?seed=11")


@pytest.fixture(scope="module")
def walk(data):
    return walk_forward(SOURCE, data, GRID, train=250, test=100, constraint="fast < slow", store=False)


def test_constraints_leave_combinations_out(walk):
    """Text and functions mean the same; what is left out is never run."""
    kept = [one.params for one in walk.run.sweep.combinations]
    assert kept == [p for p in combinations(GRID) if p["fast"] < p["slow"]]
    assert kept == combinations(GRID, lambda p: p["fast"] < p["slow"])


@pytest.mark.parametrize("text", ["fast <", "fats < slow", "__import__('os') < 1", "fast.real < 1", "fast", "slow < 0"])
def test_wrong_constraints_are_refused(text):
    """No comparison, unknown names, calls, attributes, nothing left."""
    with pytest.raises(ConfigError, match="constraint"):
        combinations(GRID, text)


def test_a_plateau_is_the_median_of_the_neighbourhood():
    """By hand on a 3 x 3 grid: a lone peak loses to a plateau, an undefined value stays undefined."""
    grid = {"a": [1, 2, 3], "b": [1, 2, 3]}
    values = [9.0, 0.0, 2.0, 0.0, 1.0, 2.0, math.nan, 2.0, 2.0]
    found = neighbourhood_medians(grid, combinations(grid), values)
    assert found[0] == np.median([9, 0, 0, 1])
    assert found[4] == np.median([9, 0, 2, 0, 1, 2, 2, 2])
    assert found[8] == np.median([1, 2, 2, 2])
    assert math.isnan(found[6])


def test_strict_windows_give_the_same_numbers(data, walk):
    """Every combination run again on data that end with each window: equal for a strategy without look-ahead."""
    strict = walk_forward(SOURCE, data, GRID, train=250, test=100, constraint="fast < slow", strict=True, store=False)
    pd.testing.assert_frame_equal(strict.windows, walk.windows)
    pd.testing.assert_series_equal(strict.returns, walk.returns)


def test_strict_windows_expose_a_leak(data):
    """A strategy that trades on tomorrow's close loses its gain at least where the data end."""
    leak = "n = 1\nc = data.get('close')\nposition = (c.shift(-n - 1) / c.shift(-n)).fillna(0) > 1\n"
    grid = {"n": [1, 2]}
    loose, strict = (
        walk_forward(leak, data, grid, train=250, test=100, strict=flag, store=False) for flag in (False, True)
    )
    assert not loose.returns.equals(strict.returns)


def test_what_stands_beside_is_on_the_same_bars(data, walk):
    """Totals recomputed from the combinations' own returns over the stitched dates."""
    table = walk.comparison.set_index("series")["total_return"]
    dates = walk.returns.index
    best = walk.run.sweep.best.outcome.simulation.returns.reindex(dates)
    assert table["best combination, with hindsight"] == pytest.approx((1 + best).prod() - 1, abs=1e-12)
    assert table["stitched, out of sample"] == pytest.approx((1 + walk.returns).prod() - 1, abs=1e-12)
    assert table.notna().all()


def test_stability_counts_the_windows(walk):
    """Distinct values, the share of the commonest, and changes at seams, counted again."""
    for row in walk.stability.itertuples():
        values = list(walk.windows[row.parameter])
        assert row.distinct == len(set(values))
        assert row.share == max(values.count(v) for v in values) / len(values)
        assert row.changes == sum(a != b for a, b in itertools.pairwise(values))


def test_the_deflated_ratio_counts_every_combination(walk):
    """N is the number of combinations, V the variance of their Sharpe ratios per bar."""
    returns = [one.outcome.simulation.returns.to_numpy() for one in walk.run.sweep.combinations]
    ratios = [r.mean() / r.std(ddof=1) for r in returns]
    x = walk.returns.to_numpy()
    z = (x - x.mean()) / x.std()
    expected = deflated_sharpe(
        x.mean() / x.std(ddof=1), len(x), n_trials=len(ratios), trials_variance=np.var(ratios, ddof=1),
        skewness=(z**3).mean(), kurtosis=(z**4).mean(),
    )  # fmt: skip
    assert walk.deflated_sharpe == pytest.approx(expected, abs=1e-12)
    assert 0 <= walk.evidence.pbo <= 1
    assert 0 < walk.evidence.spa <= 1


def test_permuting_test_data_never_changes_a_choice(data, walk):
    """S10: another future after the last training bar leaves every choice as it was."""
    from outsample.research.perturb import perturbed

    last = walk.windows["train_end"].iloc[-1]
    other = walk_forward(
        SOURCE, perturbed(data, last, seed=5), GRID, train=250, test=100, constraint="fast < slow", store=False
    )
    pd.testing.assert_frame_equal(
        other.windows[["fast", "slow", "objective"]], walk.windows[["fast", "slow", "objective"]]
    )
    assert not other.returns.equals(walk.returns)


def test_workers_change_nothing(data):
    """S13: 1 worker = 2 workers = 4 workers."""
    tables = [sweep(SOURCE, data, GRID, n_jobs=jobs, store=False).table for jobs in (1, 2, 4)]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


@pytest.mark.parametrize(("train", "test"), [(6, 3), (5, 2), (8, 4)])
def test_windows_are_those_of_scikit_learn_and_skfolio(train, test):
    """S8: where the conventions coincide: right-aligned, and left-aligned without partial windows."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    folio = pytest.importorskip("skfolio.model_selection")
    n = 30
    ours = walk_forward_windows(n, train=train, test=test, align="end", partial="drop")
    splitter = model_selection.TimeSeriesSplit(len(ours), test_size=test, max_train_size=train)
    assert [(list(w.train), list(w.test)) for w in ours] == [(list(a), list(b)) for a, b in splitter.split(np.zeros(n))]
    for anchored in (False, True):
        ours = walk_forward_windows(n, train=train, test=test, anchored=anchored, partial="drop")
        theirs = folio.WalkForward(train_size=train, test_size=test, expand_train=anchored).split(np.zeros((n, 1)))
        assert [(list(w.train), list(w.test)) for w in ours] == [(list(a), list(b)) for a, b in theirs]


def test_combinations_are_those_of_skfolio():
    """S9: test sets of CPCV, one by one, and the numbers of splits and paths."""
    folio = pytest.importorskip("skfolio.model_selection")
    ours = combinatorial_purged(60, n_groups=6, n_test=2)
    theirs = list(folio.CombinatorialPurgedCV(n_folds=6, n_test_folds=2).split(np.zeros((60, 1))))
    assert len(ours.splits) == len(theirs) == math.comb(6, 2)
    assert len(ours.paths) == math.comb(5, 1)
    for one, (train, test) in zip(ours.splits, theirs, strict=True):
        assert list(one.train) == list(train)
        assert list(one.test) == list(np.concatenate(test))


def test_a_sweep_shows_itself(data):
    """Heatmap by names, the table best first, evidence beside the best."""
    found = sweep(SOURCE, data, GRID, objective="plateau", store=False)
    assert found.heatmap().axes
    assert found.heatmap(x="fast", y="slow").axes
    with pytest.raises(ConfigError, match="'fast'"):
        found.heatmap(x="fats")
    page = found.to_html()
    assert "data:image/png" in page
    assert "Probability of backtest overfitting" in page


def test_the_report_of_a_walk_forward_has_its_pictures(walk):
    """Equity, in against out of sample, parameters, heatmap."""
    titles = [picture.title for picture in walk.document().pictures]
    assert titles == ["Stitched equity", "In and out of sample", "Chosen parameters", "Heatmap"]


def test_the_command_line(tmp_path, monkeypatch, capsys):
    """outsample sweep and walk-forward write JSON without NaN and a page; wrong grids end with 2."""
    monkeypatch.setenv("OUTSAMPLE_STORE", "none")
    file = tmp_path / "trend.py"
    file.write_text(SOURCE, encoding="utf-8")
    common = [str(file), "--data", "synthetic:3x400?seed=2", "--grid", "fast=5,10"]
    page, text = tmp_path / "x.html", tmp_path / "x.json"
    assert main(["sweep", *common, "--json", str(text), "--html", str(page)]) == 0
    assert len(json.loads(text.read_text(encoding="utf-8"))["table"]) == 2
    assert "sweep" in page.read_text(encoding="utf-8")
    assert main(["walk-forward", *common, "--train", "150", "--test", "60", "--json", str(text)]) == 0
    assert len(json.loads(text.read_text(encoding="utf-8"))["windows"]) >= 3
    assert main(["sweep", str(file), "--data", "synthetic:3x400?seed=2", "--grid", "fats=5,10"]) == 2
    assert "fast" in capsys.readouterr().err
