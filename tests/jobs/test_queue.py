"""What the queue in Redis promises beyond the contract: it may be away, empty, or full of lies."""

import contextlib
import time

import pytest
import redis

from jobs.world import World
from outsample.archive import Store
from outsample.errors import ConfigError, JobError
from outsample.jobs import states, submit
from outsample.jobs.queues import Queues, is_job_id
from outsample.jobs.sources import RedisSource
from outsample.jobs.worker import run_worker

pytestmark = pytest.mark.server
SOURCE = "position = data.get('close') > 0\n"


@pytest.fixture
def held(tmp_path, monkeypatch, redis_url):
    """A store and a Redis, without a worker."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("OUTSAMPLE_REDIS_URL", redis_url)
    with Store.open() as store, contextlib.closing(Queues()) as queues:
        yield store, queues


def queued(store, **options):
    return submit(SOURCE, "sample", backend="rq", store=store, **options)


def test_only_ids_are_on_the_queue(held, redis_url):
    """What a submission writes into Redis is the id of the job and nothing else."""
    store, _ = held
    job = queued(store, priority="high")
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.lrange("rq:queue:backtest_high", 0, -1) == [job.id.encode()]
        assert list(connection.scan_iter()) == [b"rq:queue:backtest_high"]


def test_priorities_are_respected(held):
    """A worker takes from the most urgent of its queues first, and from no other."""
    store, queues = held
    jobs = {name: queued(store, priority=name, seed=number) for number, name in enumerate(("low", "normal", "high"))}
    assert RedisSource(store, "w", queues, ["low"]).next().job_id == jobs["low"].id
    source = RedisSource(store, "w", queues)
    assert [source.next().job_id for _ in range(2)] == [jobs["high"].id, jobs["normal"].id]
    assert source.next() is None


@pytest.mark.parametrize(
    "message", [b"os.system", b"\x80\x04cposix\nsystem", b"f" * 64, b"../../etc/passwd", b"'; drop table x; --"]
)
def test_a_forged_message_runs_nothing(held, redis_url, message):
    """Whatever stands on a queue, only the id of a pending job leads to a run."""
    store, queues = held
    with redis.Redis.from_url(redis_url) as connection:
        connection.rpush("rq:queue:backtest_high", message)
        connection.hset(
            b"rq:job:" + message, mapping={"data": b"cos\nsystem\n(S'touch forged'\ntR.", "status": "queued"}
        )
    job = queued(store)
    assert RedisSource(store, "w", queues).next().job_id == job.id


def test_a_redis_that_lost_everything_loses_nothing(held, redis_url):
    """Jobs that wait and are on no queue are put back, once each."""
    store, queues = held
    jobs = [queued(store, seed=seed) for seed in range(3)]
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
    waiting = states.unqueued(store, backend="rq", older_than=0.0)
    assert {job for job, _ in waiting} == {job.id for job in jobs}
    assert (queues.restore(waiting), queues.restore(waiting)) == (3, 0)
    assert sum(queues.depths().values()) == 3


def test_redis_away_at_submission(held, monkeypatch):
    """A clear error that names the address, and nothing submitted; with a fallback the job is local."""
    store, _ = held
    monkeypatch.setenv("OUTSAMPLE_REDIS_URL", "redis://user:secret@127.0.0.1:9/0")
    with pytest.raises(JobError, match=r"127\.0\.0\.1:9.*fallback") as raised:
        queued(store)
    assert "secret" not in str(raised.value)
    assert store.engine is not None
    monkeypatch.setattr("outsample.jobs.job.ensure_supervisor", lambda *_: None)
    assert queued(store, fallback="local").row["backend"] == "local"


def test_redis_that_goes_away_does_not_end_a_worker(held, redis_server):
    """A source whose Redis is gone gives nothing, and gives jobs again when it is back."""
    store, queues = held
    source = RedisSource(store, "w", queues)
    redis_server.kill()
    assert source.next() is None
    redis_server.start()
    job = queued(store)
    time.sleep(1.1)  # it does not ask again at once
    assert source.next().job_id == job.id


def test_a_worker_checks_its_start(held, monkeypatch):
    """Without Redis, with a queue that does not exist or with the development user in production: no start."""
    with pytest.raises(ConfigError, match="queues must be"):
        run_worker(["urgent"])
    monkeypatch.setenv("OUTSAMPLE_REDIS_URL", "redis://127.0.0.1:9/0")
    with pytest.raises(JobError, match="does not answer"):
        run_worker()
    monkeypatch.setenv("OUTSAMPLE_DEV_AUTH", "true")
    monkeypatch.setenv("OUTSAMPLE_ENV", "production")
    with pytest.raises(ConfigError, match="OUTSAMPLE_DEV_AUTH"):
        run_worker()


def test_the_form_of_an_id():
    """An id is 64 hexadecimal digits, no line end behind them."""
    assert is_job_id("0" * 64)
    assert not any(map(is_job_id, ("0" * 63, "0" * 64 + "\n", "G" * 64, "")))


@pytest.mark.slow
def test_one_backend_reads_what_the_other_wrote(tmp_path, postgres_url, redis_url):
    """A result of a worker in PostgreSQL is made again by a local supervisor, the same, and read by SQLite's side."""
    with World("rq", tmp_path, postgres_url, redis_url, slots=1).running() as world:
        job = world.submit()
        first = job.result(120)
        again = world.submit(backend="local", force=True)  # fails if a number differs from the stored one
        assert again.id == job.id
        assert again.result(120).canonical_bytes == first.canonical_bytes
        assert [(item["attempt"], item["outcome"]) for item in again.attempts] == [(1, "completed"), (2, "completed")]
    with Store.open(tmp_path / "other.db") as other:
        assert other.rebuild().restored == (first.key,)
        assert other.load(first.key).canonical_bytes == first.canonical_bytes
