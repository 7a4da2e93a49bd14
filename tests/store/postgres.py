"""A real PostgreSQL server for tests: made in a temporary folder, stopped at the end.

Import `postgres_server` and `postgres_url` into a conftest: the first is one server per session, the
second an empty database of it per test.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest


def find_program(name):
    """The path of a program of PostgreSQL, or None; Debian keeps them out of PATH."""
    found = shutil.which(name)
    if found is not None:
        return found
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(candidates[-1]) if candidates else None


class Server:
    """A running server; `url(name)` is the address of a database of it."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        # The server refuses to run as root.
        self.user = {}
        if os.getuid() == 0:
            account = next(name for name in ("postgres", "nobody") if _exists(name))
            entry = pwd.getpwnam(account)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def start(self):
        """Make the cluster and wait until it answers."""
        data = self.folder / "data"
        made = subprocess.run(
            [find_program("initdb"), "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=False, capture_output=True, text=True, cwd=self.folder, **self.user,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        log = (self.folder / "log").open("wb")
        options = ["listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=80"]
        self.process = subprocess.Popen(
            [find_program("postgres"), "-D", data, "-k", self.folder, *(f"--{option}" for option in options)],
            stdout=log, stderr=log, cwd=self.folder, **self.user,
        )  # fmt: skip
        log.close()
        for _ in range(300):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(Exception):
                self.execute("select 1")
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text(errors="replace"))

    def stop(self):
        """Stop the server, waiting for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def url(self, database="postgres"):
        """The address of a database, for `Store.open`."""
        return f"postgresql://tester@/{database}?host={self.folder}"

    def execute(self, statement):
        """Run one statement outside a transaction."""
        import psycopg

        with psycopg.connect(f"host={self.folder} user=tester dbname=postgres", autocommit=True) as connection:
            connection.execute(statement)

    @contextlib.contextmanager
    def database(self):
        """The address of a new, empty database, removed at the end."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.execute(f"create database {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"drop database {name} with (force)")


def _exists(account):
    try:
        pwd.getpwnam(account)
    except KeyError:
        return False
    return True


@pytest.fixture(scope="session")
def postgres_server():
    """One server for all tests of the session."""
    if find_program("initdb") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed: run tests/setup_system.sh")
        pytest.skip("PostgreSQL is not installed: run tests/setup_system.sh")
    # The path of a socket is at most 107 characters long.
    folder = Path(tempfile.mkdtemp(prefix="outsample-pg-", dir="/tmp"))
    server = Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server):
    """An empty database on the server."""
    with postgres_server.database() as url:
        yield url
