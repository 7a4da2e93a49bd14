"""Crashes: a process that is killed at any moment loses no finished run and leaves no row without its files."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from outsample import Store, backtest
from outsample.store import Trial, steps
from scale import SCALE

SOURCE = "n = 5\nclose = data.get('close')\nposition = close > close.average(n)"

# One worker: the results are made once (without a sandbox after that), then published or purged.
WORKER = """
import os, signal, sys
from outsample import Store, load
from outsample.store import steps
from store.test_crashes import made

verb, path, wanted = sys.argv[1:4]
seen = []

def watcher(name):
    seen.append(name)
    if len(seen) == int(wanted):
        os.kill(os.getpid(), signal.SIGKILL)

results = made()
with Store.open(path) as store:
    steps.watch(watcher)
    if verb == "publish":
        store.publish(results[1])
    else:
        store.purge("0h")
print(len(seen))
"""


def made():
    """Two outcomes, by the same numbers in every process, without a sandbox."""
    import pandas as pd

    from outsample import Dataset, Strategy
    from outsample.model import ExecutionResult, Positions, Status
    from outsample.pipeline import evaluate
    from outsample.request import Request

    dates = pd.date_range("2024-01-01", periods=30, freq="B")
    close = pd.DataFrame({"A": [100.0 + day for day in range(30)]}, index=dates)
    data = Dataset.from_frames({"close": close}, name="line")
    found = []
    for n in (1, 2):
        request = Request(strategy=Strategy.from_source(f"n = {n}\nposition = data.get('close') > n"), data=data)
        positions = Positions(frame=close > 100 + n)
        found.append(evaluate(request, ExecutionResult(status=Status.OK, positions=positions)))
    return found


def run(verb, path, wanted):
    """Run a worker that is killed at its n-th step (0: never); return its exit code and how many steps it took."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}
    command = [sys.executable, "-c", WORKER, verb, path, str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, int(done.stdout or 0)


def healthy(path, outcomes):
    """Whether the database is whole and every row that can be seen leads to whole files with the same numbers."""
    with sqlite3.connect(path) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()
    by_key = {outcome.key: outcome for outcome in outcomes}
    with Store.open(path) as store:
        assert store.broken() == []
        rows = store.runs(name="strategy")
        for key in rows["result_key"][rows["purging_at"].isna()]:
            again = store.fetch(key, by_key[key].request)
            assert again is not None
            assert again.canonical_bytes == by_key[key].canonical_bytes
        return set(rows["result_key"])


@pytest.mark.slow
def test_publishing_survives_a_kill_at_every_step(tmp_path):
    """Whatever step it is: what was finished before is there, and the same run can be published afterwards."""
    outcomes = made()
    with Store.open(tmp_path / "clean" / "store.db") as store:
        store.publish(outcomes[0])
    _, steps_taken = run("publish", tmp_path / "clean" / "store.db", 0)
    assert steps_taken >= 9
    with Store.open(tmp_path / "killed" / "store.db") as store:
        store.publish(outcomes[0])
    for place in range(1, steps_taken + 1):
        folder = tmp_path / str(place)
        shutil.copytree(tmp_path / "killed", folder)
        code, _ = run("publish", folder / "store.db", place)
        assert code == -signal.SIGKILL
        assert outcomes[0].key in healthy(folder / "store.db", outcomes)
        with Store.open(folder / "store.db") as store:
            store.rebuild()
            store.publish(outcomes[1])
        assert healthy(folder / "store.db", outcomes) == {outcome.key for outcome in outcomes}


@pytest.mark.slow
def test_purging_survives_a_kill_at_every_step(tmp_path):
    """Whatever step it is: no row that can be seen lacks its files, and the next purge finishes the work."""
    outcomes = made()
    with Store.open(tmp_path / "full" / "store.db") as store:
        for outcome in outcomes:
            store.publish(outcome)
    shutil.copytree(tmp_path / "full", tmp_path / "clean")
    _, steps_taken = run("purge", tmp_path / "clean" / "store.db", 0)
    assert healthy(tmp_path / "clean" / "store.db", outcomes) == set()
    assert steps_taken >= 9
    for place in range(1, steps_taken + 1):
        folder = tmp_path / str(place)
        shutil.copytree(tmp_path / "full", folder)
        code, _ = run("purge", folder / "store.db", place)
        assert code == -signal.SIGKILL
        healthy(folder / "store.db", outcomes)
        with Store.open(folder / "store.db") as store:
            store.purge("0h")
        assert healthy(folder / "store.db", outcomes) == set()
        assert not list(folder.glob("results/*")) + list(folder.glob("trash/*"))


WRITER = """
import sys
from outsample import Store
from outsample.store import Trial
from store.test_crashes import made
outcomes = made()
with Store.open(sys.argv[1]) as store:
    print("ready", flush=True)
    for place in range(10**6):
        store.record(Trial(result_key=f"{sys.argv[2]}-{place}", name="s", dataset="d", snapshot_id="x", family="f",
                           source=""))
        print(place, flush=True)
        store.publish(outcomes[place % 2])
"""


@pytest.mark.slow
def test_random_kills_of_a_writer_lose_nothing(tmp_path):
    """Every trial that a writer said it had recorded is there after kill -9 at random moments."""
    rng, path, outcomes = random.Random(5), tmp_path / "store.db", made()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}
    expected = 0
    for number in range(max(3, round(10 * SCALE))):
        command = [sys.executable, "-c", WRITER, path, str(number)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True)
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.02, 0.4))
        writer.kill()
        expected += writer.stdout.read().count("\n")
        writer.stdout.close()
        writer.wait()
        healthy(path, outcomes)
    with Store.open(path) as store:
        assert expected <= len(store.trials(dataset="d")) <= expected + number + 1


