"""Many submitters, few workers, and killings: none lost, none completed twice, all at an end."""

import random
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from jobs.world import World
from outsample.jobs.states import FINAL, reap
from outsample.store.job_tables import backtest_jobs, job_attempts
from scale import SCALE

pytestmark = [pytest.mark.slow, pytest.mark.server]
JOBS, SUBMITTERS, WORKERS = 60 if SCALE == 1 else 500, 8, 4
BOUND = 150.0 * SCALE

# Every job is submitted by two submitters.
SUBMITTER = """
import sys
from outsample.archive import Store
from outsample.jobs import submit
me, jobs, submitters = map(int, sys.argv[1:])
source = "fast = 20\\nclose = data.get('close')\\nposition = close.average(fast) > close.average(60)\\n"
with Store.open() as store:
    for number in range(jobs):
        if me in (number % submitters, (number + 3) % submitters):
            job = submit(source, "sample", backend="rq", store=store, lookahead=False, params={"fast": 5 + number % 50},
                         seed=number, priority=("high", "normal", "low")[number % 3])
            print(job.id, flush=True)
"""


def counts(store):
    with store.connect() as connection:
        query = sa.select(backtest_jobs.c.status, sa.func.count()).group_by(backtest_jobs.c.status)
        return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def working(world):
    """The workers that run a job right now: killing the others proves little."""
    with world.store.connect() as connection:
        names = connection.execute(sa.select(backtest_jobs.c.worker_id).where(backtest_jobs.c.status == "running"))
        pids = {int(name.partition("/")[0].rpartition(":")[2]) for name in names.scalars()}
    return sorted((worker for worker in world.workers if worker.pid in pids), key=lambda worker: worker.pid)


def test_a_storm_loses_nothing(tmp_path, postgres_url, redis_server):
    """60 jobs from 8 submitters into 4 workers while workers and Redis are killed: every job ends, once."""
    rng = random.Random(11)
    redis_server.restart()
    with World("rq", tmp_path, postgres_url, redis_server.url, slots=1).running(WORKERS) as world:
        arguments = [str(JOBS), str(SUBMITTERS)]
        submitters = [
            subprocess.Popen(
                [sys.executable, "-c", SUBMITTER, str(me), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True,
            )
            for me in range(SUBMITTERS)
        ]  # fmt: skip
        said = [submitter.communicate(timeout=BOUND) for submitter in submitters]
        assert [submitter.returncode for submitter in submitters] == [0] * SUBMITTERS, said
        wanted = {job for out, _ in said for job in out.split()}
        assert len(wanted) == JOBS
        _hurt(world, redis_server, rng, killings=3 * SCALE)
        found = counts(world.store)
        with world.store.connect() as connection:
            known = set(connection.execute(sa.select(backtest_jobs.c.job_id)).scalars())
            done = sa.select(job_attempts.c.job_id).where(job_attempts.c.outcome == "completed")
            completed = list(connection.execute(done).scalars())
    assert known == wanted
    assert sum(found.values()) == JOBS
    assert set(found) <= set(FINAL), found
    assert found.get("failed", 0) <= 3 * SCALE  # each killing costs a job at most
    assert len(completed) == len(set(completed)) == found["completed"]


def _hurt(world, redis_server, rng, killings):
    """Kill workers and Redis at seeded moments, and go on until every job has ended."""
    began = time.monotonic()
    next_killing = began + 6.0
    while set(counts(world.store)) - set(FINAL):
        assert time.monotonic() - began < BOUND, counts(world.store)
        if killings and time.monotonic() > next_killing and (busy := working(world)):
            killings -= 1
            next_killing = time.monotonic() + rng.uniform(3.0, 6.0)
            if killings % 3 == 1:
                redis_server.restart()  # it comes back empty
            else:
                rng.choice(busy).kill()
        world.ensure_workers(WORKERS)
        reap(world.store)
        time.sleep(0.3)
