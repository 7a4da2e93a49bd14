"""What the tests of jobs share: servers, and one empty store of each kind."""

import pytest

from jobs.redis_server import redis_server, redis_url
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
