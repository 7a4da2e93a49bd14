"""Sweeps and walk-forward against a separate, plain implementation, and their properties."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import Dataset, load, sim, sweep, walk_forward
from outsample.errors import ConfigError, StrategyError

SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
GRID = {"fast": [5, 20], "slow": [40, 80]}
TRAIN, TEST = 400, 150


@pytest.fixture(scope="module")
def data():
    return load("synthetic:4x1500?seed=11")


@pytest.fixture(scope="module")
def walk(data):
    return walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, store=False)


def positions(data, fast, slow):
    """The strategy again, in plain pandas."""
    close = pd.DataFrame(data.get("close"))

    def average(n):
        return close.rolling(n, min_periods=max(n // 2, 1)).mean()

    return average(fast) > average(slow)


def sharpe(returns):
    deviation = returns.std(ddof=1)
    return returns.mean() / deviation if deviation > 1e-15 else math.nan


def plain_walk_forward(data):
    """Choose per window on single simulations, stitch the rows, simulate once."""
    combos = list(itertools.product(*GRID.values()))
    tables = {combo: positions(data, *combo) for combo in combos}
    returns = {combo: sim(table, data).returns for combo, table in tables.items()}
    n = len(data.dates) - 1
    chosen, rows, begin = [], [], TRAIN
    while begin < n:
        values = [sharpe(returns[combo].iloc[begin - TRAIN : begin]) for combo in combos]
        best = max((v, -place) for place, v in enumerate(values) if not math.isnan(v))
        chosen.append(combos[-best[1]])
        begin += TEST
    stitched = pd.DataFrame(False, index=data.dates, columns=data.symbols)
    for place, combo in enumerate(chosen):
        # The choice of window k is known at the close of its last training return, bar TRAIN + k x TEST.
        start = TRAIN + place * TEST
        stitched.iloc[start : start + TEST] = tables[combo].iloc[start : start + TEST]
    rows = stitched.iloc[TRAIN:]
    changed = (rows != rows.shift(1)).any(axis=1)
    seams = [TRAIN + place * TEST for place in range(1, len(chosen)) if chosen[place] != chosen[place - 1]]
    dates = rows.index[changed].union(data.dates[seams])
    return chosen, sim(rows, data, resample=list(dates), start=data.dates[TRAIN])


def test_it_equals_a_plain_implementation(data, walk):
    """Windows, chosen parameters and the stitched returns, with the costs at the seams."""
    chosen, stitched = plain_walk_forward(data)
    assert list(zip(walk.windows["fast"], walk.windows["slow"], strict=True)) == chosen
    assert walk.returns.index.equals(stitched.returns.index)
    np.testing.assert_allclose(walk.returns, stitched.returns, atol=1e-12)


def test_the_summary_follows_from_the_stitched_returns(walk):
    """S11: totals and Sharpe come from the concatenated series, never from averaged windows."""
    grown = float((1 + walk.returns).prod() - 1)
    assert walk.metrics.total_return == pytest.approx(grown, abs=1e-12)
    parts = [walk.returns.loc[row.test_start : row.test_end] for row in walk.windows.itertuples()]
    assert sum(map(len, parts)) == len(walk.returns)
    assert float(np.prod([(1 + part).prod() for part in parts])) - 1 == pytest.approx(grown, abs=1e-12)


def test_windows_tile_and_never_overlap(walk):
    """S8: test windows follow each other without gap; each training ends before its test begins."""
    table, dates = walk.windows, walk.run.dates
    places = {date: place for place, date in enumerate(dates)}
    for before, after in itertools.pairwise(table.itertuples()):
        assert places[after.test_start] == places[before.test_end] + 1
    assert (table["train_end"] < table["test_start"]).all()
    assert places[table["train_end"].iloc[0]] - places[table["train_start"].iloc[0]] + 1 == TRAIN


def test_data_of_the_test_windows_never_change_the_choice(data, walk):
    """S10: with other prices after the first training window, the first choice stays."""
    cut = walk.windows["train_end"].iloc[0]
    frames = {name: frame.copy() for name, frame in data.stored().items()}
    later = data.dates > cut
    noise = np.exp(np.random.default_rng(3).normal(0, 0.02, (later.sum(), 1)).cumsum(axis=0))
    for name in ("open", "high", "low", "close"):
        frames[name].loc[later] = frames[name].loc[later].to_numpy() * noise
    other = walk_forward(SOURCE, Dataset.from_frames(frames, name="x"), GRID, train=TRAIN, test=TEST, store=False)
    assert other.windows.loc[0, ["fast", "slow", "objective"]].tolist() == pytest.approx(
        walk.windows.loc[0, ["fast", "slow", "objective"]].tolist()
    )


def test_workers_change_nothing(data, walk):
    """S13: one worker and three give the same table and the same returns."""
    alone = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, n_jobs=1, store=False)
    three = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, n_jobs=3, store=False)
    pd.testing.assert_frame_equal(alone.windows, three.windows)
    pd.testing.assert_series_equal(alone.returns, three.returns)
    pd.testing.assert_series_equal(alone.returns, walk.returns)


def test_a_combination_alone_is_bit_equal(data):
    """S13: combination k of a sweep, re-run alone, has the same key and the same bytes."""
    found = sweep(SOURCE, data, GRID, store=False)
    one = found.runs.combinations[2]
    alone = outsample.backtest(SOURCE, data, params=one.params, store=False, lookahead=False, use_cache=False)
    assert alone.key == one.outcome.key
    assert alone.canonical_bytes == one.outcome.canonical_bytes
    assert found.table["objective"].idxmax() == [c.params for c in found.runs.combinations].index(found.best.params)


def test_anchored_trains_grow(data):
    """S8: with anchored=True every training begins with the first bar."""
    walk = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, anchored=True, store=False)
    assert walk.windows["train_start"].nunique() == 1
    assert walk.windows["train_end"].is_monotonic_increasing


def test_purge_and_embargo_leave_a_gap(data):
    """S8: max(train) + purge + embargo < min(test)."""
    walk = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, purge=5, embargo=2, store=False)
    places = {date: place for place, date in enumerate(walk.run.dates)}
    for row in walk.windows.itertuples():
        assert places[row.test_start] - places[row.train_end] == 8


def test_flat_seams_sell_first(data, walk):
    """boundary="flat" trades at every seam and costs more."""
    flat = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, boundary="flat", store=False)
    assert flat.simulation.costs.to_numpy().sum() > walk.simulation.costs.to_numpy().sum()


def test_efficiency_is_undefined_without_an_in_sample_gain(walk):
    """S12: NaN when the in-sample result is not positive."""
    table = walk.windows
    losing = table["in_sample_cagr"] <= 0
    assert table.loc[losing, "efficiency"].isna().all()
    assert table.loc[~losing, "efficiency"].notna().all()


def test_calendar_windows(data):
    """Spans such as 2Y and 6M."""
    walk = walk_forward(SOURCE, data, GRID, train="2Y", test="6M", store=False)
    assert len(walk.windows) >= 7
    assert (walk.windows["test_end"] - walk.windows["test_start"]).dt.days.iloc[:-1].between(170, 190).all()


def test_failing_combinations_never_win(data):
    """A combination that raises is recorded with its error; if all fail, the error is raised."""
    source = "n = 10\nassert n != 20, 'twenty'\nposition = data.get('close').average(n) > 20\n"
    found = sweep(source, data, {"n": [20, 30]}, store=False)
    assert found.best.params == {"n": 30}
    assert "twenty" in found.table["error"].iloc[0]
    with pytest.raises(StrategyError, match="twenty"):
        walk_forward(source, data, {"n": [20]}, train=TRAIN, test=TEST, store=False)


def test_a_stateful_strategy_is_run_in_fresh_children(data):
    """What a combination leaves behind in a module must not reach the next one's numbers."""
    source = (
        "n = 10\nseen = int(pd.get_option('display.max_rows'))\npd.set_option('display.max_rows', seen + n)\n"
        "c = data.get('close')\nposition = c.average(n) > c.average(n + seen % 11)\n"
    )
    grid = {"n": [10, 20, 31, 43]}
    found = sweep(source, data, grid, store=False, n_jobs=1)
    clean = sweep(SOURCE, data, GRID, store=False)
    assert found.runs.stateful
    assert not clean.runs.stateful
    for one in found.runs.combinations:
        alone = outsample.run_sandboxed(source, data, params=one.params)
        pd.testing.assert_frame_equal(one.outcome.positions.frame, alone.positions.frame)


