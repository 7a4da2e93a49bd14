"""Crashes: a process that is killed at any moment loses no finished run and leaves no row without its files."""

import datetime
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from outsample import Store, backtest
from outsample.store import Trial, steps
from outsample.store.job_tables import backtest_jobs, job_attempts
from outsample.store.schema import backtest_runs
from scale import SCALE

SOURCE = "n = 5\nclose = data.get('close')\nposition = close > close.average(n)"
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def environment():
    """Of a process that imports this file."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}


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


# -- processes that are killed


CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.utime", "shutil.rmtree")


def changes_files(event, arguments):
    """Whether an audit event of Python is about to change a file system."""
    if event == "open":
        _, mode, flags = arguments
        return any(mark in (mode or "") for mark in "wax+") or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR))
    return event in CHANGES


def count_and_die(wanted):
    """Count every named step and every change of a file from now on; kill this process at one of them (0: never)."""
    seen = []

    def note(name):
        seen.append(name)
        if len(seen) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    steps.watch(note)
    sys.addaudithook(lambda event, arguments: note(event) if changes_files(event, arguments) else None)
    return seen


def work(verb, path, wanted, results, say):
    """What a child does until it is killed."""
    with Store.open(path) as store:
        if verb == "write":
            for place in range(10**6):
                store.record(Trial(result_key=f"{wanted}-{place}", name="s", dataset="d", snapshot_id="x", family="f",
                                   source=""))  # fmt: skip
                say(place)
                store.publish(results[place % 2])
        seen = count_and_die(wanted)
        if verb == "publish":
            store.publish(results[1])
        else:
            store.purge("0h")
        say(len(seen))


def nursery():
    """Load everything once; then, for each order on stdin, a child of its own, and how it ended."""
    import tempfile

    def say(text):
        os.write(1, f"{text}\n".encode())

    results = made()
    with tempfile.TemporaryDirectory() as folder, Store.open(f"{folder}/store.db") as store:
        store.publish(results[0])
        store.purge("0h")
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(*json.loads(line), results, say)
                os._exit(0)
            finally:
                os._exit(1)
        say(f"pid {child}")
        say(f"end {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


class Nursery:
    """A process whose children are killed."""

    def __init__(self):
        command = [sys.executable, "-c", "from store.test_crashes import nursery; nursery()"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )
        assert self.process.stdout.readline() == "ready\n"

    def order(self, verb, path, wanted, *, seconds=None):
        """Let a child work, killed at its n-th change or after so many seconds; its exit code and what it said."""
        self.process.stdin.write(json.dumps([verb, str(path), wanted]) + "\n")
        self.process.stdin.flush()
        said = []
        while True:
            word, _, rest = self.process.stdout.readline().rstrip("\n").partition(" ")
            if word == "pid" and seconds is not None:
                time.sleep(seconds)
                os.kill(int(rest), signal.SIGKILL)
            elif word == "end":
                return int(rest), said
            elif word != "pid":
                said.append(int(word))

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def children():
    """The nursery of this module."""
    found = Nursery()
    yield found
    found.close()


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
@pytest.mark.timeout(900)
def test_publishing_survives_a_kill_at_every_step(tmp_path, children):
    """Before each named step and each change of a file: what was finished is there, and publishing again succeeds."""
    outcomes = made()
    with Store.open(tmp_path / "begun" / "store.db") as store:
        store.publish(outcomes[0])
    shutil.copytree(tmp_path / "begun", tmp_path / "clean")
    _, (steps_taken,) = children.order("publish", tmp_path / "clean" / "store.db", 0)
    assert steps_taken >= 15
    for place in range(1, steps_taken + 1):
        folder = tmp_path / str(place)
        shutil.copytree(tmp_path / "begun", folder)
        code, _ = children.order("publish", folder / "store.db", place)
        assert code == -signal.SIGKILL
        assert outcomes[0].key in healthy(folder / "store.db", outcomes)
        with Store.open(folder / "store.db") as store:
            store.rebuild()
            store.publish(outcomes[1])
        assert healthy(folder / "store.db", outcomes) == {outcome.key for outcome in outcomes}


def job_row(job_id, **values):
    """A row of a job as it would be after it ended long ago."""
    return {
        "id": job_id[:36], "job_id": job_id, "kind": "sweep", "backend": "local", "priority": "normal", "name": "j",
        "start_date": "", "end_date": "", "weight_method": "none", "config": {}, "snapshot_id": "x",
        "dataset_version_ids": {}, "job_timeout": 60, "memory_limit_mb": 500, "created_at": LONG_AGO,
        "created_by": "ada", "queued_at": LONG_AGO, "completed_at": LONG_AGO, "status": "completed", "attempt": 1,
        "retry_count": 0, "cancel_requested": False, "forced": False, "progress_pct": 100.0, "progress_message": "",
    } | values  # fmt: skip


def add_job(store, job_id, **values):
    """A job, with one attempt."""
    attempt = {"job_id": job_id, "attempt": 1, "worker_id": "w", "started_at": LONG_AGO, "outcome": "completed"}
    with store.begin() as connection:
        connection.execute(sa.insert(backtest_jobs).values(**job_row(job_id, **values)))
        connection.execute(sa.insert(job_attempts).values(**attempt))


def add_tables(store, job_id):
    """The files of a sweep."""
    from outsample.store.files import publish_folder, workplace, write_text

    with workplace(store.folder) as folder:
        write_text(folder / "summary.json", "{}\n")
        publish_folder(folder, store.folder / "results" / job_id / "1")
    add_job(store, job_id, result_path=f"results/{job_id}/1")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_purging_survives_a_kill_at_every_step(tmp_path, children):
    """Whatever step it is: no row that can be seen lacks its files, and the next purge finishes the work."""
    outcomes = made()
    with Store.open(tmp_path / "full" / "store.db") as store:
        for outcome in outcomes:
            store.publish(outcome)
        add_tables(store, "a" * 64)
        add_job(store, "b" * 64, kind="backtest", result_key=outcomes[0].key)
    shutil.copytree(tmp_path / "full", tmp_path / "clean")
    _, (steps_taken,) = children.order("purge", tmp_path / "clean" / "store.db", 0)
    assert healthy(tmp_path / "clean" / "store.db", outcomes) == set()
    assert steps_taken >= 40
    for place in range(1, steps_taken + 1):
        folder = tmp_path / str(place)
        shutil.copytree(tmp_path / "full", folder)
        code, _ = children.order("purge", folder / "store.db", place)
        assert code == -signal.SIGKILL
        keys = healthy(folder / "store.db", outcomes)
        with Store.open(folder / "store.db") as store:
            with store.connect() as connection:
                query = sa.select(backtest_jobs.c.result_key).where(backtest_jobs.c.purging_at.is_(None))
                assert {key for key in connection.execute(query).scalars() if key} <= keys
            store.purge("0h")
            assert job_rows(store) == []
        assert healthy(folder / "store.db", outcomes) == set()
        assert not list(folder.glob("results/*")) + list(folder.glob("trash/*"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_random_kills_of_a_writer_lose_nothing(tmp_path, children):
    """Every trial that a writer said it had recorded is there after kill -9 at 50 random moments."""
    rng, path, outcomes = random.Random(5), tmp_path / "store.db", made()
    expected, kills = 0, 50 * SCALE
    for number in range(kills):
        code, said = children.order("write", path, number, seconds=rng.uniform(0.0, 0.3))
        assert code == -signal.SIGKILL
        expected += len(said)
        if path.exists():
            healthy(path, outcomes)
    with Store.open(path) as store:
        assert expected <= len(store.trials(dataset="d")) <= expected + kills
        store.publish(outcomes[0])
        store.publish(outcomes[1])
    assert healthy(path, outcomes) == {outcome.key for outcome in outcomes}


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
@pytest.mark.timeout(900)
def test_eight_processes_write_at_once(tmp_path):
    """Eight processes on one SQLite file, from its first opening on: nothing is lost, nothing is there twice."""
    path, outcomes = tmp_path / "store.db", made()
    command = [sys.executable, "-c", PARALLEL, path]
    writers = [subprocess.Popen([*command, name], env=environment()) for name in "abcdefgh"]
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
    folder = store.save(result)
    (folder / "trades.parquet").write_bytes(b"")
    with store.begin() as connection:
        connection.execute(sa.text("delete from backtest_runs"))
    found = store.rebuild()
    assert found.restored == ()
    assert "trades.parquet" in found.broken[0]


def test_only_what_is_old_and_unnamed_is_purged(store, result, other):
    """Age decides; what a golden result names stays, and so does the ledger."""
    from outsample.store.schema import golden

    store.save(result)
    store.save(other)
    assert store.purge("90d").keys == ()
    row = {"id": "g", "name": "g", "result_key": other.key, "snapshot_id": "x", "document": {}, "reason": "r"}
    with store.begin() as connection:
        connection.execute(sa.update(backtest_runs).values(created_at=LONG_AGO, completed_at=LONG_AGO))
        connection.execute(sa.insert(golden).values(approved_by="a", created_at=LONG_AGO, **row))
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


def job_rows(store):
    """Ids of the jobs of a store."""
    with store.connect() as connection:
        return sorted(connection.execute(sa.select(backtest_jobs.c.job_id)).scalars())


def test_active_jobs_and_their_runs_are_never_purged(store, result, other):
    """However old: a pending or running job stays, with the run of its id; ended ones go with their files."""
    for item in (result, other):
        store.save(item)
    lease = {"worker_id": "w", "lease_until": LONG_AGO}
    add_job(store, store.run(result.key)["job_id"], kind="backtest", status="pending", completed_at=None)
    add_job(store, "r" * 64, status="running", completed_at=None, **lease)
    for letter, status in (("c", "cancelled"), ("f", "failed")):
        add_job(store, letter * 64, status=status)
    add_tables(store, "t" * 64)
    planned = store.purge("0h", dry_run=True)
    done = store.purge("0h")
    assert done.keys == planned.keys == (other.key,)
    assert set(done.jobs) == set(planned.jobs) == {"c" * 64, "f" * 64, "t" * 64}
    assert done.bytes == planned.bytes
    assert store.runs()["result_key"].tolist() == [result.key]
    assert job_rows(store) == sorted([store.run(result.key)["job_id"], "r" * 64])
    assert not (store.folder / "results" / ("t" * 64)).exists()
    assert store.load(result.key).canonical_bytes == result.canonical_bytes


def make_old(store):
    """All runs were made and ended long ago."""
    with store.begin() as connection:
        connection.execute(sa.update(backtest_runs).values(created_at=LONG_AGO, completed_at=LONG_AGO))


def test_a_run_stays_while_a_recent_job_leads_to_it(store, result):
    """An old run that a job answered with yesterday is in use."""
    store.save(result)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    make_old(store)
    add_job(store, "j" * 64, kind="backtest", completed_at=yesterday, result_key=result.key)
    assert store.purge("90d").keys == ()
    assert store.purge("12h").keys == (result.key,)
    assert job_rows(store) == []


def test_retention_follows_the_setting(store, result, other, monkeypatch):
    """Without the setting nothing is removed; with it what is older, in batches, never what a golden file names."""
    from outsample.store.retention import retain

    for item in (result, other):
        store.save(item)
    make_old(store)
    assert retain(store) is None
    monkeypatch.setenv("OUTSAMPLE_STORE__RETENTION_DAYS", "30")
    assert len(retain(store, most=1).keys) == 1
    assert len(retain(store, most=1).keys) == 1
    assert retain(store).keys == ()
    store.save(result)
    assert retain(store).keys == ()
    assert store.purge("0h", keep={result.key}).keys == ()


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
