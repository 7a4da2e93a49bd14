"""`outsample jobs`, `worker` and `metrics`, as a shell runs them."""

import json
import subprocess
import sys
import urllib.request

import pytest

from jobs.world import SPIN, World, until
from outsample.archive import Store
from outsample.cli.main import main
from outsample.jobs import submit


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job that waits in a store that no supervisor serves."""
    monkeypatch.setattr("outsample.jobs.job.ensure_supervisor", lambda *_: None)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    with Store.open() as store:
        yield submit("position = data.get('close') > 0\n", "sample", store=store)


def test_list_show_cancel_retry(job, capsys):
    """The verbs say in JSON what the table says, and find a job by the start of its id."""

    def run(*arguments):
        assert main(["jobs", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert [row["job_id"] for row in run("list")] == [job.id]
    assert run("list", "--status", "failed") == []
    assert run("cancel", job.id[:8]) == {"job_id": job.id, "status": "cancelled"}
    assert run("retry", job.id[:8])["status"] == "pending"
    shown = run("show", job.id[:8])
    assert (shown["attempt"], shown["status"], shown["attempts"]) == (2, "pending", [])


def test_words_for_people(job, capsys):
    """Without --json there is a table, and lines with names."""
    assert main(["jobs", "list"]) == 0
    assert job.id[:12] in capsys.readouterr().out
    assert main(["jobs", "show", job.id]) == 0
    assert "status               pending" in capsys.readouterr().out


def test_an_unknown_job(job, capsys):
    """Exit code 2, and what to do."""
    assert main(["jobs", "show", "ffffffff"]) == 2
    assert "outsample jobs list" in capsys.readouterr().err


def test_metrics(job, capsys):
    """The figures are Prometheus text."""
    assert main(["metrics"]) == 0
    assert 'outsample_queue_depth{queue="normal"} 1' in capsys.readouterr().out


def test_a_worker_without_redis_does_not_start(job, monkeypatch, capsys):
    """Exit code 2 with the reason; nobody is healthy then."""
    monkeypatch.setenv("OUTSAMPLE_REDIS_URL", "redis://127.0.0.1:9/0")
    assert main(["worker"]) == 2
    assert "does not answer" in capsys.readouterr().err
    assert main(["worker", "--health"]) == 1


@pytest.mark.slow
@pytest.mark.server
def test_the_life_of_a_worker(tmp_path, postgres_url, redis_url, free_port):
    """It is healthy and serves its figures; on SIGTERM its running job is pending again, not counted, within 10 s."""
    world = World("rq", tmp_path, postgres_url, redis_url)
    with world.running(workers=0):
        command = [sys.executable, "-m", "outsample", "worker", "--metrics-port", str(free_port)]
        world.workers.append(subprocess.Popen(command))
        until(lambda: main(["worker", "--health"]) == 0)
        world.submit().result(120)
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=10) as answer:
            assert 'outsample_jobs{status="completed",queue="normal"} 1' in answer.read().decode()
        job = world.submit(SPIN)
        until(lambda: job.status == "running" and job.row["progress_pct"] > 0)
        world.workers[0].terminate()
        assert world.workers[0].wait(10) == 0
        assert (job.status, job.row["attempt"]) == ("pending", 1)
        assert [attempt["outcome"] for attempt in job.attempts] == ["returned"]
        assert job.cancel() == "cancelled"
        assert main(["worker", "--health"]) == 1
    assert not list((tmp_path / "jobs" / "workers").iterdir())
    assert not list((tmp_path / "jobs" / "tmp").iterdir())