def test_wrong_arguments_are_refused(data):
    """Unknown parameters, objectives, windows that do not fit, options that differ."""
    with pytest.raises(ConfigError, match="'fast'"):
        sweep(SOURCE, data, {"fats": [1]}, store=False)
    with pytest.raises(ConfigError, match="'sharpe'"):
        sweep(SOURCE, data, GRID, objective="sharp", store=False)
    with pytest.raises(ConfigError, match="grid"):
        sweep(SOURCE, data, {}, store=False)
    with pytest.raises(ConfigError, match="list of values"):
        sweep(SOURCE, data, {"fast": []}, store=False)
    with pytest.raises(ConfigError):
        walk_forward(SOURCE, data, GRID, train=5000, test=100, store=False)
    for train, test in ((1, 100), (100, 1), (1, 1), ("1D", "1Y")):
        with pytest.raises(ConfigError, match="at least 2 bars"):
            walk_forward(SOURCE, data, GRID, train=train, test=test, store=False)
    options = "stop = 0.1\nsim(data.get('close') > 0, stop_loss=stop)\n"
    with pytest.raises(ConfigError, match="stop_loss"):
        walk_forward(options, data, {"stop": [0.1, 0.2]}, train=TRAIN, test=TEST, store=False)


def test_a_flat_seam_is_flat_for_weights_that_change_every_day():
    """Selling before the seam has the last word on its bar, also where the strategy decides on that bar."""
    source = "n = 3\nclose = data.get('close')\nposition = close / close.average(n) * 0.1\n"
    found = walk_forward(
        source,
        "synthetic:2x300?seed=6",
        {"n": [3, 5]},
        train=100,
        test=50,
        boundary="flat",
        store=False,
        lookahead=False,
    )
    dates, weights = found.run.dates, found.run.simulation.weights
    seams = [dates[choice.window.train.stop - 1] for choice in found.run.choices][1:]
    assert len(seams) >= 2
    assert (weights.loc[seams] == 0.0).all().all()
    assert (weights.drop(index=seams).iloc[2:].abs().sum(axis=1) > 0.0).all()
