"""A server that is started before pandas is there: used once, never left behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil

import outsample
from outsample.batch.helpers import Helper
from outsample.sandbox import spawn
from outsample.sandbox.spawn import server_environment

AHEAD = """
import os, sys
from outsample.sandbox.spawn import spawn_ahead, _ahead
spawn_ahead()
assert not {"pandas", "numpy", "numba"} & set(sys.modules)
process = _ahead[0].process.pid
"""


def said(code):
    """What a process that started a server ahead prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AHEAD + textwrap.dedent(code)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_the_first_run_uses_the_server_that_was_started_ahead():
    """One server, whose children find our packages; another call starts no second one."""
    status, same, children = said(
        """
        import psutil
        from outsample.sandbox import run_sandboxed
        from outsample.sandbox.client import get_server
        spawn_ahead()
        result = run_sandboxed("position = data.get('close') > 0", "synthetic:2x60")
        spawn_ahead()
        print(result.status.value, get_server().process == process, len(psutil.Process().children()))
        """
    )
    assert (status, same, children) == ("ok", "True", "1")


def test_a_server_that_nobody_used_ends_with_its_process():
    """In order, with no warning, while it still imports."""
    (process,) = said("print(process)")
    assert not psutil.pid_exists(int(process))


def test_a_forked_process_leaves_the_server_alone():
    """The fork ends; the server that its parent started serves the parent."""
    assert said(
        """
        if os.fork() == 0:
            spawn_ahead()  # its own
            os._exit(0 if _ahead[0].process.pid != process else 1)
        _, status = os.wait()
        from outsample.sandbox.client import get_server
        print(status, get_server().process == process, get_server().alive)
        """
    ) == ["0", "True", "True"]


def test_a_server_that_was_closed_is_not_started_ahead_again():
    """The extension may be loaded again: the next run starts what it needs."""
    assert said(
        """
        from outsample.sandbox import close_server
        from outsample.sandbox.client import get_server
        get_server()
        close_server()
        spawn_ahead()
        print(len(_ahead), os.path.exists(f"/proc/{process}"))
        """
    ) == ["0", "False"]


LOAD = """
import subprocess, sys, threading
started = []
class Noting(subprocess.Popen):
    def __init__(self, command, *rest, **options):
        started.append(("outsample.sandbox.server" in command, "pandas" in sys.modules))
        super().__init__(command, *rest, **options)
subprocess.Popen = Noting
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_line_magic("load_ext", "outsample")
for thread in threading.enumerate():
    if thread.name == "outsample-preload":
        thread.join(60)
print(started, "numba.core.typing.npydecl" in sys.modules)
"""


def test_the_extension_starts_the_server_before_pandas_and_loads_the_compiler():
    """One server, first of all; when the thread has ended a kernel has nothing to import any more."""
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[(True, False)] True", done.stderr


def test_our_own_packages_come_first():
    """Where pandas lies there may be another outsample: a server must not be one of its."""
    ours = str(Path(outsample.__file__).parents[1])
    assert server_environment()["PYTHONPATH"].split(os.pathsep)[0] == ours
    helper = Helper()
    try:
        environment = psutil.Process(helper.process).environ()
    finally:
        helper.close()
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == ours


def test_a_server_that_cannot_be_started_ahead_is_no_error_yet(monkeypatch):
    """The extension is loaded all the same; the first run says what is wrong."""

    def full(*_, **__):
        raise OSError("Too many processes.")

    monkeypatch.setattr(spawn, "_started", [])
    monkeypatch.setattr(spawn.subprocess, "Popen", full)
    spawn.spawn_ahead()
    assert spawn._ahead == []
