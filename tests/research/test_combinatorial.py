"""Combinatorial purged cross-validation that runs: splits, choices, paths, and their Sharpe ratios."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest

from outsample import load, sim, sweep, walk_forward
from outsample.errors import ConfigError
from outsample.research.choosing import choose_rows
from outsample.research.plan import Plan
from outsample.research.runs import Runs
from outsample.research.sessions import Done
from outsample.stats import combinatorial_purged

SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
GRID = {"fast": [5, 20], "slow": [40, 80]}
GROUPS, TESTED, PURGE, EMBARGO = 5, 2, 7, 4


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x901?seed=12")


@pytest.fixture(scope="module")
def swept(data):
    return sweep(SOURCE, data, GRID, store=False, lookahead=False)


@pytest.fixture(scope="module")
def run(swept):
    return swept.combinatorial(GROUPS, TESTED, purge=PURGE, embargo=EMBARGO)


@pytest.mark.parametrize(("n", "groups", "tested"), [(60, 6, 2), (65, 5, 3), (70, 7, 3)])
@pytest.mark.parametrize(("purge", "embargo"), [(0, 0), (2, 0), (0, 3), (2, 3)])
def test_splits_and_paths_are_those_of_skfolio(n, groups, tested, purge, embargo):
    """S9: training bars after purge and embargo, test bars, and the split of each group of each path."""
    selection = pytest.importorskip("skfolio.model_selection")
    ours = combinatorial_purged(n, n_groups=groups, n_test=tested, purge=purge, embargo=embargo)
    theirs = selection.CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=tested, purged_size=purge, embargo_size=embargo
    )
    supplied = {}
    for number, (train, test) in enumerate(theirs.split(np.zeros((n, 1)))):
        assert list(ours.splits[number].train) == list(train)
        assert list(ours.splits[number].test) == list(np.concatenate(test))
        for part, path in zip(test, theirs.get_path_ids()[number], strict=True):
            supplied[int(path), int(np.searchsorted(ours.edges, part[0]))] = number
    assert len(ours.paths) == theirs.n_test_paths
    assert supplied == {(j, g): split for j, path in enumerate(ours.paths) for g, split in enumerate(path)}


def test_the_numbers_of_splits_and_paths(run):
    """S9: C(N, k) splits and C(N-1, k-1) paths, each over all bars."""
    assert len(run.choices) == len(run.splits) == math.comb(GROUPS, TESTED)
    assert len(run.paths) == len(run.table) == math.comb(GROUPS - 1, TESTED - 1)
    dates = run.sweep.returns.index
    assert all(path.returns.index.equals(dates) for path in run.paths)


# -- a separate implementation, bar by bar


def naive_train(n, edges, groups):
    """A bar trains unless a test bar is within the purge on either side, or within purge and embargo before it."""
    test = {bar for group in groups for bar in range(edges[group], edges[group + 1])}
    return [
        bar
        for bar in range(n)
        if bar not in test
        and not any(bar + d in test for d in range(1, PURGE + 1))
        and not any(bar - d in test for d in range(1, PURGE + EMBARGO + 1))
    ]


def positions(data, fast, slow):
    """The strategy again, in plain pandas."""
    close = pd.DataFrame(data.get("close"))
    short, long = (close.rolling(n, min_periods=max(n // 2, 1)).mean() for n in (fast, slow))
    return short > long


def naive_paths(data):
    """Choices on single simulations, rows of the chosen tables side by side, a simulation for each path."""
    combos = list(itertools.product(*GRID.values()))
    tables = {combo: positions(data, *combo) for combo in combos}
    returns = {combo: sim(table, data).returns.to_numpy() for combo, table in tables.items()}
    n = len(data.dates) - 1
    edges = [round(n * group / GROUPS) for group in range(GROUPS + 1)]
    chosen = {}
    for groups in itertools.combinations(range(GROUPS), TESTED):
        rows = naive_train(n, edges, groups)
        ratios = [returns[combo][rows].mean() / returns[combo][rows].std(ddof=1) for combo in combos]
        chosen[groups] = combos[int(np.argmax(ratios))]
    paths = []
    for path in range(math.comb(GROUPS - 1, TESTED - 1)):
        made, seams = pd.DataFrame(False, index=data.dates, columns=data.symbols), []
        before = None
        for group in range(GROUPS):
            combo = chosen[[groups for groups in chosen if group in groups][path]]
            # Return g is that of bar g + 1, which was decided on bar g.
            rows = slice(edges[group], edges[group + 1] + (group == GROUPS - 1))
            made.iloc[rows] = tables[combo].iloc[rows]
            seams += [edges[group]] if combo != before else []
            before = combo
        moved = data.dates[(made != made.shift(1)).any(axis=1).to_numpy()]
        paths.append(sim(made, data, resample=list(moved.union(data.dates[seams])), start=data.dates[0]))
    return chosen, paths


def test_it_equals_a_naive_implementation(data, run):
    """Choices of every split and the net returns of every path, with the costs at the seams."""
    chosen, paths = naive_paths(data)
    assert [(c.chosen.params["fast"], c.chosen.params["slow"]) for c in run.choices] == list(chosen.values())
    assert len(set(chosen.values())) > 1
    for ours, theirs in zip(run.paths, paths, strict=True):
        np.testing.assert_allclose(ours.returns, theirs.returns, atol=1e-12)


def test_purge_and_embargo_surround_every_test_segment(data, run):
    """S9: no training bar is nearer than the purge to a test bar, nor within purge and embargo after one."""
    for choice in run.choices:
        train, test = choice.split.train, choice.split.test
        distance = train[:, None] - test[None, :]
        assert not ((distance >= -PURGE) & (distance <= PURGE + EMBARGO)).any()
        assert list(train) == naive_train(
            len(data.dates) - 1, [round(900 * g / GROUPS) for g in range(GROUPS + 1)], choice.split.groups
        )


def test_the_distribution_is_that_of_the_paths(run):
    """Mean, deviation, quantiles and share not positive, again from the paths' own returns."""
    ratios = np.array([path.returns.mean() / path.returns.std(ddof=1) * math.sqrt(252) for path in run.paths])
    np.testing.assert_allclose(run.sharpes, ratios, rtol=1e-12)
    found = run.distribution
    assert found["paths"] == len(ratios)
    assert found["mean"] == pytest.approx(ratios.mean())
    assert found["deviation"] == pytest.approx(ratios.std(ddof=1))
    assert [found[f"p{q}"] for q in (5, 50, 95)] == pytest.approx(np.quantile(ratios, [0.05, 0.5, 0.95]).tolist())
    assert found["not_positive"] == (ratios <= 0).mean()


