"""Sessions: many parameter sets in one child, each as if it were alone."""

import threading

import pytest

from outsample.config import SandboxPolicy
from outsample.errors import ConfigError
from outsample.model import Status
from outsample.sandbox import SandboxSession
from sandbox.support import run, toy

SOURCE = "n = 5\nclose = data.get('close')\nposition = close > close.rolling(n).mean()\n"


@pytest.fixture
def session():
    with SandboxSession(SOURCE + "print(n)", toy(), policy=SandboxPolicy(timeout=5, memory_mb=200)) as found:
        yield found


def test_each_set_equals_a_fresh_run(session):
    """The positions of every parameter set are those of a run in a child of its own."""
    for n in (2, 10, 5, 2):
        result = session.run({"n": n})
        assert result.status is Status.OK, result.error
        assert result.stdout == f"{n}\n"
        assert result.positions.frame.equals(run(SOURCE, params={"n": n}).positions.frame)


def test_map_keeps_the_order(session):
    """Results come in the order of their parameter sets."""
    assert [r.stdout for r in session.map({"n": n} for n in (3, 1, 2))] == ["3\n", "1\n", "2\n"]


def test_one_child_serves_all_sets():
    """The sets of a session run in one process."""
    with SandboxSession("import os\nn = 1\nprint(os.getpid())\nposition = data.get('close') > n", toy()) as session:
        assert len({session.run({"n": n}).stdout for n in range(5)}) == 1


def test_names_and_seeds_are_new_each_time():
    """Neither a name nor a state of a generator is left for the next set."""
    source = (
        "import random\nn = 1\nleft = 'kept' in globals()\nkept = 1\n"
        "print(left, random.random(), np.random.normal())\nposition = data.get('close') > n"
    )
    with SandboxSession(source, toy()) as session:
        lines = {session.run({"n": n}).stdout for n in range(4)}
    assert len(lines) == 1
    assert lines.pop().startswith("False")


def test_frames_are_read_only():
    """Writing into the data in place is an error that names the way out, and does not reach the next set."""
    source = "n = 1\nvalues = data.get('close').to_numpy()\nvalues[0, 0] = n\nposition = data.get('close') > 0"
    with SandboxSession(source, toy()) as session:
        result = session.run()
    assert result.status is Status.STRATEGY_ERROR
    assert ".copy()" in result.hint


def test_an_error_leaves_the_session_alive(session):
    """An error in one set is its result; the next set works."""
    assert session.run({"n": -1}).status is Status.STRATEGY_ERROR
    assert session.run({"unknown": 1}).error_type == "ConfigError"
    assert session.run({"n": 3}).status is Status.OK


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("while n > 100: pass", Status.TIMEOUT),
        ("kept = [np.ones(1_000_000) for _ in range(n)]", Status.MEMORY),
        ("if n > 100: __import__('os')._exit(0)", Status.CRASHED),
        ("if n > 100: __import__('os').kill(__import__('os').getpid(), 9)", Status.KILLED),
        ("if n > 100: __import__('os').write(3, b'garbage' * 10)", Status.RESULT_INVALID),
    ],
)
def test_a_child_that_was_ended_is_replaced(line, status):
    """After any end of its child a session goes on with a new one."""
    policy = SandboxPolicy(timeout=0.5 if status is Status.TIMEOUT else 20, memory_mb=150)
    with SandboxSession(f"n = 1\n{line}\nposition = data.get('close') > 0", toy(), policy=policy) as session:
        assert session.run({"n": 2}).status is Status.OK
        assert session.run({"n": 1000}).status is status
        assert session.run({"n": 2}).status is Status.OK


def test_cancelling_a_set(session):
    """An event ends the set that runs, and the session goes on."""
    cancel = threading.Event()
    cancel.set()
    with SandboxSession("n = 1\nwhile n: pass", toy()) as endless:
        assert endless.run(cancel=cancel).status is Status.CANCELLED


def test_sessions_are_confined():
    """The child of a session is locked like any other."""
    with SandboxSession("n = 1\nopen('/etc/passwd')", toy()) as session:
        assert session.run().error_type == "PermissionError"


def test_parameters_are_literals(session):
    """A parameter that is no literal is refused before anything is sent."""
    with pytest.raises(ConfigError, match="literals"):
        session.run({"n": object()})
    with pytest.raises(ConfigError, match="bytes"):
        session.run({"n": "x" * 100_000})
