"""A store as it is after some weeks: two hundred runs, of which three are kept whole, and fifty jobs."""

import datetime
import uuid

import sqlalchemy as sa

import outsample
from outsample.archive import Store
from outsample.jobs import states
from outsample.store.job_tables import backtest_jobs
from outsample.store.schema import backtest_runs

SOURCE = """
fast = 50  # 10..100, days of the fast average
slow = 200  # 100..300, days of the slow average
close = data.get('close')
position = close.average(fast) > close.average(slow)
"""
RUNS, JOBS = 200, 50
ENDINGS = [
    states.Ending(status="completed"),
    states.Ending(status="failed", error_category="MEMORY", error_message="The strategy needed more than 500 MB."),
    states.Ending(status="cancelled"),
]


def fill(path, data):
    """Make the store at `path`."""
    with Store.open(path) as store:
        for days in (20, 30, 40):
            store.save(outsample.backtest(SOURCE, data, params={"fast": days}, store=store, lookahead=False))
        _copies(store)
        _jobs(store)


def _copies(store):
    """The runs again under other keys and names, a minute older each: rows, without files."""
    with store.begin() as connection:
        known = [dict(row) for row in connection.execute(sa.select(backtest_runs)).mappings()]
        for number in range(RUNS - len(known)):
            row = known[number % len(known)]
            changed = {"result_key": f"{number:064x}", "name": f"momentum {number:03d}", "result_path": None}
            if "id" in row:
                changed["id"] = str(uuid.uuid4())
            moment = row["created_at"] - datetime.timedelta(minutes=number + 1)
            connection.execute(sa.insert(backtest_runs).values({**row, **changed, "created_at": moment}))


def _jobs(store):
    """Jobs in every state, as the rows of a worker that is at work elsewhere."""
    for number in range(JOBS):
        row = {
            "job_id": f"{number:064x}", "kind": "backtest", "backend": "rq", "priority": "normal",
            "name": f"momentum {number:02d}", "start_date": "2020-01-01", "end_date": "2020-12-31",
            "weight_method": "none", "config": {}, "snapshot_id": "x", "dataset_version_ids": {"close": "y"},
            "job_timeout": 3600, "memory_limit_mb": 4096, "created_by": "ada",
        }  # fmt: skip
        states.enqueue(store, row)
        if number % 5 == 4:
            continue  # it waits
        held = states.claim(store, "elsewhere", backend="rq", job_id=row["job_id"], lease=3600.0)
        if number % 5 < 3:
            states.finish(store, held, ENDINGS[number % 5])
        else:
            update = sa.update(backtest_jobs).where(backtest_jobs.c.job_id == row["job_id"])
            with store.begin() as connection:
                connection.execute(update.values(progress_pct=42.0, progress_message="simulating"))
