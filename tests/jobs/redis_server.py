"""A real Redis for tests: on a free loopback port, in a temporary folder, stopped at the end."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


class Server:
    """A Redis that can be started, killed and started again, with or without what it held."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    @property
    def url(self):
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        """Start it and wait until it answers."""
        log = (self.folder / "log").open("ab")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen([shutil.which("redis-server"), *options], stdout=log, stderr=log)
        log.close()
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                link.sendall(b"PING\r\n")
                if link.recv(16).startswith(b"+PONG"):
                    return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text(errors="replace"))

    def kill(self):
        """Kill it at once: what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        """Kill it and start it again, empty."""
        self.kill()
        self.start()


@pytest.fixture(scope="session")
def redis_server():
    """One server for all tests of the session."""
    if shutil.which("redis-server") is None:
        reason = "Redis is not installed: run tests/setup_system.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="outsample-redis-"))
    server = Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def redis_url(redis_server):
    """The address of the server, empty and running."""
    if redis_server.process.poll() is not None:
        redis_server.start()
    import redis

    with redis.Redis.from_url(redis_server.url) as connection:
        connection.flushall()
    return redis_server.url
