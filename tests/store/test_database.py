"""Opening and closing of the two kinds of database."""

import gc
import multiprocessing

import pytest
import sqlalchemy as sa

from outsample.errors import StoreError
from outsample.store import Database, Store, Trial


def trial(key):
    return Trial(result_key=key, name="s", dataset="d", snapshot_id="x", family="f", source="")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("postgres_url")


def test_it_opens_twice_and_keeps(url):
    """What one process wrote another one reads; a second opening makes nothing new."""
    with Store.open(url) as first:
        first.record(trial("a"))
    with Store.open(url) as second:
        assert second.runs()["result_key"].tolist() == ["a"]
        assert second.count("store").n == 1


def test_a_closed_store_says_so(url):
    """Closing is idempotent, and using a closed store is an error with a hint."""
    store = Store.open(url)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.trials()


def _child(database, key, queue):
    try:
        database.record(trial(key))
        queue.put("ok")
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent shows it
        queue.put(repr(error))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_gets_connections_of_its_own(url):
    """The parent's connection is not shared: both write, and both go on."""
    with Store.open(url) as store:
        store.record(trial("parent"))
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_child, args=(store, "child", queue))
        child.start()
        assert queue.get(timeout=60) == "ok"
        child.join()
        store.record(trial("after"))
        assert store.count("store").n == 3


def test_reading_does_not_wait_for_a_writer(url):
    """A transaction that writes leaves readers with what was committed."""
    with Database.open(url) as database, database.begin() as writing:
        writing.execute(sa.text("insert into audit values ('1', current_timestamp, 'a', 'b', 'c', 'd', '{}')"))
        with database.connect() as reading:
            assert reading.execute(sa.text("select count(*) from audit")).scalar() == 0


def test_a_read_only_store_says_so(tmp_path):
    """What may not be written can be read, and writing is a StoreError with a hint."""
    path = tmp_path / "s.db"
    with Store.open(path) as store:
        store.record(trial("a"))
    with Store.open(f"sqlite:///file:{path}?mode=ro&uri=true") as store:
        assert store.count("store").n == 1
        with pytest.raises(StoreError, match="readonly") as caught:
            store.record(trial("b"))
        assert "OUTSAMPLE_STORE" in caught.value.hint


def test_a_locked_database_says_so(tmp_path, monkeypatch):
    """A writer that does not end is named as the reason."""
    monkeypatch.setattr("outsample.store.database.BUSY_SECONDS", 0.2)
    with Store.open(tmp_path / "s.db") as one, Store.open(tmp_path / "s.db") as two:
        with one.begin(), pytest.raises(StoreError, match="locked"):
            two.record(trial("a"))
        two.record(trial("a"))


def test_a_network_file_system_is_noticed(tmp_path, monkeypatch):
    """There the write-ahead log does not work: another journal, and a warning that says so."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {tmp_path}/far\\040away nfs4 rw 0 0\n")
    from outsample.store import database

    assert database._is_network(tmp_path / "far away" / "store.db", mounts)
    assert not database._is_network(tmp_path / "store.db", mounts)
    monkeypatch.setattr(database, "_is_network", lambda _path: True)
    with pytest.warns(RuntimeWarning, match="network"):
        opened = Store.open(tmp_path / "store.db")
    with opened as store:
        store.record(trial("a"))
        with store.connect() as connection:
            assert connection.exec_driver_sql("pragma journal_mode").scalar() == "delete"


@pytest.mark.parametrize(
    "address", ["mysql://u:secret@h/d", "postgresql://u:secret@127.0.0.1:9/d", "x://", "sqlite:///a\0b"]
)
def test_no_address_shows_its_password(address):
    """What cannot be opened is a typed error without the password."""
    with pytest.raises(StoreError) as caught:
        Store.open(address)
    assert "secret" not in str(caught.value)


def test_a_store_that_nobody_closed_closes_its_connections(tmp_path):
    """When nobody holds it any more; a second `close` and a late one say nothing."""
    store = Store.open(tmp_path / "store.db")
    store.record(trial("a"))
    engine = store.engine
    assert engine.pool.checkedin() == 1
    del store
    gc.collect()
    assert engine.pool.checkedin() == 0
    with Store.open(tmp_path / "store.db") as again:
        assert again.count("store").n == 1
    again.close()
