"""What ends a study from outside: Ctrl-C, a killed worker; and what strategies hide from one another."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
from pathlib import Path

import pandas as pd
import psutil
import pytest

import outsample
from leftovers import shared_memory
from outsample import load, sweep, walk_forward
from outsample.errors import SandboxCrashed
from outsample.model import Status
from outsample.research.parallel import cluster, pmap
from outsample.sandbox import SandboxSession
from research.deadly import deadly

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /dev/shm")
SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x400?seed=2")


def start(tmp_path, body):
    """Run a script that says "begun" when its study is under way."""
    script = tmp_path / "study.py"
    script.write_text(textwrap.dedent(body), encoding="utf-8")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "begun", process.stderr.read()
    return process


SLOW = """
    import outsample
    source = "n = 1\\nx = 0\\nwhile n > 20: x += 1\\nposition = data.get('close') > n\\n"
    data = outsample.load("synthetic:3x400?seed=2")
    told = lambda done, total: print("begun", flush=True) if done == 1 else None
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    "call",
    ["outsample.sweep(source, data, {'n': list(range(50))}, store=False, on_done=told",
     "outsample.walk_forward(source, data, {'n': list(range(50))}, train=100, test=50, store=False, on_done=told"],
)  # fmt: skip
def test_ctrl_c_ends_every_process_within_two_seconds(tmp_path, call, n_jobs):
    """The caller, its sandbox server and every child are gone, and nothing new lies in shared memory."""
    before = shared_memory()
    process = start(tmp_path, SLOW + f"    {call}, n_jobs={n_jobs})\n")
    family = psutil.Process(process.pid).children(recursive=True)
    assert family, "no child is at work"
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=20)[1]
    psutil.wait_procs(family, timeout=5)
    assert time.perf_counter() - began < 2.0 * 5  # a guard at five times the promise
    assert "KeyboardInterrupt" in error
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert shared_memory() - before == set()


def test_a_study_leaves_nothing_in_shared_memory(data):
    """Neither files nor descriptors: sweeps open as many as they close."""
    sweep(SOURCE, data, {"fast": [3, 4]}, store=False, lookahead=False)
    before, files = set(Path("/dev/shm").iterdir()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        sweep(SOURCE, data, {"fast": [3, 4, 5]}, n_jobs=2, store=False, lookahead=False)
    assert shared_memory() - before == set()
    assert len(list(Path("/proc/self/fd").iterdir())) <= files


def test_a_cancelled_series_starts_nothing_more(data):
    """What was answered is kept, the rest is said to be cancelled, without a child for each."""
    source = "n = 1\nx = 0\nwhile n > 3: x += 1\nposition = data.get('close') > n\n"
    cancel = threading.Event()
    threading.Timer(1.0, cancel.set).start()
    began = time.perf_counter()
    with SandboxSession(source, data) as session:
        found = session.series([{"n": n} for n in range(1, 300)], cancel=cancel)
    assert time.perf_counter() - began < 10
    assert len(found) == 299
    assert {one.status for one in found[3:]} == {Status.CANCELLED}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_function_that_a_worker_cannot_import_is_an_error_at_once(monkeypatch):
    """It is the error of its task, not the end of one worker after another."""
    distributed = pytest.importorskip("distributed")
    here_only = types.ModuleType("here_only")
    exec("def same(item): return item", vars(here_only))
    monkeypatch.setitem(sys.modules, "here_only", here_only)

    began = time.perf_counter()
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as local,
        cluster(local.scheduler_address),
    ):
        assert pmap(lambda item: item + 1, range(3)) == [1, 2, 3]  # its code travels with it
        with pytest.raises(ModuleNotFoundError, match="here_only"):
            pmap(here_only.same, range(3))
    assert time.perf_counter() - began < 60


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_killed_dask_worker_is_an_error_that_names_the_task():
    """An item whose worker is killed ends the whole with a number, and nothing hangs.

    dask blames every item that the worker held, so that of a neighbour may be the first that is named.
    """
    distributed = pytest.importorskip("distributed")
    import dask

    began = time.perf_counter()
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as local,
        cluster(local.scheduler_address),
        pytest.raises(
            SandboxCrashed, match=r"Item [012] was lost: (the worker that ran it was killed|no worker is left)"
        ),
    ):
        pmap(deadly, range(3))
    assert time.perf_counter() - began < 120


HIDDEN = {
    "a class attribute": "kind = type(data.get('close'))\nkind.kept = getattr(kind, 'kept', 0) + n\nuse = kind.kept\n",
    "a cache on a class": "kind = type(data.get('close'))\nif not hasattr(kind, 'cache'): kind.cache = {}\n"
    "use = kind.cache.setdefault('window', n)\n",
    "the context of decimal": "import decimal\ncontext = decimal.getcontext()\ncontext.prec = context.prec + n\n"
    "use = context.prec\n",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_state_is_found_out(data, name):
    """Each combination has the numbers of a child of its own, whoever ran before it."""
    source = f"n = 5\n{HIDDEN[name]}c = data.get('close')\nposition = c > c.average(use)\n"
    found = sweep(source, data, {"n": [5, 10, 20, 40]}, n_jobs=1, store=False, lookahead=False)
    assert found.runs.stateful
    for one in found.runs.combinations:
        alone = outsample.run_sandboxed(source, data, params=one.params, validate=False)
        pd.testing.assert_frame_equal(one.positions.frame, alone.positions.frame)


def test_a_module_of_the_strategy_is_new_for_each_combination(data):
    """What a helper module remembers is not there for the next parameter set."""
    tools = "kept = []\ndef first(n):\n    kept.append(n)\n    return kept[0]\n"
    source = "import tools\nn = 5\nc = data.get('close')\nposition = c > c.average(tools.first(n))\n"
    strategy = outsample.Strategy.from_source(source).with_modules({"tools": tools})
    found = sweep(strategy, data, {"n": [5, 10, 20, 40]}, n_jobs=1, store=False, lookahead=False)
    assert not found.runs.stateful
    for one in found.runs.combinations:
        alone = outsample.run_sandboxed(strategy, data, params=one.params)
        pd.testing.assert_frame_equal(one.positions.frame, alone.positions.frame)


def test_probes_cannot_see_what_a_session_remembers(data):
    """A strategy that keeps all prices in a module and looks ahead in them is caught: probes are other processes."""
    source = (
        "n = 1\nc = data.get('close')\nkind = type(c)\nif not hasattr(kind, 'kept'): kind.kept = c.copy()\n"
        "later = kind.kept.shift(-1 - n).reindex(c.index)\nposition = (later > c).fillna(False)\n"
    )
    found = sweep(source, data, {"n": [1, 2]}, store=False, lookahead="full")
    walk = walk_forward(source, data, {"n": [1, 2]}, train=150, test=50, store=False, lookahead="full")
    assert found.lookahead.clean is False
    assert walk.lookahead.clean is False
