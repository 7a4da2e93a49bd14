"""Studies take the options of a backtest, say the same numbers, and check what they chose for look-ahead."""

import pickle

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import load, sweep, walk_forward
from outsample.config import Conventions, Costs
from outsample.errors import ConfigError

SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
GRID = {"fast": [5, 20], "slow": [40, 80]}
LEAK = "n = 1\nc = data.get('close')\nposition = (c.shift(-n - 1) / c.shift(-n)).fillna(0) > 1\n"


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x600?seed=11")


OPTIONS = {
    "nothing": {},
    "costs and conventions": {"costs": Costs(fee_ratio=0.002), "conventions": Conventions(risk_free=0.02)},
    "a schedule": {"resample": "ME", "slippage": 0.001},
    "stops": {"stop_loss": 0.05, "trail_stop": 0.1},
    "the reference engine": {"engine": "reference"},
    "dates": {"start": "2000-06-01", "end": "2001-06-01"},
    "a benchmark": {"benchmark": "S0000"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_row_is_a_backtest_of_its_parameters(data, name):
    """Key, canonical bytes and every number of the table, combination by combination, to the last bit."""
    options = dict(OPTIONS[name])
    if "benchmark" in options:
        options["benchmark"] = data.symbols[0]
    found = sweep(SOURCE, data, GRID, store=False, lookahead=False, **options)
    for place, one in enumerate(found.runs.combinations):
        alone = outsample.backtest(
            SOURCE, data, params=one.params, store=False, lookahead=False, use_cache=False, **options
        )
        assert one.outcome.key == alone.key
        assert one.outcome.canonical_bytes == alone.outcome.canonical_bytes
        assert np.array_equal(one.returns.to_numpy(), alone.returns.to_numpy())
        row = found.table.iloc[place]
        for column in ("sharpe", "total_return", "cagr", "max_drawdown", "volatility", "n_trades"):
            np.testing.assert_array_equal(row[column], getattr(alone.metrics, column), column)


def test_the_seed_reaches_the_strategy(data):
    """Another seed gives other decisions; the same seed those of a backtest."""
    source = "n = 1.0\nposition = data.get('close') * 0 + np.random.rand(*data.get('close').shape) * n > 0.5\n"
    totals = [sweep(source, data, {"n": [1.0]}, seed=s, store=False, lookahead=False).table for s in (1, 2)]
    alone = outsample.backtest(source, data, seed=2, store=False, lookahead=False)
    assert totals[0]["total_return"][0] != totals[1]["total_return"][0]
    assert totals[1]["total_return"][0] == alone.metrics.total_return


def test_scores_become_weights(data):
    """alpha="rank" through a sweep and a walk-forward, as in a backtest."""
    source = "n = 5\nc = data.get('close')\nsignal = c / c.shift(n) - 1\n"
    found = sweep(source, data, {"n": [5, 9]}, alpha="rank", store=False, lookahead=False)
    for one in found.runs.combinations:
        alone = outsample.backtest(source, data, params=one.params, alpha="rank", store=False, lookahead=False)
        assert np.array_equal(one.returns.to_numpy(), alone.returns.to_numpy())
    walk = walk_forward(source, data, {"n": [5, 9]}, train=200, test=100, alpha="rank", store=False, lookahead=False)
    assert walk.returns.abs().sum() > 0


@pytest.mark.parametrize(
    ("wrong", "near"),
    [({"fee_ratoi": 0.1}, "fee_ratio"), ({"seeed": 1}, "seed"), ({"resampel": "ME"}, "resample"),
     ({"use_cache": False}, "every combination is run"), ({"lookahead": "yes"}, "'full'"),
     ({"engine": "vectorized"}, "vectorised")],
)  # fmt: skip
def test_wrong_options_are_refused_with_the_nearest_name(data, wrong, near):
    """Of both kinds of study, before anything runs."""
    calls = (
        lambda: sweep(SOURCE, data, GRID, store=False, **wrong),
        lambda: walk_forward(SOURCE, data, GRID, train=200, test=100, store=False, **wrong),
    )
    for call in calls:
        with pytest.raises(ConfigError) as raised:
            call()
        assert near in f"{raised.value} {raised.value.hint}"


def test_a_leak_in_the_chosen_combination_is_in_the_header(data):
    """Found without being asked for; the numbers of both reports are struck through."""
    found = sweep(LEAK, data, {"n": [1, 2]}, store=False)
    walk = walk_forward(LEAK, data, {"n": [1, 2]}, train=200, test=100, store=False)
    for study in (found, walk):
        assert study.lookahead.clean is False
        document = study.document(pictures=False)
        assert "look-ahead found" in dict(document.facts)["Look-ahead"]
        assert "use the future" in document.alarm


def test_the_check_can_be_full_or_off(data):
    """Every planned probe runs, or none; either is said in the header."""
    full = sweep(SOURCE, data, GRID, lookahead="full", store=False)
    off = sweep(SOURCE, data, GRID, lookahead=False, store=False)
    assert full.lookahead.clean
    assert len([p for p in full.lookahead.probes if p.kind != "repeat"]) >= full.lookahead.planned
    assert off.lookahead is None
    assert dict(off.document(pictures=False).facts)["Look-ahead"] == "not checked"
    assert full.document(pictures=False).alarm == off.document(pictures=False).alarm == ""


def test_decisions_that_are_not_kept_are_made_again(data, monkeypatch):
    """Beyond a bound on memory only returns and numbers stay; all else is the same when it is asked for."""
    from outsample.research import sessions

    kept = sweep(SOURCE, data, GRID, store=False, lookahead=False)
    monkeypatch.setattr(sessions, "KEPT_BYTES", 0)
    found = sweep(SOURCE, data, GRID, store=False, lookahead=False)
    assert all(one.execution is None for one in found.runs.combinations)
    assert not found.runs.stateful
    pd.testing.assert_frame_equal(found.table, kept.table)
    for ours, theirs in zip(found.runs.combinations, kept.runs.combinations, strict=True):
        assert ours.outcome.canonical_bytes == theirs.outcome.canonical_bytes


LATER = "n = 1\nc = data.get('close')\nposition = (c > c.average(10)).iloc[n:]\n"


@pytest.mark.parametrize("kept", [True, False])
def test_combinations_that_begin_later_share_the_index_of_the_first(data, kept, monkeypatch):
    """Decisions that begin on other days are simulated on the same bars, and each has the key of that start."""
    from outsample.research import sessions

    if not kept:
        monkeypatch.setattr(sessions, "KEPT_BYTES", 0)
    found = sweep(LATER, data, {"n": [0, 30, 60]}, store=False, lookahead=False)
    assert [one.execution is not None for one in found.runs.combinations] == [kept] * 3
    assert not found.runs.returns.isna().any().any()
    for one in found.runs.combinations:
        options = {"start": data.dates[0]} if one.params["n"] else {}
        alone = outsample.backtest(LATER, data, params=one.params, store=False, lookahead=False, **options)
        assert one.outcome.key == alone.key
        assert np.array_equal(one.returns.to_numpy(), alone.returns.to_numpy())


@pytest.mark.parametrize(("source", "grid"), [(SOURCE, GRID), (LATER, {"n": [0, 30, 60]})], ids=["same", "later"])
def test_the_ledger_gets_the_numbers_of_each_combination(data, tmp_path, source, grid):
    """A trial of a sweep is that of a backtest, but for its kind; also where evaluations were made to begin earlier."""
    store = outsample.Store.open(f"sqlite:///{tmp_path}/trials.sqlite")
    found = sweep(source, data, grid, store=store, lookahead=False)
    swept = store.trials().set_index("result_key")
    alone = outsample.Store.open(f"sqlite:///{tmp_path}/alone.sqlite")
    for one in found.runs.combinations:
        options = {} if one.start is None else {"start": one.start}
        outsample.backtest(source, data, params=one.params, store=alone, lookahead=False, **options)
    runs = alone.trials().set_index("result_key")
    assert set(runs.index) == set(swept.index)
    names = [
        n for n in runs.columns if n in swept and n not in {"id", "created_at", "created_by", "kind", "wall_seconds"}
    ]
    pd.testing.assert_frame_equal(swept.loc[runs.index, names], runs[names], check_dtype=False)


def test_one_combination_travels_alone(data):
    """What is pickled of a combination is its own: not the decisions of the sets that it came with."""
    sets = {"fast": list(range(5, 45)), "slow": [60, 80]}
    found = sweep(SOURCE, data, sets, store=False, lookahead=False, n_jobs=1)
    one = found.runs.combinations[7]
    size, alone = len(pickle.dumps(one)), len(pickle.dumps((one.base, one.execution, one.run)))
    assert size < 1.2 * alone
    again = pickle.loads(pickle.dumps(one))
    pd.testing.assert_frame_equal(again.positions.frame, one.positions.frame)
    assert np.array_equal(again.returns, one.returns)
    whole = pickle.loads(pickle.dumps(found.runs))
    pd.testing.assert_frame_equal(whole.table, found.table)
    pd.testing.assert_frame_equal(whole.returns, found.runs.returns)
    assert whole.combinations[7].outcome.key == one.outcome.key
