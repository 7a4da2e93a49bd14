"""What every backend promises, with real processes: SQLite and a supervisor; PostgreSQL, Redis and a worker."""

import os
import signal
import time
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest

from jobs.world import ALL_FRAMES, SOURCE, SPIN, notebook_data, until
from leftovers import shared_memory
from outsample import SandboxPolicy, backtest, load
from outsample.errors import ConfigError, JobError
from outsample.report.html import fragment

pytestmark = [pytest.mark.slow, pytest.mark.server]

ORDER = ("pending", "running", "completed")
HUNGRY = """
import numpy as np
kept = []
for _ in range(200):
    kept.append(np.ones(2_000_000))
position = data.get("close") > 0
"""


def test_the_result_of_a_job_is_that_of_a_direct_backtest(world):
    """Submitted, run and stored elsewhere, a result has the same canonical bytes; its progress reaches 100."""
    with patch.dict(os.environ, {"OUTSAMPLE_USER": "grace"}):  # workers are ada's
        job = world.submit()
    seen = []
    until(lambda: seen.append(job.row) or seen[-1]["status"] == "completed", 200)
    progress = [row["progress_pct"] for row in seen]
    assert progress == sorted(progress)
    assert {0.0, 100.0} < set(progress)  # and something between them
    assert [row["status"] for row in seen] == sorted((row["status"] for row in seen), key=ORDER.index)
    result = job.result()
    assert "Sharpe" in fragment(result.document(pictures=False))
    direct = backtest(SOURCE, "sample", store=False, lookahead=False)
    assert result.canonical_bytes == direct.canonical_bytes
    assert (job.status, job.progress) == ("completed", 100.0)
    row = job.row
    assert row["snapshot_id"] == direct.snapshot_id
    assert row["result_key"] == direct.key
    assert row["dataset_version_ids"]
    assert row["peak_memory_mb"] > 0
    assert row["created_by"] == world.store.run(direct.key)["created_by"] == "grace"


def test_the_same_submission_is_the_same_job(world):
    """A second submission finds the completed job; a forced one is its next attempt, with the same numbers."""
    first = world.submit(params={"fast": 11})
    before = first.result(timeout=60)
    again = world.submit(params={"fast": 11})
    assert (again.id, again.row["attempt"]) == (first.id, 1)
    forced = world.submit(params={"fast": 11}, force=True)
    assert forced.result(timeout=60).canonical_bytes == before.canonical_bytes
    assert [attempt["outcome"] for attempt in forced.attempts] == ["completed", "completed"]


def spinning(world, **options):
    """A job that computes in C code inside its sandbox, and every process of it."""
    job = world.submit(SPIN, **options)
    until(lambda: job.status == "running" and job.row["progress_pct"] >= 10)
    until(lambda: len(family_of(world, job)) >= 3)  # the child, the server of its sandbox, the strategy
    return job, family_of(world, job)


def family_of(world, job):
    """The processes of the child that runs a job: those of the largest family."""
    return max(world.families().values(), key=len, default=[])


def gone(processes, seconds=5.0):
    """Whether all of these processes end in time."""
    _, alive = psutil.wait_procs(processes, seconds)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_a_spinning_job_is_cancelled(world):
    """Cancelled within seconds, with no artefacts, no process, no temporary file and no shared memory left."""
    shared = shared_memory()
    job, family = spinning(world)
    folders = {Path(process.environ()["TMPDIR"]) for process in family[:1]}
    began = time.monotonic()
    job.cancel()
    job.wait(30)
    assert job.status == "cancelled"
    assert time.monotonic() - began < 5.0  # five times the aim of one second
    assert gone(family)
    assert not [folder for folder in folders if folder.exists()]
    assert not (world.folder / "results" / job.id).exists()
    assert shared_memory() <= shared
    with pytest.raises(JobError, match="cancelled"):
        job.result()


def test_a_job_that_takes_too_long_is_ended_in_c_code_too(world):
    """The time limit ends a job that never comes back to the interpreter, with all its processes."""
    job, family = spinning(world, seed=2, timeout=3)
    job.wait(60)
    row = job.row
    assert (row["status"], row["error_category"]) == ("failed", "timeout")
    assert "3 s" in row["error_message"]
    assert 3.0 <= row["wall_seconds"] < 15.0
    assert gone(family)


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
    """A job whose process is killed fails at once, says so, leaves nothing running; it can be submitted again."""
    job, family = spinning(world, seed=3)
    family[0].send_signal(signal.SIGKILL)
    job.wait(30)
    assert (job.row["error_category"], job.status) == ("killed", "failed")
    assert "SIGKILL" in job.message
    assert gone(family)
    assert world.submit(SPIN, seed=3).id == job.id
    assert job.row["attempt"] == 2
    job.cancel()
    job.wait(30)


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


def test_a_killed_worker_fails_its_job_and_leaves_no_orphan(world, record_property):
    """After kill -9 of the worker nothing of it runs on; its job fails when the lease is over, and a retry runs."""
    job, _ = spinning(world, seed=4)
    below = world.kill_workers()
    began = time.monotonic()
    assert len(below) >= 3
    assert gone(below, 10)
    world.ensure_workers()
    good = world.submit(params={"fast": 13})
    job.wait(60)
    record_property("seconds", time.monotonic() - began)
    assert time.monotonic() - began < 30.0  # a lease is 20 s long, and was renewed at most 5 s before
    assert (job.status, job.row["error_category"]) == ("failed", "killed")
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
    """Beyond its own work a warm job that nothing disturbs costs less than five times the figure of 0.15 s."""
    world.submit(params={"fast": 31}).wait(60)
    extra = []
    for fast in range(32, 37):
        began = time.monotonic()
        job = world.submit(params={"fast": fast}).wait(60)
        extra.append(time.monotonic() - began - job.row["wall_seconds"])
    assert min(extra) < 0.75  # other tests run beside this one
