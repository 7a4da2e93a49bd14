"""Helpers of a batch: the same outcome as in this process, whatever happens to them, and an end."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from outsample import api
from outsample.batch import run_many
from outsample.batch.helpers import Helper, HelperGone, Helpers, SharedEvaluation
from outsample.data import load
from outsample.errors import StrategyError
from outsample.pipeline import evaluate, execute

SOURCE = "close = data.get('close')\nposition = close.average({}) > close.average(20)\n"


@pytest.fixture(scope="module")
def data():
    return load("synthetic:4x300?seed=3")


def asked(data, days=5, **options):
    """A request and its execution in the sandbox."""
    request = api.make_request(SOURCE.format(days), data, **options)
    return request, execute(request)


def ready(helper, seconds=120.0):
    """Wait until a helper has started."""
    end = time.monotonic() + seconds
    while not helper.ready:
        assert helper.alive
        assert time.monotonic() < end
        time.sleep(0.02)
    return helper


def borrowed(helpers, seconds=120.0):
    """Wait until one of the helpers is ready, and borrow it."""
    end = time.monotonic() + seconds
    while (found := helpers.borrow()) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@pytest.fixture
def helper():
    found = Helper()
    yield ready(found)
    found.close()


def test_outcome_of_a_helper_is_the_outcome(helper, data):
    """Every byte of the result and every trade is the one computed here, for one strategy after the other."""
    for days in (3, 5, 8):
        request, execution = asked(data, days)
        away, here = helper.evaluate(request, execution), evaluate(request, execution)
        assert away.canonical_bytes == here.canonical_bytes
        assert away.simulation.trades.equals(here.simulation.trades)
        assert away.benchmark.equity.equals(here.benchmark.equity)
        assert away.request is request
        assert away.execution is execution


def test_dataset_of_each_request_is_the_one_used(helper, data):
    """A helper that is asked about another dataset in between confuses nothing."""
    other = load("synthetic:3x200?seed=9")
    for chosen in (data, other, data):
        request, execution = asked(chosen)
        assert helper.evaluate(request, execution).canonical_bytes == evaluate(request, execution).canonical_bytes


def test_an_error_is_met_in_this_process(data):
    """What evaluation refuses is no outcome of a helper: it is raised here, and the helper serves the next one."""
    helpers = Helpers()
    helpers.want(1)
    helper = borrowed(helpers)
    request, execution = asked(data, alpha="rank")
    assert helper.evaluate(request, execution) is None
    helpers.give_back(helper, usable=True)
    shared = SharedEvaluation(total=2, count=1, helpers=helpers)
    with pytest.raises(StrategyError) as away:
        shared(request, execution)
    with pytest.raises(StrategyError) as here:
        evaluate(request, execution)
    assert (away.value.message, away.value.hint) == (here.value.message, here.value.hint)
    assert borrowed(helpers) is helper
    helpers.close()


def test_what_only_this_process_has_is_evaluated_here(helper, data, monkeypatch):
    """An engine from a folder of this process's own path is not in the helper: no error, the outcome is ours."""
    from outsample import pipeline

    request, execution = asked(data)
    unknown = dataclasses.replace(request, engine="house-engine")
    assert helper.evaluate(unknown, execution) is None
    helpers = Helpers()
    helpers._all.append(helper)
    expected = evaluate(request, execution)
    monkeypatch.setattr(pipeline, "evaluate", lambda *_: expected)
    assert SharedEvaluation(total=1, count=1, helpers=helpers)(unknown, execution) is expected


def test_killed_helper_costs_nothing_but_time(data):
    """A helper that was killed is seen, buried, and the strategy is evaluated here."""
    helpers = Helpers()
    helpers.want(1)
    helper = borrowed(helpers)
    os.kill(helper.process, signal.SIGKILL)
    request, execution = asked(data)
    with pytest.raises(HelperGone):
        helper.evaluate(request, execution)
    helpers.give_back(helper, usable=False)
    shared = SharedEvaluation(total=1, count=1, helpers=helpers)
    assert shared(request, execution).canonical_bytes == evaluate(request, execution).canonical_bytes
    assert not psutil.pid_exists(helper.process)
    helpers.close()


def test_helper_killed_while_it_is_borrowed(data):
    """Killed between two strategies, it is replaced by this process in the same call."""
    helpers = Helpers()
    helpers.want(1)
    helper = borrowed(helpers)
    helpers.give_back(helper, usable=True)
    os.kill(helper.process, signal.SIGSTOP)  # seen as alive when it is borrowed
    os.kill(helper.process, signal.SIGKILL)
    request, execution = asked(data)
    shared = SharedEvaluation(total=1, count=1, helpers=helpers)
    assert shared(request, execution).canonical_bytes == evaluate(request, execution).canonical_bytes
    helpers.close()


def test_idle_helper_ends_by_itself():
    """Nothing stays in memory when there has been nothing to do for a while."""
    helper = ready(Helper(idle=0.5))
    psutil.Process(helper.process).wait(timeout=30)
    assert not helper.alive
    helper.close()


def test_close_leaves_no_process_and_no_descriptor(data):
    """After `close` the process is gone, and a second `close` is fine."""
    before = psutil.Process().num_fds()
    helpers = Helpers()
    helpers.want(1)
    helper = borrowed(helpers)
    helpers.give_back(helper, usable=True)
    helpers.close()
    helpers.close()
    assert not psutil.pid_exists(helper.process)
    assert psutil.Process().num_fds() <= before


ENDS = """
import time, sys
from outsample.batch.helpers import _helpers
_helpers.want(1)
helper = None
while helper is None:
    helper = _helpers.borrow()
    time.sleep(0.02)
print(helper.process, flush=True)
{end}
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["pass", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_helper_does_not_outlive_its_process(end):
    """When the process ends, in order or by `kill -9`, its helper ends too."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS.format(end=end)], capture_output=True, text=True, timeout=150, check=False
    )
    process = int(done.stdout)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_batch_with_helpers_says_what_one_without_says(data, monkeypatch):
    """With a helper at work from the first strategies on, every number of every row is that of parallel=1."""
    from outsample.batch import helpers as module

    own = Helpers()
    monkeypatch.setattr(module, "_helpers", own)
    own.want(1)
    ready(own._all[0])
    away = []
    evaluated = Helper.evaluate

    def counted(self, request, execution):
        away.append(request.strategy.name)
        return evaluated(self, request, execution)

    monkeypatch.setattr(Helper, "evaluate", counted)
    sources = [SOURCE.format(2 + k) for k in range(24)] + ["position = 1 / 0", "position = data.get('close') > 1e9"]
    options = {"store": False, "use_cache": False, "lookahead": False}
    two = run_many(sources, data, parallel=2, **options)
    assert len(away) >= 2
    one = run_many(sources, data, parallel=1, **options)
    assert [row.numbers() for row in two] == [row.numbers() for row in one]
    assert all({"simulate", "measure", "sandbox"} <= set(row.stages) for row in two if row.executed)
    own.close()
