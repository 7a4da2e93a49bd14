"""Who may submit how much, what is refused, what is tried again, and the figures of the table."""

import contextlib
import datetime
import time
import uuid

import pytest
import sqlalchemy as sa

from jobs.test_states import row, values
from outsample import Job, submit
from outsample.archive import Store
from outsample.errors import ConfigError, DataError, JobError
from outsample.jobs import states, work
from outsample.jobs.figures import prometheus
from outsample.jobs.limits import memory_limit_mb
from outsample.jobs.table import find_job, list_jobs
from outsample.store.job_tables import backtest_jobs

SOURCE = "position = data.get('close') > 0\n"


@pytest.fixture
def local(tmp_path, monkeypatch):
    """A store whose supervisor never starts: jobs stay pending."""
    monkeypatch.setattr("outsample.jobs.job.ensure_supervisor", lambda *_: None)
    monkeypatch.setenv("OUTSAMPLE_USER", "ada")
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def test_too_many_jobs_of_one_user(local, monkeypatch):
    """The setting refuses with the figure, and counts jobs that are not over."""
    monkeypatch.setenv("OUTSAMPLE_JOBS__MAX_ACTIVE_PER_USER", "2")
    jobs = [submit(SOURCE, "sample", store=local, seed=seed) for seed in range(2)]
    with pytest.raises(JobError, match="2 jobs that are pending or running"):
        submit(SOURCE, "sample", store=local, seed=2)
    jobs[0].cancel()
    assert submit(SOURCE, "sample", store=local, seed=2).status == "pending"


def test_only_owner_or_admin(local, monkeypatch):
    """A runner may not cancel or retry what belongs to somebody else; a viewer may submit nothing."""
    job = submit(SOURCE, "sample", store=local)
    monkeypatch.setenv("OUTSAMPLE_USER", "eve")
    monkeypatch.setenv("OUTSAMPLE_ROLE", "runner")
    for verb in (job.cancel, job.retry):
        with pytest.raises(JobError, match="Only 'ada' or an admin"):
            verb()
    monkeypatch.setenv("OUTSAMPLE_ROLE", "viewer")
    with pytest.raises(JobError, match="viewer"):
        submit(SOURCE, "sample", store=local, seed=9)


def test_cancelling_is_on_record(local):
    """Cancel and retry leave rows that say who did it."""
    job = submit(SOURCE, "sample", store=local)
    job.cancel()
    job.retry()
    assert job.row["attempt"] == 2
    assert sorted(local.audit()["action"]) == ["cancel", "retry"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"backend": "carrier pigeon"}, ConfigError),
        ({"priority": "urgent"}, ConfigError),
        ({"timeout": 0}, ConfigError),
        ({"timeout": 86_401}, ConfigError),
        ({"timeout": True}, ConfigError),
        ({"kind": "astrology"}, ConfigError),
        ({"kind": "sweep"}, ConfigError),
        ({"fallback": "rq"}, ConfigError),
        ({"no_such_option": 1}, ConfigError),
        ({"kind": "sweep", "grid": {"fast": [1]}, "objective": len}, JobError),
        ({"data": "no-such-data"}, DataError),
        ({"data": None}, ConfigError),
    ],
)
def test_what_is_refused_leaves_nothing(local, arguments, error):
    """A submission that is not allowed is a typed error, and no row."""
    arguments = {"data": "sample", **arguments}
    with pytest.raises(error):
        submit("fast = 2\n" + SOURCE, arguments.pop("data"), store=local, **arguments)
    assert list_jobs(local).empty


def test_a_store_in_memory_is_refused():
    """Other processes could not open it."""
    with Store.open(":memory:") as store, pytest.raises(JobError, match="in memory"):
        submit(SOURCE, "sample", store=store)


def test_the_development_user_is_refused_in_production(local, monkeypatch):
    """With OUTSAMPLE_DEV_AUTH nothing is submitted where OUTSAMPLE_ENV says staging or production."""
    monkeypatch.setenv("OUTSAMPLE_DEV_AUTH", "true")
    for stage in ("staging", "production"):
        monkeypatch.setenv("OUTSAMPLE_ENV", stage)
        with pytest.raises(ConfigError, match=stage):
            submit(SOURCE, "sample", store=local)


@pytest.mark.parametrize(("seconds", "said"), [(300, False), (14_400, False), (299, True), (86_400, True)])
def test_unusual_limits_of_time_are_said(local, caplog, seconds, said):
    """A limit outside of 300 to 14400 s is taken, with a warning."""
    assert submit(SOURCE, "sample", store=local, timeout=seconds).row["job_timeout"] == seconds
    assert ("300 to 14400 s" in caplog.text) == said


def test_fan_out_goes_to_the_cluster_of_the_worker(local, monkeypatch):
    """With OUTSAMPLE_JOB_CLUSTER a sweep inside of a job is computed there, with the same numbers."""
    used = []

    @contextlib.contextmanager
    def cluster(address):
        used.append(address)
        yield

    monkeypatch.setattr(work, "cluster", cluster)
    states.enqueue(local, values())
    monkeypatch.setitem(work._RUN, "backtest", lambda *_: states.Ending(status="completed"))
    monkeypatch.setenv("OUTSAMPLE_JOB_CLUSTER", "tcp://127.0.0.1:8786")
    assert work.perform(local, states.claim(local, "w", backend="local")).status == "completed"
    assert used == ["tcp://127.0.0.1:8786"]


