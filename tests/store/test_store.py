"""The ledger of trials."""

import subprocess
import sys
import threading

import pytest

from outsample.errors import ConfigError, StoreError
from outsample.store import Store
from store.trials import trial


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def test_a_repeated_key_is_no_new_trial(store):
    """N counts distinct keys; every run is recorded all the same."""
    for key in ("k1", "k1", "k2"):
        store.record(trial(key))
    assert store.count("dataset", "sample").n == 2
    assert len(store.trials()) == 3
    assert store.count("dataset", "other").n == 0
    assert store.count("store").n == 2
    assert store.count("family", "f").n == 2


def test_the_variance_has_the_floor_of_luck(store):
    """V = max(sample variance of per-period Sharpe ratios, 1/n)."""
    store.record(trial("a", sharpe_per_period=0.1))
    assert store.count("store").variance == pytest.approx(1 / 252)
    store.record(trial("b", sharpe_per_period=0.5))
    assert store.count("store").variance == pytest.approx(0.08)


def test_failed_trials_count(store):
    """A configuration that failed was tried."""
    store.record(trial("a", status="failed", sharpe=None, sharpe_per_period=None, n_returns=None))
    counted = store.count("store")
    assert counted.n == 1
    assert counted.variance != counted.variance


def test_undefined_numbers_are_null(store):
    """NaN never enters the database."""
    store.record(trial("a", sharpe=float("nan"), total_return=float("inf")))
    row = store.trials().iloc[0]
    assert row["sharpe"] is None or row["sharpe"] != row["sharpe"]
    assert row["total_return"] is None or row["total_return"] != row["total_return"]


def test_it_survives_closing(tmp_path):
    """What was recorded is there after reopening; close may be called twice."""
    store = Store.open(tmp_path / "s.db")
    store.record(trial())
    store.close()
    store.close()
    with Store.open(f"sqlite:///{tmp_path / 's.db'}") as again:
        assert again.trials().iloc[0]["parameters"] == {}


def test_there_is_no_way_to_remove_a_trial(store):
    """The ledger is append-only: nothing public deletes or updates."""
    names = [name for name in dir(store) if not name.startswith("_")]
    assert not [name for name in names if any(word in name for word in ("delete", "remove", "update", "drop"))]


def test_a_store_that_cannot_be_opened_says_so(tmp_path):
    """A folder, a file of something else, and an unknown database are refused with a hint."""
    (tmp_path / "text.db").write_text("this is not a database " * 50)
    for url in (tmp_path, tmp_path / "text.db"):
        with pytest.raises(StoreError, match="cannot be opened"):
            Store.open(url)
    with pytest.raises(StoreError, match="only SQLite"):
        Store.open("mysql://user:secret@localhost/db")


def test_the_password_of_a_url_is_not_shown():
    """Messages end up in logs."""
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://user:secret@127.0.0.1:9/db")
    assert "secret" not in str(caught.value)


def test_runs_are_sorted_and_checked(store):
    """The newest run of each key, by any column."""
    for key, sharpe in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("a", 1.5)):
        store.record(trial(key, sharpe=sharpe))
    assert store.runs(order_by="-sharpe")["result_key"].tolist() == ["b", "c", "a"]
    assert store.runs(order_by="sharpe", limit=1)["sharpe"].tolist() == [1.5]
    assert store.runs(since="2999-01-01").empty
    with pytest.raises(ConfigError, match="column"):
        store.runs(order_by="luck")


def test_threads_write_at_once(store):
    """Eight threads lose nothing."""
    threads = [
        threading.Thread(target=lambda n=n: [store.record(trial(f"{n}-{i}")) for i in range(10)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count("store").n == 80


WRITER = """
import sys
from outsample.store import Store, Trial
with Store.open(sys.argv[1]) as store:
    for place in range(10):
        store.record(Trial(result_key=f"{sys.argv[2]}-{place}", name="s", dataset="d", snapshot_id="x", family="f",
                           source=""))
"""


@pytest.mark.slow
def test_processes_write_at_once(tmp_path):
    """Four processes on one SQLite file lose nothing."""
    path = tmp_path / "s.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    with Store.open(path) as store:
        assert store.count("store").n == 40