PARALLEL = """
import sys
from outsample import Store
from outsample.store import Trial
from store.test_crashes import made
with Store.open(sys.argv[1]) as store:
    for place in range(10):
        store.record(Trial(result_key=f"{sys.argv[2]}-{place}", name="s", dataset="d", snapshot_id="x", family="f",
                           source=""))
    for outcome in made():
        store.publish(outcome)
"""


@pytest.mark.slow
def test_eight_processes_write_at_once(tmp_path):
    """Eight processes on one SQLite file, from its first opening on: nothing is lost, nothing is there twice."""
    path, outcomes = tmp_path / "store.db", made()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}
    writers = [subprocess.Popen([sys.executable, "-c", PARALLEL, path, name], env=environ) for name in "abcdefgh"]
    assert [writer.wait(150) for writer in writers] == [0] * 8
    with Store.open(path) as store:
        assert store.count("dataset", "d").n == 80
        rows = store.runs(name="strategy")
        assert set(rows["result_key"]) == {outcome.key for outcome in outcomes}
        assert store.broken() == []
    assert not list((tmp_path / "tmp").glob("*"))


def test_a_failure_while_writing_leaves_nothing(store, result, monkeypatch):
    """An error at any step of publishing is a StoreError or itself, and no file stays half-written."""
    names = []
    monkeypatch.setattr(steps, "_watchers", [names.append])
    store.save(result)
    monkeypatch.setattr(steps, "_watchers", [])
    assert names == [*dict.fromkeys(names)]
    for name in ("files", "tables", "documents", "manifest", "rename"):

        def full(step, wanted=name):
            if step == wanted:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(steps, "_watchers", [])
        store.purge("0h")
        monkeypatch.setattr(steps, "_watchers", [full])
        from outsample.errors import StoreError

        with pytest.raises(StoreError, match="No space left"):
            store.publish(result.outcome)
        assert not list((store.folder / "tmp").glob("*"))
        assert not list(store.folder.glob("results/*/*"))


# -- retention and rebuilding


