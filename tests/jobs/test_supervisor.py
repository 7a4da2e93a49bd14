"""The loop that runs jobs: when it ends, what it does when children do not start, and what it does on the side."""

import datetime
import json
import shlex
import stat
import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa

from jobs.test_states import row, values
from jobs.world import SOURCE
from outsample import submit
from outsample.archive import Store
from outsample.errors import JobError
from outsample.jobs import states, supervise, supervisor
from outsample.jobs.local import locked
from outsample.jobs.sources import LocalSource
from outsample.jobs.supervisor import Options, Supervisor, folder_of
from outsample.store.job_tables import backtest_jobs


@pytest.fixture
def local(tmp_path, monkeypatch):
    """A store that no supervisor serves yet."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    with Store.open() as opened:
        yield opened


def program(folder, text):
    """An executable in place of the interpreter of children."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def loop(store, **options):
    return Supervisor(store, LocalSource(store, "w"), Options(**options), str(store.path))


@pytest.mark.slow
def test_a_supervisor_looks_for_a_job_before_it_is_idle(local, monkeypatch):
    """However soon it may end, and however long its first child takes to start: the job is done."""
    monkeypatch.setenv("OUTSAMPLE_JOB_IDLE", "0")
    monkeypatch.setattr("outsample.jobs.job.ensure_supervisor", lambda *_: None)
    job = submit(SOURCE, "sample", store=local, lookahead=False)
    process = subprocess.Popen([sys.executable, "-m", "outsample.jobs.supervise"])
    try:
        assert job.wait(120).status == "completed"
        assert process.wait(30) == 0
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(("text", "seconds"), [("", 60.0), ("5", 5.0), ("soon", 60.0), ("-1", 0.0)])
def test_seconds_until_a_supervisor_is_idle(local, monkeypatch, text, seconds):
    """OUTSAMPLE_JOB_IDLE counts when it is a number; nobody would see an error."""
    made = []
    monkeypatch.setenv("OUTSAMPLE_JOB_IDLE", text)
    monkeypatch.setattr(supervise, "Supervisor", lambda *arguments: made.append(arguments) or Nothing())
    assert supervise.main([]) == 0
    assert made[0][2].idle_seconds == seconds


class Nothing:
    """A supervisor that has been told to stop."""

    stopped = True

    def run(self):
        pass


def test_somebody_who_looks_at_the_lock_does_not_keep_a_supervisor_away(local, monkeypatch):
    """The lock is taken for a moment by whoever asks whether there is a supervisor; one that starts then waits."""
    root, runs = folder_of(local), []
    root.mkdir()
    monkeypatch.setattr(supervise.Supervisor, "run", lambda _: runs.append(1))
    held, done = threading.Event(), threading.Event()

    def look():
        with locked(root) as mine:
            assert mine
            held.set()
            done.wait(0.3)

    thread = threading.Thread(target=look)
    thread.start()
    assert held.wait(5)
    assert supervise.main(["0"]) == 0
    thread.join()
    assert len(runs) == 1


def test_a_second_supervisor_of_a_store_ends(local, monkeypatch):
    """One at a time: another gives up when the lock stays taken."""
    monkeypatch.setattr(supervise, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(supervise.Supervisor, "run", lambda _: pytest.fail("it ran"))
    folder_of(local).mkdir()
    with locked(folder_of(local)) as mine:
        assert mine
        assert supervise.main(["0"]) == 0


@pytest.mark.parametrize(("text", "reason"), [("exit 3", "exit code 3"), ("exec sleep 60", "not ready after")])
def test_children_that_do_not_start(local, monkeypatch, tmp_path, text, reason):
    """A supervisor whose children fail or hang gives up with the reason and the log, and the job waits."""
    monkeypatch.setattr(supervisor, "STARTS", 1)
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.2 if "sleep" in text else 60.0)
    monkeypatch.setattr(sys, "executable", program(tmp_path, text))
    states.enqueue(local, values())
    with pytest.raises(JobError, match=reason) as raised:
        loop(local, idle_seconds=0.0).run()
    assert "log.txt" in raised.value.hint
    assert row(local)["status"] == "pending"
    assert not list((folder_of(local) / "tmp").iterdir())


def test_retention_is_the_supervisors(local, monkeypatch):
    """With store.retention_days old jobs go while the supervisor has nothing else to do; without it they stay."""
    old = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=40)
    for name in ("a", "b"):
        states.enqueue(local, values(name * 64))
        states.finish(local, states.claim(local, "w", backend="local"), states.Ending(status="failed"))
    with local.begin() as connection:
        past = sa.update(backtest_jobs).where(backtest_jobs.c.job_id == "a" * 64)
        connection.execute(past.values(completed_at=old, created_at=old))
    monkeypatch.setattr(supervisor, "FIRST_RETAIN", 0.0)
    running = None

    class Once(LocalSource):
        def keep(self):
            running.stop()

    def left():
        nonlocal running
        running = Supervisor(local, Once(local, "w"), Options(slots=0), str(local.path))
        running.run()
        with local.connect() as connection:
            return sorted(connection.execute(sa.select(backtest_jobs.c.job_id)).scalars())

    assert left() == ["a" * 64, "b" * 64]
    monkeypatch.setenv("OUTSAMPLE_STORE__RETENTION_DAYS", "30")
    assert left() == ["b" * 64]


@pytest.mark.slow
@pytest.mark.server
def test_a_worker_notifies(local, redis_url, tmp_path, monkeypatch):
    """A command is told how each job ended, urgent ones first, failures too; its own failure changes nothing."""
    monkeypatch.setenv("OUTSAMPLE_REDIS_URL", redis_url)
    bad = submit("position = 1 / 0\n", "sample", backend="rq", store=local, lookahead=False)
    good = submit(SOURCE, "sample", backend="rq", store=local, lookahead=False, priority="high")
    told = tmp_path / "told"
    command = shlex.join(["sh", "-c", f"cat >> {told}; echo >> {told}; exit 1"])
    worker = [sys.executable, "-m", "outsample", "worker", "--burst", "--notify", command]
    done = subprocess.run(worker, check=True, capture_output=True, text=True, timeout=150)
    assert "ended with exit code 1" in done.stderr
    found = {said["job_id"]: said for said in map(json.loads, told.read_text().splitlines())}
    assert {job: said["status"] for job, said in found.items()} == {good.id: "completed", bad.id: "failed"}
    assert "division" in found[bad.id]["error_message"]
    assert found[good.id]["result_key"] == good.row["result_key"]
    assert good.row["completed_at"] < bad.row["started_at"]  # the urgent one, although it was submitted later
