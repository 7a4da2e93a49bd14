"""The state machine of jobs, on both databases."""

import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outsample.archive import Store
from outsample.errors import JobError
from outsample.jobs import states
from outsample.store.job_tables import backtest_jobs, job_attempts
from scale import SCALE


def values(job_id="a" * 64, **changes):
    """Columns of a request."""
    return {
        "job_id": job_id, "kind": "backtest", "backend": "local", "priority": "normal", "name": "s",
        "start_date": "2020-01-01", "end_date": "2020-12-31", "weight_method": "none", "config": {},
        "snapshot_id": "x", "dataset_version_ids": {"close": "y"}, "job_timeout": 60, "memory_limit_mb": 1000,
        "created_by": "ada", **changes,
    }  # fmt: skip


def row(store, job_id="a" * 64):
    with store.connect() as connection:
        return connection.execute(sa.select(backtest_jobs).where(backtest_jobs.c.job_id == job_id)).mappings().one()


def outcomes(store, job_id="a" * 64):
    with store.connect() as connection:
        query = sa.select(job_attempts.c.outcome).where(job_attempts.c.job_id == job_id)
        return list(connection.execute(query.order_by(job_attempts.c.attempt)).scalars())


def expire(store):
    """Let every lease be over."""
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    with store.begin() as connection:
        update = sa.update(backtest_jobs).where(backtest_jobs.c.status == "running")
        connection.execute(update.values(lease_until=past))


def test_the_same_submission_is_one_job(store):
    """The second submission of a job changes nothing while the first is not over."""
    assert [states.enqueue(store, values()) for _ in range(2)] == ["new", "known"]
    states.claim(store, "w", backend="local")
    assert states.enqueue(store, values()) == "known"


def test_a_failed_job_is_submitted_again_as_the_next_attempt(store):
    """A failed job gets one more attempt of the same row; a completed one only when forced."""
    states.enqueue(store, values())
    states.finish(store, states.claim(store, "w", backend="local"), states.Ending(status="failed"))
    assert states.enqueue(store, values()) == "again"
    held = states.claim(store, "w", backend="local")
    assert held.attempt == 2
    states.finish(store, held, states.Ending(status="completed"))
    assert states.enqueue(store, values()) == "known"
    assert states.enqueue(store, values(), force=True) == "again"
    assert outcomes(store) == ["failed", "completed"]


def test_urgent_jobs_come_first_then_the_oldest(store):
    """Claims follow priority, then the time of submission."""
    for number, priority in enumerate(["low", "normal", "high", "normal", "high"]):
        states.enqueue(store, values(f"{number:064d}", priority=priority))
    taken = [states.claim(store, "w", backend="local").job_id for _ in range(5)]
    assert [int(job) for job in taken] == [2, 4, 1, 3, 0]
    assert states.claim(store, "w", backend="local") is None


def test_a_worker_that_lost_its_lease_writes_nothing(store):
    """After reap and a new attempt, the old worker can neither end the job nor renew its lease."""
    states.enqueue(store, values())
    old = states.claim(store, "w", backend="local")
    expire(store)
    assert states.reap(store) == [old.job_id]
    assert states.reap(store) == []
    states.enqueue(store, values())
    new = states.claim(store, "w", backend="local")
    assert not states.finish(store, old, states.Ending(status="completed"))
    assert not states.heartbeat(store, old)
    assert not states.report_progress(store, old, 50, "x")
    assert states.finish(store, new, states.Ending(status="completed"))
    assert outcomes(store) == ["lost", "completed"]


def test_a_job_given_back_keeps_its_attempt(store):
    """A worker that stops gives its job back: the next claim is the same attempt, with another name."""
    states.enqueue(store, values())
    first = states.claim(store, "w", backend="local")
    assert states.give_back(store, first)
    second = states.claim(store, "w", backend="local")
    assert second.attempt == first.attempt == 1
    assert second.worker_id != first.worker_id
    assert not states.finish(store, first, states.Ending(status="completed"))


def test_a_retry_waits(store):
    """After a transient fault a job is pending, and nobody may claim it before its time."""
    states.enqueue(store, values())
    held = states.claim(store, "w", backend="local")
    assert states.retry_later(store, held, 3600.0, states.Ending(status="failed", error_message="locked"))
    assert states.claim(store, "w", backend="local") is None
    found = row(store)
    assert (found["status"], found["attempt"], found["retry_count"]) == ("pending", 2, 1)
    assert outcomes(store) == ["retried"]


