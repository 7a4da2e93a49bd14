"""What every backend promises, with real processes: SQLite and a supervisor; PostgreSQL, Redis and a worker."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from jobs.world import ALL_FRAMES, SOURCE, SPIN, notebook_data, until
from outsample import SandboxPolicy, backtest, load
from outsample.errors import ConfigError, JobError

pytestmark = [pytest.mark.slow, pytest.mark.server]

HUNGRY = """
import numpy as np
kept = []
for _ in range(200):
    kept.append(np.ones(2_000_000))
position = data.get("close") > 0
"""


def test_the_result_of_a_job_is_that_of_a_direct_backtest(world):
    """Submitted, run and stored elsewhere, a result has the same canonical bytes; its progress reaches 100."""
    job = world.submit()
    assert job.status in {"pending", "running", "completed"}
    result = job.result(timeout=60)
    direct = backtest(SOURCE, "sample", store=False, lookahead=False)
    assert result.canonical_bytes == direct.canonical_bytes
    assert (job.status, job.progress) == ("completed", 100.0)
    row = job.row
    assert row["snapshot_id"] == direct.snapshot_id
    assert row["result_key"] == direct.key
    assert row["dataset_version_ids"]
    assert row["peak_memory_mb"] > 0


def test_the_same_submission_is_the_same_job(world):
    """A second submission finds the completed job; a forced one is its next attempt, with the same numbers."""
    first = world.submit(params={"fast": 11})
    before = first.result(timeout=60)
    again = world.submit(params={"fast": 11})
    assert (again.id, again.row["attempt"]) == (first.id, 1)
    forced = world.submit(params={"fast": 11}, force=True)
    assert forced.result(timeout=60).canonical_bytes == before.canonical_bytes
    assert [attempt["outcome"] for attempt in forced.attempts] == ["completed", "completed"]


def test_a_spinning_job_is_cancelled(world):
    """Cancelled within seconds, with no artefacts, no process and no shared memory left."""
    shared = set(Path("/dev/shm").iterdir())
    job = world.submit(SPIN)
    until(lambda: job.status == "running")
    time.sleep(0.5)
    below = world.running_children()
    assert below
    began = time.monotonic()
    job.cancel()
    job.wait(30)
    assert job.status == "cancelled"
    assert time.monotonic() - began < 5.0  # the aim is one second
    assert not (world.folder / "results" / job.id).exists()
    assert set(Path("/dev/shm").iterdir()) <= shared
    with pytest.raises(JobError, match="cancelled"):
        job.result()


def test_a_job_that_takes_too_long_is_ended_in_c_code_too(world):
    """The time limit ends a job that never comes back to the interpreter."""
    job = world.submit(SPIN, params=None, timeout=2)
    job.wait(30)
    row = job.row
    assert (row["status"], row["error_category"]) == ("failed", "timeout")
    assert "2 s" in row["error_message"]


def test_a_job_that_uses_too_much_memory_fails_with_its_peak(world):
    """The memory limit ends a job; its row says how much it used."""
    job = world.submit(HUNGRY, memory_mb=1200, sandbox=SandboxPolicy(memory_mb=8000))
    job.wait(60)
    row = job.row
    assert (row["status"], row["error_category"]) == ("failed", "memory")
    assert row["peak_memory_mb"] > 800
    assert "MB" in row["error_message"] or "MiB" in row["error_message"]


def test_an_error_of_the_strategy_is_not_tried_again(world):
    """A strategy's own error ends the job at its first attempt, with the strategy's message."""
    job = world.submit("position = data.get('close') / (1 // 0)\n")
    job.wait(60)
    assert job.status == "failed"
    assert "ZeroDivision" in job.message or "division" in job.message
    assert [attempt["outcome"] for attempt in job.attempts] == ["failed"]


def test_a_killed_child_fails_its_job(world):
    """A job whose process is killed fails at once, and says so; it can be submitted again."""
    job = world.submit(SPIN, params=None, seed=3)
    until(lambda: job.status == "running" and job.row["progress_pct"] > 0)
    for process in world.processes():
        for child in process.children():
            child.send_signal(signal.SIGKILL)
    job.wait(30)
    assert (job.row["error_category"], job.status) == ("killed", "failed")
    assert "SIGKILL" in job.message


def test_tables_of_other_kinds(world):
    """Sweep, walk-forward and bootstrap jobs bring their tables back."""
    grid = {"fast": [10, 20]}
    sweep = world.submit(kind="sweep", grid=grid)
    walk = world.submit(kind="walk_forward", grid=grid, train="3Y", test="1Y")
    boot = world.submit(kind="bootstrap", n_paths=200)
    assert len(sweep.result(90).table) == 2
    assert {"windows", "equity", "returns"} <= set(walk.result(90).tables)
    assert "sharpe" in set(boot.result(90).table["statistic"])


def test_a_dataset_of_a_notebook_reaches_the_worker(world):
    """Point-in-time tables, a delisting and adjusted prices of unsaved data: as in a direct backtest, and kept."""
    data = notebook_data()
    job = world.submit(ALL_FRAMES, data)
    result = job.result(60)
    assert result.canonical_bytes == backtest(ALL_FRAMES, data, store=False, lookahead=False).canonical_bytes
    assert load(f"{data.name}@{data.id}", store=world.store).id == data.id == job.row["snapshot_id"]


def test_a_killed_worker_fails_its_job_and_leaves_no_orphan(world):
    """After kill -9 of the worker nothing of it runs on, the job is failed within 60 s, and a retry completes."""
    job = world.submit(SPIN, params=None, seed=4)
    good = world.submit(params={"fast": 13})
    good.wait(60) if world.kind == "local" else None
    until(lambda: job.status == "running" and job.row["progress_pct"] > 0)
    below = world.kill_workers()
    began = time.monotonic()
    psutil.wait_procs(below, 10)
    assert not [process for process in below if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    job.wait(60)
    assert time.monotonic() - began < 60.0  # the aim is 20 s, the length of a lease
    assert (job.status, job.row["error_category"]) == ("failed", "killed")
    world.ensure_workers()
    assert good.result(60) is not None
    job.retry()
    until(lambda: job.status == "running")
    assert job.row["attempt"] == 2
    job.cancel()
    assert job.wait(30).status == "cancelled"
    assert not list(Path(world.folder).glob(f"results/{job.id}"))


def test_a_notebook_is_a_job(world, tmp_path):
    """A notebook runs with its parameters and comes back executed; a parameter it lacks is refused at once."""
    import nbformat

    cells = [
        nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(x * 21)"),
    ]
    path = tmp_path / "twice.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    with pytest.raises(ConfigError):
        world.submit(path, None, kind="notebook", parameters={"y": 2})
    job = world.submit(path, None, kind="notebook", parameters={"x": 2})
    assert "42" in job.result(120).read_text(encoding="utf-8")
    assert job.row["snapshot_id"] is None


def test_the_overhead_of_a_warm_job(world):
    """Beyond its own work a warm job costs far less than five times the figure of 0.15 s."""
    world.submit(params={"fast": 31}).wait(60)
    extra = []
    for fast in range(32, 37):
        began = time.monotonic()
        job = world.submit(params={"fast": fast}).wait(60)
        extra.append(time.monotonic() - began - job.row["wall_seconds"])
    assert sorted(extra)[2] < 0.75
