"""Jobs per minute with 1, 2 and 4 workers, the overhead of a warm local job, and lists of 10,000 jobs.

    python tests/benchmarks/jobs.py [--jobs 24] [--workers 1 2 4] [--backend sqlite]

Each job of the load computes for about one second, so that more workers than cores bring nothing. Needs
redis-server, and PostgreSQL unless the store is SQLite. Figures are printed as JSON.
"""

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # this file has the name of the package of its tests

import sqlalchemy as sa

from jobs.redis_server import Server as Redis
from outsample.archive import Store
from outsample.jobs import submit
from outsample.jobs.table import list_jobs
from outsample.store.job_tables import backtest_jobs as table
from store.postgres import Server as Postgres

PLAIN = "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close.average(60)\n"


def overhead(store, n=21):
    """Median seconds that a warm local job takes beyond what its own work takes."""
    submit(PLAIN, "sample", backend="local", store=store, lookahead=False, seed=1).wait(300)
    extra = []
    for number in range(n):
        began = time.perf_counter()
        job = submit(PLAIN, "sample", backend="local", store=store, lookahead=False, seed=100 + number).wait(60)
        extra.append(time.perf_counter() - began - job.row["wall_seconds"])
    return sorted(extra)[n // 2]


def second():
    """How far a loop in C counts in a second of this machine."""
    began = time.process_time()
    sum(range(20_000_000))
    return int(20_000_000 / (time.process_time() - began))


def rate(store, workers, jobs, steps):
    """Jobs per minute, from the first start to the last end, with warm workers."""
    command = [sys.executable, "-m", "outsample", "worker"]
    running = [subprocess.Popen(command) for _ in range(workers)]
    try:
        for job in [_queued(store, 1000, 10_000 * workers + k) for k in range(3 * workers)]:
            job.wait(300)
        time.sleep(3)
        waiting = [_queued(store, steps, 1_000 * workers + number) for number in range(jobs)]
        rows = []
        for job in waiting:
            rows.append(job.wait(600).row)
            assert rows[-1]["status"] == "completed", job.message
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait()
    span = max(row["completed_at"] for row in rows) - min(row["started_at"] for row in rows)
    each = sorted(row["wall_seconds"] for row in rows)[jobs // 2]
    return 60.0 * jobs / span.total_seconds(), each


def _queued(store, steps, seed):
    source = f"total = sum(range({steps}))\nposition = data.get('close') > 0\n"
    return submit(source, "sample", backend="rq", store=store, lookahead=False, seed=seed)


def listing(store, number=10_000):
    """Median seconds of a page of 100 at the start, in the middle, and of one user's, among so many queued jobs."""
    row = dict(submit(PLAIN, "sample", backend="local", store=store, lookahead=False, seed=1).row)
    rows = []
    for i in range(number):
        moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=i)
        fresh = {"id": str(uuid.UUID(int=i)), "job_id": f"{i:064x}", "created_by": f"user{i % 7}", "created_at": moment}
        rows.append({**row, **fresh, "status": "pending", "backend": "nobody's", "completed_at": None})
    with store.begin() as connection:
        connection.execute(sa.insert(table), rows)
    found = []
    for _ in range(7):
        for page in (
            {},
            {"offset": number // 2},
            {"offset": number - 100},
            {"created_by": "user3", "status": "pending"},
        ):
            began = time.perf_counter()
            assert len(list_jobs(store, limit=100, **page)) == 100
            found.append(time.perf_counter() - began)
    return max(found)


@contextlib.contextmanager
def servers(backend):
    """A Redis and a database, and the environment that leads to them."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        root.chmod(0o755)
        redis = Redis(root)
        redis.start()
        stack.callback(redis.kill)
        url = str(root / "store.db")
        if backend == "postgresql":
            (root / "pg").mkdir()
            postgres = Postgres(root / "pg")
            stack.callback(postgres.stop)
            postgres.start()
            url = postgres.url()
        changes = {"OUTSAMPLE_STORE": url, "OUTSAMPLE_ARTEFACTS": folder, "OUTSAMPLE_REDIS_URL": redis.url}
        os.environ |= {**changes, "OUTSAMPLE_JOB_IDLE": "2", "OUTSAMPLE_PARALLEL__WORKERS": "1"}
        yield


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="postgresql")
    given = parser.parse_args()
    with servers(given.backend), Store.open() as store:
        figures = {"cores": os.cpu_count(), "store": store.dialect}
        figures["overhead_ms"] = round(1000 * overhead(store), 1)
        print(figures, file=sys.stderr, flush=True)
        time.sleep(5)  # the local supervisor ends
        steps = second()
        for workers in given.workers:
            print(f"{workers} workers", file=sys.stderr, flush=True)
            found, each = rate(store, workers, given.jobs, steps)
            figures[f"jobs_per_minute_{workers}"] = round(found, 1)
            figures[f"seconds_per_job_{workers}"] = round(each, 2)
        figures["page_of_10000_ms_worst"] = round(1000 * listing(store), 1)
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
