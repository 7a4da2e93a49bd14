"""The server: started once, restarted after a crash, closed cleanly; nothing is left behind."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import pytest

from outsample.config import SandboxPolicy
from outsample.errors import SandboxCrashed
from outsample.model import Status
from outsample.sandbox import SandboxSession, arun_sandboxed, close_server, run_sandboxed, sandbox_report, start_server
from outsample.sandbox.child import IDLE
from outsample.sandbox.client import ServerProcess, get_server
from outsample.sandbox.report import describe
from outsample.sandbox.request import RunRequest
from outsample.sandbox.run import execute_request
from sandbox.support import run, toy
from scale import SCALE

GOOD = "position = data.get('close') > 0"


def test_one_server_serves_all_runs():
    """Runs of one process share one server process, and each has a child of its own."""
    first = get_server()
    source = "import os\nprint(os.getpid(), os.getppid())\n" + GOOD
    lines = [run(source).stdout.split() for _ in range(3)]
    assert {line[1] for line in lines} == {str(first.process)}
    assert len({line[0] for line in lines}) == 3
    assert get_server() is first


@pytest.mark.parametrize("waited", [0.0, 5 * IDLE], ids=["at once", "after a while"])
def test_what_a_child_rehearsed_shows_nowhere(waited):
    """Names, random numbers, parameters and errors are those of the strategy, however long its child has waited."""
    source = """
n = 7
names = sorted(name for name in globals() if not name.startswith("__"))
print(names, np.random.rand(), __import__("random").random(), n)
close = data.get("close")
position = close > close.average(n)
"""
    expected = run(source)
    time.sleep(waited)
    again = run(source)
    assert (again.stdout, again.warnings) == (expected.stdout, expected.warnings)
    pd.testing.assert_frame_equal(again.positions.frame, expected.positions.frame)
    time.sleep(waited)
    failed = run("n = 3\nm = 1\nposition = data.get('close') / 0 + undefined_name")
    assert (failed.status, failed.line) == (Status.STRATEGY_ERROR, 3)
    assert "data.get('close') / 0" in failed.traceback
    time.sleep(waited)
    with SandboxSession("m = 2\nclose = data.get('close')\nposition = close.average(m) > close", toy()) as session:
        close = toy().get("close")
        for m, found in zip((2, 9), session.series([{"m": 2}, {"m": 9}]), strict=True):
            pd.testing.assert_frame_equal(found.positions.frame, pd.DataFrame(close.average(m) > close))


def test_the_next_child_is_made_while_a_session_goes_on():
    """A session does not keep others waiting for a fork: after a pause there is a child that waits for a request."""
    with SandboxSession(GOOD, toy()) as session:
        assert session.run().status is Status.OK
        server = psutil.Process(get_server().process)
        deadline = time.monotonic() + 10
        while len(server.children()) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting = {child.pid for child in server.children()}
        assert len(waiting) == 2
        told = run("import os\nprint(os.getpid())\n" + GOOD)
        assert int(told.stdout) in waiting


def test_close_is_idempotent_and_the_next_run_starts_anew():
    """Closing twice is fine, ends the server process, and a later run works."""
    process = get_server().process
    close_server()
    close_server()
    assert not psutil.pid_exists(process)
    assert run(GOOD).status is Status.OK


def test_a_killed_server_is_replaced():
    """A server that was killed makes no run fail that starts afterwards."""
    server = get_server()
    os.kill(server.process, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while server.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run(GOOD).status is Status.OK
    assert get_server().process != server.process


def test_a_server_that_dies_unnoticed_is_replaced(monkeypatch):
    """A server that is dead although it looked alive is replaced before the run, which works."""
    server = get_server()
    monkeypatch.setattr(ServerProcess, "alive", True)
    os.kill(server.process, signal.SIGKILL)
    assert run(GOOD).status is Status.OK
    assert get_server() is not server


def test_a_server_killed_during_a_run_is_a_crash():
    """A run whose server is killed ends as crashed, its child with it, and the next run works."""
    server = get_server()
    timer = threading.Timer(0.3, os.kill, (server.process, signal.SIGKILL))
    timer.start()
    result = run("import time\ntime.sleep(30)")
    timer.join()
    assert result.status is Status.CRASHED
    assert result.wall_seconds < 5
    assert run(GOOD).status is Status.OK


def test_the_server_holds_no_data():
    """After a run of 20 MB of data the server's own memory is what it was."""
    server = psutil.Process(get_server().process)
    before = server.memory_info().rss
    run(GOOD, toy(2500, 1000))
    assert server.memory_info().rss - before < 10 << 20
    mapped = sum(place.size for place in server.memory_maps() if "outsample-data" in place.path)
    assert mapped < 1 << 20, "only the small invented data of its warm-up"


