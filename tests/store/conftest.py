"""What the tests of the store share: one fixture for every kind of store, and results to put into it."""

import pytest

from outsample import Dataset, Store, backtest, load
from outsample.testing import memory_store
from store.postgres import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

SOURCE = """
fast = 20
slow = 60
close = data.get("close")
position = close.average(fast) > close.average(slow)
print("好的")
"""


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
def store(request, tmp_path, monkeypatch):
    """An empty store: each test that uses it is a promise of all three."""
    if request.param == "memory":
        opened = memory_store()
    elif request.param == "sqlite":
        opened = Store.open(tmp_path / "store.db")
    else:
        monkeypatch.setenv("OUTSAMPLE_ARTEFACTS", str(tmp_path))
        opened = Store.open(request.getfixturevalue("postgres_url"))
    with opened:
        yield opened


@pytest.fixture(scope="session")
def sample():
    """The shipped dataset."""
    return load("sample")


@pytest.fixture(scope="session")
def result(sample):
    """A result that is in no store."""
    return backtest(SOURCE, sample, store=False, lookahead=False)


@pytest.fixture(scope="session")
def other(sample):
    """Another one: another parameter."""
    return backtest(SOURCE, sample, params={"fast": 30}, store=False, lookahead=False)


@pytest.fixture
def forgetful(monkeypatch):
    """A process that has run nothing yet: what it knows is in the store."""
    from outsample import api
    from outsample.ledger.known import Known

    def forget():
        monkeypatch.setattr(api, "_known", Known())

    forget()
    return forget


@pytest.fixture(scope="session")
def awkward():
    """A dataset whose symbols are whole numbers and whose moments have a zone."""
    import numpy as np
    import pandas as pd

    dates = pd.date_range("2024-03-28 16:00", periods=60, freq="B", tz="America/New_York")
    walk = np.exp(np.random.default_rng(3).normal(0, 0.02, (60, 3)).cumsum(axis=0)) * 50
    return Dataset.from_frames({"close": pd.DataFrame(walk, index=dates, columns=[10001, 10107, 2**53 + 1])}, name="x")