def test_test_bars_never_decide_their_own_choice(data, run):
    """S10: other returns on the test bars of a split leave its choice as it was."""
    random = np.random.default_rng(4)
    for choice in run.choices[::3]:
        others = []
        for one in run.sweep.combinations:
            returns = one.run.returns.copy()
            returns[choice.split.test] = random.normal(0, 0.1, len(choice.split.test))
            others.append(dataclasses.replace(one.run, row=returns))
        done = [Done(executions=None, first=None, runs=Runs.of(others))]
        changed = dataclasses.replace(run.sweep, combinations=dataclasses.replace(run.sweep.combinations, done=done))
        place, value = choose_rows(changed, choice.split.train, 0)
        assert run.sweep.combinations[place].params == choice.chosen.params
        assert value == pytest.approx(choice.objective, rel=1e-12)


def test_a_walk_forward_has_it_beside_its_windows(data, run):
    """The option runs the scheme on the same sweep, with the purge and embargo of the windows, and reports it."""
    walk = walk_forward(
        SOURCE, data, GRID, train=300, test=150, purge=PURGE, embargo=EMBARGO, combinatorial=(GROUPS, TESTED),
        store=False, lookahead=False,
    )  # fmt: skip
    pd.testing.assert_frame_equal(walk.combinatorial.returns, run.returns)
    page = walk.to_html()
    assert "Combinatorial cross-validation" in page
    assert f"{len(run.paths)} paths of {len(run.choices)} splits" in page
    plain = walk_forward(SOURCE, data, GRID, train=300, test=150, store=False, lookahead=False)
    assert plain.combinatorial is None


def test_what_does_not_fit_is_refused(data, swept):
    """As many test groups as groups, more groups than bars, a purge that leaves nothing to train on."""
    with pytest.raises(ConfigError, match="n_test < n_groups"):
        swept.combinatorial(4, 4)
    with pytest.raises(ConfigError, match="n_groups <= n"):
        swept.combinatorial(1000, 1)
    with pytest.raises(ConfigError, match="499,500 splits"):
        swept.combinatorial(1000, 2)
    with pytest.raises(ConfigError, match="leave no bar"):
        swept.combinatorial(4, 2, purge=450)
    with pytest.raises(ConfigError, match="two numbers"):
        walk_forward(SOURCE, data, GRID, train=300, test=150, combinatorial=(6,), store=False)


@pytest.mark.parametrize("wrong", [(6,), (2, 2), (1, 1), (6, 0), (6.0, 2), (True, 1), ("6", "2"), (60, 30), "62", 6])
def test_a_wrong_scheme_is_refused_before_anything_runs(wrong):
    """Not two whole numbers, nothing that trains, or more splits than anybody waits for."""
    with pytest.raises(ConfigError, match=r"combinatorial|splits"):
        Plan(train=300, test=150, combinatorial=wrong)


def test_what_does_not_fit_is_refused_before_anything_runs(data):
    """Windows longer than the data and groups that cannot be cost no run of the strategy."""
    ran = []
    for options in ({"train": 5000, "test": 10}, {"train": 10, "test": 10, "combinatorial": (2, 3)}):
        with pytest.raises(ConfigError):
            walk_forward(SOURCE, data, GRID, on_done=lambda *done: ran.append(done), store=False, **options)
    assert ran == []
