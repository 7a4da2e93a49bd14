"""The seam for parallel work: order, errors, interruption, and a real dask cluster."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, load, monte_carlo, sim, sweep, walk_forward
from outsample.errors import ConfigError, SandboxCrashed
from outsample.research import parallel
from outsample.research.parallel import cluster, pmap, pmap_cancellable

SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"


def test_results_come_in_the_order_of_the_items():
    """Also when later items are done first; every item is told once."""
    told = []
    found = pmap(lambda k: time.sleep(0.02 * (3 - k)) or k, range(4), n_jobs=4, on_done=lambda *pair: told.append(pair))
    assert found == [0, 1, 2, 3]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_error_ends_the_whole_within_a_second():
    """What runs is told to stop, and nothing else begins."""
    stopped, begun = threading.Event(), []

    def work(item, cancel):
        begun.append(item)
        if item == 0:
            raise KeyboardInterrupt
        cancel.wait(20)
        stopped.set()

    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        pmap_cancellable(work, range(50), n_jobs=2)
    assert stopped.wait(1.0)
    assert time.perf_counter() - began < 5
    assert len(begun) < 10


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True])
def test_wrong_numbers_of_workers_are_refused(wrong):
    """Nothing is run."""
    with pytest.raises(ConfigError, match="n_jobs"):
        pmap(abs, [1], n_jobs=wrong)


def test_a_cluster_that_does_not_answer_is_said():
    """An address at which nothing can answer."""
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match="scheduler"), cluster("nonsense://127.0.0.1:1"):
        pass


class Cluster:
    """A scheduler as its client sees it, with a number of workers."""

    def __init__(self, workers):
        self.workers = workers

    def scheduler_info(self):
        return {"workers": dict.fromkeys(range(self.workers))}


@pytest.mark.parametrize("seen", [True, False])
def test_a_cluster_without_workers_is_waited_for_a_while(monkeypatch, seen):
    """One that lost them is an error that names the item; one that never had any may still be starting."""
    clock = [100.0]
    monkeypatch.setattr(parallel.time, "monotonic", lambda: clock[0])
    client = Cluster(workers=2 if seen else 0)
    watch = parallel._Workers(client)
    watch.check(3)
    client.workers = 0
    clock[0] += parallel._PATIENCE
    watch.check(3)
    clock[0] += 0.1
    if not seen:
        watch.check(3)
        return
    with pytest.raises(SandboxCrashed, match="Item 3 was lost: no worker is left") as found:
        watch.check(3)
    assert "Start workers" in found.value.hint
    client.workers = 1
    watch.check(3)
    client.workers = 0
    clock[0] += parallel._PATIENCE
    watch.check(3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_numbers():
    """Two worker processes on this machine, found by their address: sweep, strict walk-forward, Monte Carlo."""
    distributed = pytest.importorskip("distributed")
    data = load("synthetic:3x400?seed=2")
    grid = {"fast": [5, 10], "slow": [40, 80]}

    def studies(jobs):
        found = sweep(SOURCE, data, grid, n_jobs=jobs, store=False)
        walk = walk_forward(SOURCE, data, grid, train=200, test=90, strict=True, n_jobs=jobs, store=False)
        drawn = monte_carlo(SOURCE, data, kind="price_path", n=4, n_jobs=jobs)
        return found.table, walk.windows, walk.returns.to_frame(), drawn.samples

    here = {jobs: studies(jobs) for jobs in (1, 2, 4)}
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as local,
        cluster(local.scheduler_address),
    ):
        here["dask"] = studies(2)
    for found in here.values():
        for ours, theirs in zip(found, here[1], strict=True):
            pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_walk_forward_on_the_sp500_equals_a_plain_one():
    """Windows, chosen parameters and stitched returns, with costs, on the index of arch.data.sp500."""
    sp500 = pytest.importorskip("arch.data.sp500")
    close = sp500.load()[["Adj Close"]].set_axis(["SPX"], axis=1).astype(float)
    close.index = pd.DatetimeIndex(close.index).as_unit("ns")
    data = Dataset.from_frames({"close": close}, name="sp500")
    grid, train, test, fee = {"fast": [5, 20], "slow": [50, 200]}, 756, 252, 0.001
    source = SOURCE.replace("average(fast)", "rolling(fast).mean()").replace("average(slow)", "rolling(slow).mean()")
    walk = walk_forward(source, data, grid, train=train, test=test, fee_ratio=fee, store=False)
    combos = [(f, s) for f in grid["fast"] for s in grid["slow"]]
    tables = {c: close.rolling(c[0]).mean() > close.rolling(c[1]).mean() for c in combos}
    returns = {c: sim(t, data, fee_ratio=fee).returns.to_numpy() for c, t in tables.items()}
    chosen, rows = [], pd.DataFrame(False, index=close.index, columns=close.columns)
    for begin in range(train, len(close) - 1, test):
        scores = []
        for c in combos:
            part = returns[c][begin - train : begin]
            scores.append(part.mean() / part.std(ddof=1) if part.std() > 1e-15 else -np.inf)
        chosen.append(combos[int(np.argmax(scores))])
        rows.iloc[begin : begin + test] = tables[chosen[-1]].iloc[begin : begin + test]
    rows = rows.iloc[train:]
    assert list(zip(walk.windows["fast"], walk.windows["slow"], strict=True)) == chosen
    changed = rows.index[(rows != rows.shift(1)).any(axis=1)]
    seams = [train + k * test for k in range(1, len(chosen)) if chosen[k] != chosen[k - 1]]
    dates = list(changed.union(close.index[seams]))
    stitched = sim(rows, data, fee_ratio=fee, resample=dates, start=close.index[train])
    np.testing.assert_allclose(walk.returns, stitched.returns, atol=1e-12)