@pytest.mark.parametrize(("text", "size"), [("", 4096), ("512", 512), ("4GB", 4096), ("1.5 gb", 1536), ("900MB", 900)])
def test_sizes_of_memory(monkeypatch, text, size):
    """The limit is read in MB, or with its unit."""
    monkeypatch.setenv("OUTSAMPLE_JOB_MEMORY_LIMIT", text)
    assert memory_limit_mb() == size


@pytest.mark.parametrize("text", ["much", "-1", "0", "4XB"])
def test_sizes_that_are_none(monkeypatch, text):
    """What is no size is refused, not ignored."""
    monkeypatch.setenv("OUTSAMPLE_JOB_MEMORY_LIMIT", text)
    with pytest.raises(ConfigError, match="OUTSAMPLE_JOB_MEMORY_LIMIT"):
        memory_limit_mb()


def test_a_transient_fault_is_tried_again_later_and_longer(store, monkeypatch):
    """Faults of the network lead to attempts that wait longer and longer, all on record; at last it fails."""
    monkeypatch.setenv("OUTSAMPLE_RETRY__DELAY", "8")

    def broken(*_):
        raise ConnectionResetError("the line is down")

    monkeypatch.setitem(work._RUN, "backtest", broken)
    states.enqueue(store, values())
    waits = []
    for _ in range(3):
        with store.begin() as connection:
            connection.execute(sa.update(backtest_jobs).values(not_before=None))
        began = datetime.datetime.now(datetime.UTC)
        ended = work.perform(store, states.claim(store, "w", backend="local"))
        if ended is None:
            waits.append((row(store)["not_before"] - began).total_seconds())
    assert ended.status == "failed"
    assert 4.0 <= waits[0] <= 9.0
    assert 8.0 <= waits[1] <= 17.0
    found = Job("a" * 64, store)
    assert [attempt["outcome"] for attempt in found.attempts] == ["retried", "retried", "failed"]
    assert "the line is down" in found.message


def test_a_fault_of_the_program_is_not_tried_again(store, monkeypatch):
    """An error that trying again would not change ends the job."""

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setitem(work._RUN, "backtest", broken)
    states.enqueue(store, values())
    assert work.perform(store, states.claim(store, "w", backend="local")).status == "failed"
    assert row(store)["status"] == "failed"


def _many(store, number):
    """Rows as submissions make them."""
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    rows = []
    for i in range(number):
        at = moment + datetime.timedelta(seconds=i)
        base = {**values(f"{i:064x}", created_by=f"user{i % 7}"), **states._fresh(at)}
        rows.append({**base, "id": str(uuid.UUID(int=i)), "attempt": 1, "created_at": at, "forced": False})
    with store.begin() as connection:
        connection.execute(sa.insert(backtest_jobs), rows)


def test_ten_thousand_jobs_are_listed_in_pages(store):
    """Pages follow each other without gap or overlap; one costs far less than half a second."""
    _many(store, 10_000)
    list_jobs(store, limit=1)
    began = time.perf_counter()
    first = list_jobs(store, limit=100)
    second = list_jobs(store, limit=100, offset=100)
    assert time.perf_counter() - began < 1.0  # two pages, at five times the figure of 0.1 s
    ids = [*first["job_id"], *second["job_id"]]
    assert ids == [f"{i:064x}" for i in range(9_999, 9_799, -1)]
    mine = list_jobs(store, status="pending", created_by="user3", limit=5)
    assert set(mine["created_by"]) == {"user3"}


def test_claims_and_pages_use_their_indexes(local):
    """No query of the product reads the whole table."""
    _many(local, 2_000)
    jobs = backtest_jobs
    queries = {
        "pending": sa.select(jobs.c.id)
        .where(jobs.c.status == sa.literal_column("'pending'"), jobs.c.priority == "normal")
        .order_by(jobs.c.created_at).limit(1),
        "status_created_at": sa.select(jobs.c.id).where(jobs.c.status == "running"),
        "created_by_status_created_at": sa.select(jobs.c.id)
        .where(jobs.c.created_by == "user1", jobs.c.status == "failed").order_by(jobs.c.created_at.desc()),
        "snapshot_id": sa.select(jobs.c.id).where(jobs.c.snapshot_id == "y"),
    }  # fmt: skip
    with local.connect() as connection:
        for index, query in queries.items():
            text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
            plan = " ".join(str(line) for line in connection.exec_driver_sql(f"explain query plan {text}"))
            assert "INDEX ix_backtest_jobs" in plan, (index, plan)
            assert "SCAN" not in plan, (index, plan)
            assert "TEMP B-TREE" not in plan, (index, plan)  # sorted by the index


def test_the_start_of_an_id(store):
    """A job is found by the first characters of its id, when they are those of one job."""
    _many(store, 20)
    states.enqueue(store, values("ab" * 32))
    assert find_job(store, "ababab")["job_id"] == "ab" * 32
    for text, match in (("000000", "several"), ("ffffff", "no job"), ("ab", "no job"), ("", "no job")):
        with pytest.raises(JobError, match=match):
            find_job(store, text)


def test_figures_for_prometheus(store):
    """Every line is a comment or a sample, and the counts are those of the table."""
    for number, priority in enumerate(("high", "low", "low")):
        states.enqueue(store, values(f"{number:064x}", priority=priority))
    held = states.claim(store, "w", backend="local")
    states.finish(store, held, states.Ending(status="failed", error_category='od"d'))
    text = prometheus(store)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert 'outsample_jobs{status="pending",queue="low"} 2' in lines
    assert 'outsample_queue_depth{queue="low"} 2' in lines
    assert 'outsample_job_failures{category="od\\"d"} 1' in lines
    for line in lines:
        float(line.rpartition(" ")[2])