def test_rebuild_restores_rows_and_trials(store, result, other):
    """From the artefacts alone: every row and every trial is back, with its numbers."""
    import sqlalchemy as sa

    for item in (result, other):
        store.save(item)
    before = store.runs(order_by="result_key")
    with store.begin() as connection:
        connection.execute(sa.text("delete from backtest_runs"))
        connection.execute(sa.text("delete from trials"))
    found = store.rebuild()
    assert len(found.restored) == 2
    after = store.runs(order_by="result_key")
    columns = [name for name in before.columns if name not in ("created_at", "completed_at")]
    assert after[columns].equals(before[columns])
    assert store.count("dataset", "sample").n == 2
    assert store.load(result.key).canonical_bytes == result.canonical_bytes
    assert store.rebuild().known == 2


def test_rebuild_names_what_is_broken(store, result):
    """A folder that is not whole gets no row."""
    import sqlalchemy as sa

    folder = store.save(result)
    (folder / "trades.parquet").write_bytes(b"")
    with store.begin() as connection:
        connection.execute(sa.text("delete from backtest_runs"))
    found = store.rebuild()
    assert found.restored == ()
    assert "trades.parquet" in found.broken[0]


def test_only_what_is_old_and_unnamed_is_purged(store, result, other):
    """Age decides; what a golden result names stays, and so does the ledger."""
    import datetime

    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs, golden

    store.save(result)
    store.save(other)
    assert store.purge("90d").keys == ()
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    row = {"id": "g", "name": "g", "result_key": other.key, "snapshot_id": "x", "document": {}, "reason": "r"}
    with store.begin() as connection:
        connection.execute(sa.update(backtest_runs).values(completed_at=long_ago))
        connection.execute(sa.insert(golden).values(approved_by="a", created_at=long_ago, **row))
    planned = store.purge("90d", dry_run=True)
    assert planned.keys == (result.key,)
    assert len(store.runs()) == 2
    done = store.purge("90d")
    assert done.keys == (result.key,)
    assert done.bytes == planned.bytes > 0
    assert store.runs()["result_key"].tolist() == [other.key]
    assert store.count("store").n == 2
    assert store.load(other.key).key == other.key
    assert store.audit().iloc[0]["action"] == "purge"


def test_only_owner_or_admin_purges(store, result, monkeypatch):
    """Roles are bookkeeping: a viewer removes nothing, a runner only what is theirs."""
    from outsample.errors import ConfigError, StoreError

    monkeypatch.setenv("OUTSAMPLE_USER", "ada")
    store.save(result)
    monkeypatch.setenv("OUTSAMPLE_USER", "bob")
    monkeypatch.setenv("OUTSAMPLE_ROLE", "viewer")
    with pytest.raises(StoreError, match="viewer"):
        store.purge("0h")
    monkeypatch.setenv("OUTSAMPLE_ROLE", "runner")
    assert store.purge("0h").keys == ()
    monkeypatch.setenv("OUTSAMPLE_ROLE", "king")
    with pytest.raises(ConfigError, match="king"):
        store.purge("0h")
    monkeypatch.setenv("OUTSAMPLE_ROLE", "admin")
    assert store.purge("0h").keys == (result.key,)


def test_eight_threads_are_one(store, sample, forgetful):
    """Backtests from eight threads on one store are those of one after the other."""
    from concurrent.futures import ThreadPoolExecutor

    def one(n):
        return backtest(SOURCE, sample, params={"n": n}, store=store, lookahead=False)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(one, range(5, 13)))
    forgetful()
    alone = [backtest(SOURCE, sample, params={"n": n}, store=False, lookahead=False) for n in range(5, 13)]
    assert [item.canonical_bytes for item in together] == [item.canonical_bytes for item in alone]
    assert not [note for item in together for note in item.notes]
    assert store.count("dataset", "sample").n == 8
    assert store.broken() == []


@pytest.mark.parametrize("age", ["", "90", "-1d", "1y", "d90"])
def test_an_age_is_a_number_with_a_unit(store, age):
    """Anything else is refused."""
    from outsample.errors import ConfigError

    with pytest.raises(ConfigError):
        store.purge(age)


def test_failed_runs_are_purged_too(store):
    """A failed run has a row and no files."""
    store.record(Trial(result_key="k", name="s", dataset="d", snapshot_id="x", family="f", source="", status="failed"))
    assert store.purge("0h").keys == ("k",)
