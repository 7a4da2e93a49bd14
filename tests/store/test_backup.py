"""Backup and restore: a copy that is whole, of SQLite and of PostgreSQL, restored into an empty store."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from outsample import Store, load
from outsample.cli import main
from outsample.errors import StoreError
from outsample.store import Trial
from outsample.store.backup import backup
from outsample.store.snapshot_care import verify_snapshots
from store.postgres import find_program
from store.test_rebuild import made


def fill(store, *results):
    """Results, a named dataset and a failed trial."""
    for result in results:
        store.save(result)
    store.save_dataset(made(1), "mine")
    store.record(Trial(result_key="k", name="s", dataset="d", snapshot_id="x", family="f", source="", status="failed"))


def the_same(store, *results):
    """Whether a store has what `fill` put into one, all of it whole."""
    for result in results:
        assert store.load(result.key).canonical_bytes == result.canonical_bytes
    assert load("mine", store=store).id == made(1).id
    assert store.count("store").n == len(results) + 1
    assert store.broken() == []
    assert verify_snapshots(store) == []


def test_a_backup_is_a_store(tmp_path, result, other, capsys):
    """Opened where it is: everything is there; `db check` finds nothing wrong."""
    with Store.open(tmp_path / "store" / "store.db") as store:
        fill(store, result)
        first = backup(store, tmp_path / "copy")
        store.save(other)
        second = backup(store, tmp_path / "copy")
        third = backup(store, tmp_path / "copy")
    assert first.copied > second.copied > 0
    assert (third.copied, third.bytes) == (0, 0)
    with Store.open(first.database) as copy:
        the_same(copy, result, other)
    assert main(["db", "check", "--store", str(first.database)]) == 0
    assert main(["db", "backup", str(tmp_path / "again"), "--store", str(tmp_path / "store" / "store.db")]) == 0
    assert "new files" in capsys.readouterr().out


def test_it_is_restored_over_a_loss(tmp_path, result):
    """The folder of the store is gone; the backup, copied to its place, is the store."""
    with Store.open(tmp_path / "store" / "store.db") as store:
        fill(store, result)
        backup(store, tmp_path / "copy")
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "copy", tmp_path / "store")
    with Store.open(tmp_path / "store" / "store.db") as store:
        the_same(store, result)
        store.record(Trial(result_key="n", name="s", dataset="d", snapshot_id="x", family="f", source=""))


def test_what_cannot_be_backed_up_is_refused(tmp_path, result, postgres_url):
    """Its own folder, PostgreSQL, a place that cannot be written."""
    with Store.open(tmp_path / "store.db") as store:
        with pytest.raises(StoreError, match="cannot be in the folder of the store"):
            backup(store, tmp_path)
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="cannot be written"):
            backup(store, tmp_path / "file" / "below")
    with Store.open(postgres_url) as store, pytest.raises(StoreError, match="is no file") as caught:
        backup(store, tmp_path / "copy")
    assert "pg_dump" in caught.value.hint
    assert "tester@" in str(caught.value)


WRITER = """
import sys
from outsample import Store
from outsample.store.publish import Publishing
from store.test_crashes import made
outcomes = made()
with Store.open(sys.argv[1]) as store:
    print("ready", flush=True)
    for place in range(1, 10**6):
        store.publish(outcomes[place % 2], Publishing(attempt=place))
"""


@pytest.mark.slow
def test_a_backup_beside_a_writer_is_whole(tmp_path):
    """While another process publishes without a pause, each of five backups has every file that its rows lead to."""
    path = tmp_path / "store" / "store.db"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, env=environ, text=True)
    try:
        assert writer.stdout.readline() == "ready\n"
        with Store.open(path) as store:
            while not len(store.runs()):
                time.sleep(0.05)
            for place in range(5):
                found = backup(store, tmp_path / str(place))
                with Store.open(found.database) as copy:
                    assert len(copy.runs())
                    assert copy.broken() == []
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.stdout.close()
        writer.wait()


@pytest.mark.slow
@pytest.mark.server
def test_postgresql_is_restored_into_an_empty_database(postgres_server, tmp_path, monkeypatch, result, other):
    """pg_dump, then the files; pg_restore into a database that has no table, with another folder."""
    folder = tmp_path / "results"
    monkeypatch.setenv("OUTSAMPLE_ARTEFACTS", str(folder))
    with postgres_server.database() as source, postgres_server.database() as target:
        with Store.open(source) as store:
            fill(store, result, other)
        dump = tmp_path / "outsample.dump"
        run(find_program("pg_dump"), "--format=custom", f"--file={dump}", source)
        shutil.move(folder, tmp_path / "moved")
        monkeypatch.setenv("OUTSAMPLE_ARTEFACTS", str(tmp_path / "moved"))
        run(find_program("pg_restore"), "--exit-on-error", f"--dbname={target}", dump)
        assert main(["db", "upgrade", "--store", target]) == 0
        assert main(["db", "check", "--store", target]) == 0
        with Store.open(target) as store:
            the_same(store, result, other)
            store.record(Trial(result_key="n", name="s", dataset="d", snapshot_id="x", family="f", source=""))


def run(*command):
    """A program that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
