"""A full disk, a folder that is read-only, a lock, a damaged file: what is said, and that nothing is lost."""

import contextlib
import os
import shutil
import sqlite3
import subprocess

import pytest

from outsample import Store, backtest
from outsample.cli import main
from outsample.errors import StoreError
from outsample.store import Trial
from store.conftest import SOURCE


def trial(key):
    """A trial of some size, so that many of them need space."""
    return Trial(result_key=key, name="s", dataset="d", snapshot_id="x", family="f", source="x" * 4000)


def record_many(store):
    """More trials than a small disk holds."""
    for place in range(2000):
        store.record(trial(f"k{place}"))


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, which root may mount."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place]
    if os.getuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode != 0:
        pytest.skip("only root can mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk):
    """Take the rest of a disk with one file, and return it."""
    path = disk / "filler"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        with contextlib.suppress(OSError):
            while True:
                os.write(handle, b"x" * 4096)
    finally:
        os.close(handle)
    return path


def files(folder):
    """Every file below the folders of artefacts and snapshots."""
    return sorted(path for name in ("tmp", "results", "objects", "snapshots", "datasets", "trash")
                  for path in (folder / name).rglob("*") if path.is_file())  # fmt: skip


def test_a_full_disk_loses_nothing(disk, sample, result, other, forgetful):
    """Each writer is told the disk is full; what was there is read, and goes on once there is space."""
    with Store.open(disk / "store.db") as store:
        store.save(result)
        filler, before = fill(disk), files(disk)
        with pytest.raises(StoreError, match="No space left on device") as caught:
            store.save(other)
        assert "Free space" in caught.value.hint
        with pytest.raises(StoreError, match="disk is full") as caught:
            record_many(store)
        assert "Free space" in caught.value.hint
        with pytest.raises(StoreError, match="No space left") as caught:
            store.save_dataset(sample, "mine")
        assert "Free space" in caught.value.hint
        assert files(disk) == before
        assert store.load(result.key).canonical_bytes == result.canonical_bytes
        found = backtest(SOURCE, sample, params={"fast": 7}, store=store, lookahead=False)
        assert any("No space left" in note for note in found.notes)
        filler.unlink()
        store.save(other)
        assert store.broken() == []
        assert {result.key, other.key} <= set(store.runs()["result_key"])
    with sqlite3.connect(disk / "store.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_full_disk_cannot_be_opened_anew(disk):
    """A new store needs space, and says so."""
    fill(disk)
    with pytest.raises(StoreError, match="disk is full") as caught:
        Store.open(disk / "store.db")
    assert "Free space" in caught.value.hint


def test_a_full_disk_can_be_purged_once_there_is_a_little(disk, result):
    """What a crashed writer left is removed first; rows go when their change can be written."""
    with Store.open(disk / "store.db") as store:
        store.save(result)
        left = disk / "tmp" / "left"
        left.mkdir()
        (left / "half").write_bytes(b"x" * 500_000)
        os.utime(left, (0, 0))
        fill(disk)
        assert store.purge("0h").keys == (result.key,)
        assert not left.exists()


def test_a_read_only_file_system_says_so(disk, result):
    """SQLite cannot keep its log there: the hint has the address that reads, and that address reads."""
    path = disk / "store.db"
    with Store.open(path) as store:
        store.save(result)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Store.open(path)
    address = caught.value.hint.split("OUTSAMPLE_STORE='")[1].split("'")[0].replace("/PATH/store.db", str(path))
    with Store.open(address) as store:
        assert store.load(result.key).canonical_bytes == result.canonical_bytes
        for write in (lambda: store.record(trial("k")), lambda: store.purge("0h")):
            with pytest.raises(StoreError, match="readonly") as caught:
                write()
            assert "right to write" in caught.value.hint
    with pytest.raises(StoreError, match="Read-only file system"):
        Store.open(disk / "new" / "store.db")


def test_artefacts_that_cannot_be_written_are_named(tmp_path, result, monkeypatch):
    """The folder is in the message, and the setting that chooses another in the hint."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OUTSAMPLE_ARTEFACTS", str(tmp_path / "file" / "below"))
    with Store.open(tmp_path / "store.db") as store, pytest.raises(StoreError, match="file/below") as caught:
        store.save(result)
    assert "OUTSAMPLE_ARTEFACTS" in caught.value.hint


def test_a_store_that_another_program_holds_says_so(tmp_path, monkeypatch):
    """Opening waits as long as writing does, then names the lock."""
    monkeypatch.setattr("outsample.store.database.BUSY_SECONDS", 0.2)
    path = tmp_path / "store.db"
    Store.open(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("pragma locking_mode = exclusive")
    holder.execute("begin exclusive")
    holder.execute("create table held (a)")
    try:
        with pytest.raises(StoreError, match="database is locked") as caught:
            Store.open(path)
        assert "Another process" in caught.value.hint
    finally:
        holder.execute("rollback")
        holder.close()
    with Store.open(path) as store:
        store.record(trial("k"))


def test_a_damaged_file_is_found_and_made_anew(tmp_path, result, capsys):
    """`db check` names the damage; without the file, `db rebuild` makes it again from the results."""
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        store.save(result)
        for place in range(200):
            store.record(trial(f"k{place}"))
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2 // 4096 * 4096, len(content), 4096):
        content[place : place + 64] = bytes(64)
    path.write_bytes(content)
    assert main(["db", "check", "--store", str(path)]) == 1
    assert "damaged" in capsys.readouterr().out
    path.rename(tmp_path / "damaged.db")
    assert main(["db", "rebuild", "--store", str(path)]) == 0
    with Store.open(path) as store:
        assert store.load(result.key).canonical_bytes == result.canonical_bytes


def test_half_a_file_says_what_to_do(tmp_path):
    """A file that was cut off is not opened; the hint says restore or rebuild."""
    path = tmp_path / "store.db"
    with Store.open(path) as store:
        for place in range(50):
            store.record(trial(f"k{place}"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="malformed") as caught, Store.open(path) as store:
        store.trials()
    assert "db rebuild" in caught.value.hint


def test_the_command_line_says_it_in_one_line(tmp_path, monkeypatch, capsys):
    """No traceback: the error, the hint, and exit code 2."""
    (tmp_path / "store.db").write_text("this is not a database " * 50)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    assert main(["db", "upgrade"]) == 2
    said = capsys.readouterr().err
    assert "file is not a database" in said
    assert "Traceback" not in said
