"""What the tests of jobs share: servers, and one empty store of each kind."""

import contextlib
import socket

import pytest

from jobs.redis_server import redis_server, redis_url
from jobs.world import World
from outsample.archive import Store
from store.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url", "redis_server", "redis_url"]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path, monkeypatch):
    """An empty store in SQLite and in PostgreSQL."""
    monkeypatch.setenv("OUTSAMPLE_ARTEFACTS", str(tmp_path))
    url = str(tmp_path / "store.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Store.open(url) as opened:
        yield opened


@pytest.fixture(scope="module", params=["local", "rq"])
def world(request, tmp_path_factory):
    """A running backend with one worker: each test that uses it is a promise of both."""
    folder = tmp_path_factory.mktemp(request.param)
    with contextlib.ExitStack() as stack:
        database = redis = None
        if request.param == "rq":
            database = stack.enter_context(request.getfixturevalue("postgres_server").database())
            server = request.getfixturevalue("redis_server")
            server.restart()
            redis = server.url
        yield stack.enter_context(World(request.param, folder, database, redis).running())


@pytest.fixture
def free_port():
    """A port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
