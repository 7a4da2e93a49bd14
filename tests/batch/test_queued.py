"""A batch through the job queue: the rows of a batch, made of what real workers left in the store."""

import copy
import json
import pickle
import threading
import time

import pytest

from outsample import errors
from outsample.archive import Store
from outsample.batch import Components, run_many
from outsample.cli import main
from outsample.jobs.batches import JobFailed, category_of, through_queue
from outsample.jobs.table import list_jobs
from outsample.model import ErrorCategory

pytestmark = pytest.mark.slow
DATA = "synthetic:3x200?seed=4"
CROSS = "fast = 5\nclose = data.get('close')\nposition = close.average(fast) > close.average(20)\n"
SOURCES = [
    "# meta: model=gpt\n" + CROSS,
    "position = 1 / 0\n",
    "position = data.get('nothing')\n",
    CROSS.replace("20", "30"),
    "position = data.get('close') < 0\n",
    CROSS,
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store of its own; its supervisor ends by itself soon after the last job."""
    folder = tmp_path_factory.mktemp("queued")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_STORE", str(folder / "store.db"))
        patch.setenv("OUTSAMPLE_ARTEFACTS", str(folder))
        patch.setenv("OUTSAMPLE_JOB_IDLE", "3")
        yield folder


@pytest.fixture(scope="module")
def report(place):
    """The batch through the queue."""
    parts = Components(run=through_queue(priority="high"), error=category_of)
    return run_many(SOURCES, DATA, parallel=3, lookahead=False, components=parts)


def test_the_rows_are_those_of_a_batch_here(report):
    """Levels, categories, keys and metrics are those without a queue."""
    here = run_many(SOURCES, DATA, store=False, lookahead=False)

    def told(rows):
        return [(row.name, row.level, row.category, row.key, dict(row.metrics), row.lookahead) for row in rows]

    assert told(report) == told(here)
    assert "division by zero" in report.rows[1].message


def test_each_row_is_a_job(report, place):
    """The jobs are in the table with the priority asked for; those that ran say what they used."""
    with Store.open() as store:
        jobs = list_jobs(store, limit=50)
        assert set(jobs["priority"]) == {"high"}
        assert sorted(jobs["status"]) == ["completed"] * 3 + ["failed"] * 2
        keys = set(store.runs(limit=100)["result_key"])
        assert {row.key for row in report if row.executed} <= keys
        assert store.meta(report.rows[0].key) == {"model": "gpt"}
    ran = [row for row in report if row.executed]
    assert all(row.wall_seconds > 0 and row.peak_memory_mb > 0 for row in ran)
    assert all(row.attempts == 1 for row in ran)


def test_the_command_line(place, report, capsys):
    """The same strategies again are known jobs; one that fails is exit code 1, and the report is the usual one."""
    folder = place / "strategies"
    folder.mkdir()
    for number, source in enumerate(SOURCES[:2]):
        (folder / f"s{number}.py").write_text(source)
    out = place / "out.json"
    words = ["run", str(folder), "--data", DATA, "--no-lookahead", "--queue", "normal", "--json", str(out)]
    assert main(words) == 1
    rows = json.loads(out.read_text())["rows"]
    assert rows[0]["cached"]
    assert rows[0]["key"] == report.rows[0].key
    assert rows[1]["category"] == "CALCULATION"
    assert main(["run", str(folder), "--job-timeout", "3"]) == 2
    assert "--queue" in capsys.readouterr().err


def test_an_end_before_the_end_cancels_the_jobs(place):
    """What is waited for is cancelled in the table, too; no worker goes on with it."""
    endless = [f"tag = {n}\nwhile True:\n    pass\n" for n in range(2)]
    seen = threading.Event()
    run = through_queue()

    def watched(request, *, cancel, **named):
        threading.Timer(1.0, cancel.set).start()
        seen.set()
        return run(request, cancel=cancel, **named)

    began = time.monotonic()
    parts = Components(run=watched, error=category_of)
    report = run_many(endless, DATA, parallel=2, lookahead=False, components=parts)
    assert seen.is_set()
    assert len(report) == 0
    assert time.monotonic() - began < 30
    with Store.open() as store:
        table = list_jobs(store, limit=50)
        end = time.monotonic() + 30
        while not set(table["status"]) <= {"completed", "failed", "cancelled"} and time.monotonic() < end:
            time.sleep(0.2)
            table = list_jobs(store, limit=50)
    assert (table["status"] == "cancelled").sum() == 2


def test_without_a_store_it_is_refused(place):
    """Every row says that jobs are kept in a store."""
    parts = Components(run=through_queue(), error=category_of)
    report = run_many([CROSS], DATA, store=False, components=parts)
    assert report.rows[0].category is ErrorCategory.VALIDATION
    assert "needs a store" in report.rows[0].message


def test_a_failed_job_keeps_its_category():
    """The category is the worker's; the error survives pickling, as all do."""
    error = JobFailed("too slow", category=ErrorCategory.TIMEOUT)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert category_of(twin) is ErrorCategory.TIMEOUT
    assert category_of(errors.DataMissing("x")) is ErrorCategory.DATA_MISSING
