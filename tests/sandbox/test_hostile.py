"""Attacks, one per file of tests/hostile, in three modes.

*Unprotected*: the harm must happen, or the attack proves nothing. *Sandbox alone*, with the validator
off: it must not, and the run must end as the file expects. *Both*: the same with the validator on.
"""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from outsample.config import SandboxPolicy
from outsample.model import Status
from outsample.sandbox import run_sandboxed
from outsample.sandbox.client import get_server
from sandbox.support import run, toy

FOLDER = Path(__file__).parents[1] / "hostile"
FILES = sorted(FOLDER.glob("*.py"))
LIMIT_SECONDS = 0.5
LIMIT_MB = 200
SECRET = "outsample-test-" + secrets.token_hex(8)
NAME = "name-" + secrets.token_hex(8)

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") and not os.environ.get("CI"), reason="the confined sandbox needs Linux"
)


def header(path):
    return dict(re.findall(r"^# (category|harm|expect): (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))


class Range:
    """The targets of one attack, and what can be seen of its harm."""

    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o777)
        self.canary = folder / f"{NAME}.txt"
        self.canary.write_text(SECRET, encoding="ascii")
        self.script = folder / "script.py"
        self.script.write_text(f"print({SECRET!r})", encoding="ascii")
        self.target = folder / "created"
        self.output = folder / "output"
        self.hits = 0
        self.victim = subprocess.Popen(["sleep", "60"], start_new_session=True)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(folder / "socket"))
        self.unix.listen()
        for server in (self.tcp, self.unix):
            threading.Thread(target=self._serve, args=(server,), daemon=True).start()

    def _serve(self, server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    def source(self, path):
        places = {
            "CANARY": self.canary,
            "TARGET": self.target,
            "FOLDER": self.folder,
            "SCRIPT": self.script,
            "PORT": self.tcp.getsockname()[1],
            "SOCKET": self.folder / "socket",
            "VICTIM": self.victim.pid,
        }
        text = path.read_text(encoding="utf-8")
        for name, value in places.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def harm(self, kind, text, seen):
        """Whether the harm of a kind has happened."""
        if kind == "hit":
            deadline = time.monotonic() + (10.0 if seen.get("control") else 0.02)
            while not self.hits and time.monotonic() < deadline:
                time.sleep(0.01)
        if kind == "victim":
            try:
                self.victim.wait(10.0 if seen.get("control") else 0.02)
            except subprocess.TimeoutExpired:
                return False
            return True
        return {
            "canary": SECRET in text,
            "listing": NAME in text,
            "file": os.path.lexists(self.target),
            "hit": self.hits > 0,
            "says": "HARM" in text,
            "time": seen.get("timed_out", False),
            "memory": seen.get("peak_mb", 0.0) > LIMIT_MB * 1.4,
            "output": seen.get("output", 0) > 70 << 20,
            "forged": seen.get("forged", 0) > 0,
        }[kind]

    def close(self):
        self.victim.kill()
        self.victim.wait()
        for server in (self.tcp, self.unix):
            server.shutdown(socket.SHUT_RDWR) if server is self.unix else None
            server.close()


@pytest.fixture
def targets(tmp_path):
    place = Range(tmp_path)
    yield place
    place.close()


@pytest.fixture(scope="module")
def control():
    environment = {**os.environ, "OUTSAMPLE_TEST_SECRET": SECRET, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("control.py"))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, stderr=subprocess.DEVNULL) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module", autouse=True)
def secret_environment():
    os.environ["OUTSAMPLE_TEST_SECRET"] = SECRET
    get_server()  # started here, so that no test measures its start
    yield
    del os.environ["OUTSAMPLE_TEST_SECRET"]


def processes_left():
    """Living processes below the server, once those that are ending have ended."""
    deadline = time.monotonic() + 2.0
    while True:
        living = 0
        for process in psutil.Process(get_server().process).children(recursive=True):
            try:
                living += process.status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                continue
        if living <= 1 or time.monotonic() > deadline:
            return living
        time.sleep(0.005)


def test_there_are_enough_attacks():
    """At least 60 attacks over every category are kept."""
    categories = {header(path)["category"] for path in FILES}
    assert len(FILES) >= 60
    assert categories >= {"read", "write", "network", "exec", "parent", "memory", "cpu", "forging", "introspection"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_attack_works_unprotected(path, targets, control):
    """Without protection the harm of an attack happens."""
    kind, source = header(path)["harm"], targets.source(path)
    # Most attacks are done at once, and those that never end cost all their time: only what was stopped
    # before its harm, as on a busy machine, is tried again with time enough.
    for seconds in (0.6,) if kind == "time" else (0.6, 30.0):
        task = {"source": source, "output": str(targets.output), "seconds": seconds}
        control.stdin.write(json.dumps(task).encode() + b"\n")
        control.stdin.flush()
        seen = json.loads(control.stdout.readline())
        text = targets.output.read_bytes()[:100_000].decode(errors="replace")
        happened = targets.harm(kind, text, {**seen, "control": True})
        if happened or not seen["timed_out"]:
            break
    assert happened, text[-800:]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sandbox_alone_stops_attack(path, targets):
    """With the validator off the harm does not happen, and the run ends as documented."""
    expected = header(path)
    started = time.monotonic()
    seconds = LIMIT_SECONDS if expected["category"] == "cpu" else 10.0
    result = run(targets.source(path), timeout=seconds, memory_mb=LIMIT_MB)
    took = time.monotonic() - started
    assert result.status.value in expected["expect"].split("|"), (result.status, result.error, result.traceback)
    text = "\n".join((result.stdout, result.error, result.traceback, result.hint, *result.warnings))
    harm = expected["harm"]
    if harm == "time":
        assert took < LIMIT_SECONDS + 2.0
    elif harm == "memory":
        assert result.peak_memory_mb < LIMIT_MB * 1.4
    elif harm == "output":
        assert len(result.stdout) <= 64 << 10
    elif harm == "forged":
        assert result.positions is None
    elif result.status not in (Status.CRASHED, Status.KILLED):
        # What a strategy says in an error is its own source; only what it printed shows what it reached.
        assert not targets.harm(harm, text if harm == "canary" else result.stdout, {}), text
    assert processes_left() <= 1, "only the child that waits for the next run may be there"
    assert run("position = data.get('close') > 0").status is Status.OK, "the next run must work"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_layers_stop_attack(path, targets):
    """With the validator on an attack is rejected, or the sandbox ends it as before."""
    policy = SandboxPolicy(timeout=LIMIT_SECONDS, memory_mb=LIMIT_MB)
    expected = header(path)
    result = run_sandboxed(targets.source(path), toy(), policy=policy)
    assert result.status.value in {"rejected", *expected["expect"].split("|"), "timeout"}
    assert SECRET not in result.stdout + result.error + result.traceback
    assert not os.path.lexists(targets.target)
    assert targets.hits == 0
    assert targets.victim.poll() is None