def test_cancelling(store):
    """A pending job is cancelled at once; a running one is asked, and reaped as cancelled."""
    states.enqueue(store, values())
    assert states.request_cancel(store, "a" * 64) == "cancelled"
    states.enqueue(store, values())
    states.claim(store, "w", backend="local")
    assert states.request_cancel(store, "a" * 64) == "running"
    expire(store)
    states.reap(store)
    assert row(store)["status"] == "cancelled"
    assert states.request_cancel(store, "b" * 64) is None


@pytest.mark.parametrize("missing", ["snapshot_id", "dataset_version_ids"])
def test_no_completion_without_data(store, missing):
    """Only a notebook completes without naming its data."""
    states.enqueue(store, values(**{missing: None}))
    held = states.claim(store, "w", backend="local")
    with pytest.raises(JobError, match="may not end as completed"):
        states.finish(store, held, states.Ending(status="completed"))
    assert row(store)["status"] == "running"
    states.enqueue(store, values("b" * 64, kind="notebook", **{missing: None}))
    held = states.claim(store, "w", backend="local")
    assert states.finish(store, held, states.Ending(status="completed"))


def test_no_end_that_is_none(store):
    """An attempt does not end as running."""
    states.enqueue(store, values())
    with pytest.raises(JobError, match="ends as one of"):
        states.finish(store, states.claim(store, "w", backend="local"), states.Ending(status="running"))


STEPS = st.lists(
    st.sampled_from(
        [
            "enqueue",
            "force",
            "claim",
            "finish",
            "fail",
            "stale",
            "retry",
            "back",
            "cancel",
            "reap",
            "expire",
            "progress",
        ]
    ),
    max_size=30,
)


class Model:
    """What a job does, in the plainest terms."""

    def __init__(self):
        self.status, self.attempt, self.cancel = None, 0, False

    def enqueue(self, force):
        ended = {None, "failed", "cancelled"} | ({"completed"} if force else set())
        if self.status in ended:
            self.status, self.attempt, self.cancel = "pending", self.attempt + 1, False


@settings(max_examples=40 * SCALE, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_of_steps_follows_the_model(steps):
    """Random sequences of transitions lead where a model of ten lines leads, stale claims included."""
    with Store.open(":memory:") as store:
        model, claims, over = Model(), [], False
        for step in steps:
            over = _step(store, model, step, claims, over)
            if model.status is not None:
                found = row(store)
                assert (found["status"], found["attempt"]) == (model.status, model.attempt), step
                assert (found["lease_until"] is not None) == (model.status == "running")


def _step(store, model, step, claims, over):
    running = model.status == "running"
    if step in {"enqueue", "force"}:
        states.enqueue(store, values(), force=step == "force")
        model.enqueue(step == "force")
    elif step == "claim":
        held = states.claim(store, "w", backend="local")
        assert (held is not None) == (model.status == "pending")
        if held is not None:
            claims.append(held)
            model.status, over = "running", False
    elif step == "stale" and len(claims) > 1:
        assert not states.finish(store, claims[0], states.Ending(status="completed"))
    elif step in {"finish", "fail"} and claims:
        status = "completed" if step == "finish" else "failed"
        assert states.finish(store, claims[-1], states.Ending(status=status)) == running
        model.status = status if running else model.status
    elif step == "retry" and claims:
        assert states.retry_later(store, claims[-1], 0.0, states.Ending(status="failed")) == running
        if running:
            model.status, model.attempt = "pending", model.attempt + 1
    elif step == "back" and claims:
        assert states.give_back(store, claims[-1]) == running
        model.status = "pending" if running else model.status
    elif step == "cancel":
        states.request_cancel(store, "a" * 64)
        model.cancel = model.cancel or model.status in {"running", "pending"}
        model.status = "cancelled" if model.status == "pending" else model.status
    elif step == "expire":
        expire(store)
        over = over or running
    elif step == "reap":
        assert bool(states.reap(store)) == (running and over)
        if running and over:
            model.status = "cancelled" if model.cancel else "failed"
    elif step == "progress" and claims:
        assert states.report_progress(store, claims[-1], 120.0, "x" * 300) == running
    return over
