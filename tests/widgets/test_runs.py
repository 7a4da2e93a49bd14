"""`runs`: rows of a store, and what a comparison says."""

import math

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import metrics
from outsample.archive import Store
from outsample_widgets import runs
from outsample_widgets.runs import paired_interval
from scale import SCALE


@pytest.fixture(scope="module")
def store(tmp_path_factory, source, data):
    """Two saved results, and a run that failed."""
    with Store.open(tmp_path_factory.mktemp("store") / "store.db") as found:
        for fast in (20, 60):
            found.save(outsample.backtest(source, data, params={"fast": fast}, store=found, lookahead=False))
        with pytest.raises(outsample.OutsampleError):
            outsample.backtest("position = data.get('close') / nothing\n", data, store=found)
        yield found


def _saved(widget):
    return [row for row in widget._about["rows"] if row["saved"] == "yes"]


def test_rows_are_text_with_values_to_sort_by(store):
    """A row per key: numbers as text, and the number behind it."""
    rows = runs(store)._about["rows"]
    assert len(rows) == 3
    for row in _saved(runs(store)):
        assert row["sharpe"] == f"{row['sharpe_']:.2f}"
    failed = next(row for row in rows if row["sharpe_"] is None)
    assert failed["sharpe"] == "–"
    assert failed["level"] not in {"PROFITABLE", "VALID_METRICS"}


def test_a_comparison_says_how_two_results_differ(store, asked):
    """Overlay on the common bars, the first differing date, the interval of the difference, trades of each."""
    widget = runs(store)
    keys = [row["key"] for row in _saved(widget)]
    answer, arrays = asked(widget, "compare", keys=keys)
    a, b = (store.load(key) for key in keys)
    np.testing.assert_allclose(arrays["y0"], a.equity / a.equity.iloc[0])
    text = " ".join(answer["sentences"])
    both = pd.concat([a.returns, b.returns], axis=1, join="inner").to_numpy()
    first = a.returns.index[int(np.flatnonzero(np.abs(both[:, 0] - both[:, 1]) > 1e-9)[0])]
    assert f"first differ on {first.date()}" in text
    gap = metrics.sharpe(both[:, 1], periods_per_year=252) - metrics.sharpe(both[:, 0], periods_per_year=252)
    assert f"{gap:+.2f}; 95 %" in text
    row = next(row for row in answer["tables"][0]["rows"] if row["0"] == "Sharpe ratio")
    assert float(row["3"]) == pytest.approx(gap, abs=0.006)  # the table and the sentence take the same difference
    assert [table["caption"].split(" in ")[0] for table in answer["tables"][1:]] == ["Trades only"] * 2
    assert {"fast=20", "fast=60"} <= {name.split(", ")[1].rstrip(")") for name in answer["names"]}


def test_a_run_without_files_is_a_message(store, asked):
    """What cannot be loaded says how to make it again."""
    widget = runs(store)
    failed = next(row["key"] for row in widget._about["rows"] if row["saved"] == "no")
    answer, _ = asked(widget, "compare", keys=[failed, _saved(widget)[0]["key"]])
    assert "has no files" in answer["error"]
    assert "outsample run" in answer["hint"]


def test_the_paired_interval_holds_what_it_promises():
    """Over many pairs with equal Sharpe ratios the 95 % interval misses 0 seldom; of a planted gap often."""
    random = np.random.Generator(np.random.Philox(5))
    n, missed = 12 * SCALE, 0
    for seed in range(n):
        common = random.normal(0.0, 0.01, 500)
        a, b = (pd.Series(common + random.normal(0.0, 0.005, 500)) for _ in range(2))
        _, low, high = paired_interval(a, b, seed=seed)
        missed += low > 0 or high < 0
    assert missed <= 0.05 * n + 3 * math.sqrt(0.05 * 0.95 * n)
    common = random.normal(0.0, 0.01, 500)
    _, low, _ = paired_interval(pd.Series(common + 0.003), pd.Series(common))
    assert low > 0


def test_the_pair_is_kept_together():
    """Of a series and itself the difference is exactly 0 on every path."""
    x = pd.Series(np.random.Generator(np.random.Philox(2)).normal(0.001, 0.01, 300))
    assert paired_interval(x, x) == (0.0, 0.0, 0.0)


def test_many_runs_are_few_bytes(store):
    """200 rows fit into a message of 200 kB."""
    row = _saved(runs(store))[0]
    assert 200 * len(repr(row)) < 200_000


def test_the_twin_is_a_table(store):
    """The newest rows can be read without a script."""
    assert "PROFITABLE" in runs(store).twin().html() or "VALID_METRICS" in runs(store).twin().html()