def test_the_environment_is_not_handed_on(monkeypatch):
    """No variable of the caller but the places of its caches reaches a server, and none a child."""
    monkeypatch.setenv("OUTSAMPLE_TEST_TOKEN", "secret-token")
    with ServerProcess() as server:
        environment = psutil.Process(server.process).environ()
    assert "OUTSAMPLE_TEST_TOKEN" not in environment
    assert "secret-token" not in "".join(environment.values())
    assert run("import os\nprint(dict(os.environ))").stdout == "{}\n"


def test_many_threads_share_the_server():
    """Runs from eight threads give each thread its own answer."""

    def one(number):
        result = run(f"position = data.get('close') * 0 + {number}")
        return result.positions.frame.iloc[0, 0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(24))) == list(range(24))


def test_ends_without_server_are_quick(tmp_path):
    """A process that ran a strategy ends by itself, without a server left."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            from sandbox.support import run
            from outsample.sandbox.client import get_server
            print(run("position = data.get('close') > 0").status.value, get_server().process)
            """
        ),
        encoding="ascii",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, env=environment, timeout=60, check=True)
    status, process = done.stdout.decode().split()
    assert status == "ok"
    assert not psutil.pid_exists(int(process))


def test_ctrl_c_ends_the_run_and_propagates(tmp_path):
    """KeyboardInterrupt leaves within a second, takes the child along, and the next run works."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import contextlib, os, signal, threading, time, psutil
            from sandbox.support import run
            from outsample.sandbox.client import get_server
            server = get_server()
            run("position = data.get('close') > 0")  # everything is imported: what is interrupted is a run
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            started, took, other = time.monotonic(), 99.0, ""
            try:
                other = run("while True: pass")  # what came instead of the interruption
            except KeyboardInterrupt:
                took = time.monotonic() - started
            time.sleep(0.5)
            busy = 0
            for process in psutil.process_iter(["ppid"]):  # a process may end between two looks
                with contextlib.suppress(psutil.NoSuchProcess):
                    busy += process.info["ppid"] == server.process and process.cpu_times().user > 0.3
            print(took < 1.5, busy, run("position = data.get('close') > 0").status.value, other)
            """
        ),
        encoding="ascii",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, env=environment, timeout=60, check=False)
    assert done.stdout.decode().split() == ["True", "0", "ok"], done.stderr.decode()


def test_a_killed_parent_takes_everything_along(tmp_path):
    """When the caller is killed, its server and the running child end too."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import threading
            from sandbox.support import run
            from outsample.sandbox.client import get_server
            print(get_server().process, flush=True)
            run("while True: pass")
            """
        ),
        encoding="ascii",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as caller:
        server = psutil.Process(int(caller.stdout.readline()))
        deadline = time.monotonic() + 10
        while len(server.children()) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        family = [server, *server.children()]
        caller.kill()
    assert len(family) >= 3
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_gets_a_server_of_its_own():
    """After a fork the new process neither uses nor ends the server of the old one."""
    server = get_server()
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            result = run(GOOD)
            os.write(writer, f"{result.status.value} {get_server().process}".encode())
            close_server()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        status, other = stream.read().split()
    os.waitpid(process, 0)
    assert status == "ok"
    assert int(other) != server.process
    assert get_server() is server
    assert run(GOOD).status is Status.OK


def test_cancelling_from_another_thread():
    """An event set by another thread ends the run at once, with the status cancelled."""
    cancel = threading.Event()
    timer = threading.Timer(0.2, cancel.set)
    timer.start()
    result = run_sandboxed("while True: pass", toy(), validate=False, cancel=cancel)
    timer.join()
    assert result.status is Status.CANCELLED
    assert result.wall_seconds < 1.5


