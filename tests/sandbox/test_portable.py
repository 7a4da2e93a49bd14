"""The path of other systems, run here: it bounds a run, says that it does not confine, is refused by default."""

import logging
import threading

import pytest

from outsample.config import SandboxPolicy
from outsample.model import Status
from outsample.sandbox.portable import execute_portable
from outsample.sandbox.request import RunRequest
from sandbox.support import toy

GOOD = "print('hello')\nposition = data.get('close') > 100"


def run(source, **options):
    policy = SandboxPolicy(require="process-only", **{"timeout": 30.0, **options})
    return execute_portable(RunRequest(source=source, data=toy(), policy=policy))


def test_it_is_refused_by_default():
    """Without an opt-in nothing runs, and the refusal says what is missing and how to go on."""
    result = execute_portable(RunRequest(source=GOOD, data=toy()))
    assert result.status is Status.REFUSED
    assert "network" in result.error
    assert "process-only" in result.hint
    assert result.sandbox.level == "process-only"


def test_it_runs_and_says_what_stays_open(caplog):
    """With the opt-in the positions are those of the confined path, and a warning says what is not protected."""
    with caplog.at_level(logging.WARNING):
        result = run(GOOD)
    assert result.status is Status.OK, result.error
    assert result.stdout == "hello\n"
    assert (result.positions.frame.to_numpy() == (toy().frame("close").to_numpy() > 100)).all()
    assert not any(result.sandbox.probes.values())
    assert "not confined" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "status", "options"),
    [
        ("while True: pass", Status.TIMEOUT, {"timeout": 4.0}),
        ("kept = []\nwhile True: kept.append(bytearray(100_000))", Status.MEMORY, {"memory_mb": 100}),
        ("while True: print('x' * 100_000)", Status.OUTPUT_LIMIT, {}),
        ("x = 1 / 0", Status.STRATEGY_ERROR, {}),
        ("import os\nos._exit(3)", Status.CRASHED, {}),
    ],
)
def test_limits_hold(source, status, options):
    """Time, memory and output are bounded, and each end has its status."""
    assert run(source, **options).status is status


def test_it_can_be_cancelled():
    """An event ends the run."""
    cancel = threading.Event()
    timer = threading.Timer(0.5, cancel.set)
    timer.start()
    policy = SandboxPolicy(require="process-only", timeout=30.0)
    result = execute_portable(RunRequest(source="while True: pass", data=toy(), policy=policy, cancel=cancel))
    timer.join()
    assert result.status is Status.CANCELLED