def test_the_event_loop_keeps_ticking():
    """Several asynchronous runs at once leave the loop free, and a cancelled task ends its run."""

    async def main():
        ticks = 0
        runs = [asyncio.ensure_future(arun_sandboxed("import time\ntime.sleep(0.3)\n" + GOOD, toy(), validate=False))]
        runs += [asyncio.ensure_future(arun_sandboxed(GOOD, toy(), validate=False)) for _ in range(3)]
        endless = asyncio.ensure_future(arun_sandboxed("while True: pass", toy(), validate=False))
        while not all(task.done() for task in runs):
            await asyncio.sleep(0.01)
            ticks += 1
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        return ticks, [task.result().status for task in runs]

    ticks, statuses = asyncio.run(main())
    assert ticks >= 5
    assert set(statuses) == {Status.OK}


def test_nothing_leaks_over_many_runs():
    """Descriptors, processes and memory of caller and server stay what they are over many runs of every kind."""
    sources = [
        GOOD,
        "x = 1 / 0",
        "import os\nos._exit(1)",
        "print('x' * 100_000)",
        "import os\nos.kill(os.getpid(), 9)",
    ]
    own, server = psutil.Process(), psutil.Process(get_server().process)

    def state():
        gc.collect()
        deadline = time.monotonic() + 3
        while len(server.children()) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        return own.num_fds(), server.num_fds(), len(server.children()), own.num_threads()

    for source in sources * 2:
        run(source)
    before, memory = state(), (own.memory_info().rss, server.memory_info().rss)
    for _ in range(20 * SCALE):
        for source in sources:
            run(source)
    assert state() == before
    after = (own.memory_info().rss, server.memory_info().rss)
    assert all(late - early < 8 << 20 for early, late in zip(memory, after, strict=True))


def test_payloads_go_with_their_dataset():
    """The memory file of a dataset is closed when the dataset is gone."""
    from outsample.data import Dataset
    from sandbox.support import frames

    data = Dataset.from_frames(frames(seed=5), name="short-lived")
    run(GOOD, data)
    before = psutil.Process().num_fds()
    del data
    gc.collect()
    assert psutil.Process().num_fds() == before - 1


@pytest.mark.parametrize("off", ["seccomp", "landlock,seccomp"])
def test_less_protection_is_refused_by_default(off):
    """A server without its layers says so, and runs nothing unless it is asked to."""
    with ServerProcess(off=frozenset(off.split(","))) as server:
        report = server.report
        assert report.level != "kernel-confined"
        assert report.layers["seccomp"] == "off by user"
        assert not report.probes["fork"]
        assert any("processes" in line for line in report.open)
        refused = execute_request(RunRequest(source=GOOD, data=toy(), server=server))
        assert refused.status is Status.REFUSED
        assert report.level in refused.hint
        policy = SandboxPolicy(require=report.level)
        assert execute_request(RunRequest(source=GOOD, data=toy(), server=server, policy=policy)).status is Status.OK


def test_levels_come_from_probes():
    """All stopped is kernel-confined, some partially, none or silence process-only."""
    stopped = dict.fromkeys(("read_file", "write_file", "tcp", "unix_socket", "fork", "exec", "kill_parent"), True)
    assert describe([{"blocked": stopped}]).level == "kernel-confined"
    assert describe([{"blocked": {**stopped, "tcp": False}}]).level == "partially-confined"
    assert describe([{"blocked": {name: stopped[name] for name in ("fork", "tcp")}}]).level == "partially-confined"
    assert describe([]).level == "process-only"
    assert describe([{"blocked": {"read_file": "yes"}}]).level == "process-only"


def test_a_server_starts_in_the_background():
    """A server started in the background is the one that the next run uses."""
    close_server()
    thread = start_server()
    thread.join()
    process = get_server().process
    assert sandbox_report().level == "kernel-confined"
    assert run("import os\nprint(os.getppid())\n" + GOOD).stdout.strip() == str(process)


def test_a_server_that_cannot_start_says_why():
    """A server whose interpreter fails gives its last words, not a hang."""
    with pytest.raises(SandboxCrashed, match="did not start"):
        ServerProcess("no-such-flavour")


@pytest.mark.slow
def test_scipy_and_sklearn_have_their_server():
    """A source that imports scipy or sklearn runs in a second server that has them."""
    source = (
        "from scipy import stats\nfrom sklearn.linear_model import LinearRegression\n"
        "x = np.arange(10.0)\nprint(stats.norm.cdf(0), LinearRegression().fit(x[:, None], x).coef_.round(3))\n" + GOOD
    )
    result = run(source, timeout=60, memory_mb=800)
    assert result.status is Status.OK, result.traceback
    assert result.stdout == "0.5 [1.]\n"
    assert get_server("science") is not get_server()
