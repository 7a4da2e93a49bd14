"""What earlier versions wrote: one bundle and one store per released version (`make.py`), kept for good."""

import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

from outsample import Store, load
from outsample.archive.bundle import open_bundle
from outsample.golden import GoldenStatus, check_golden, golden_names, read_golden
from outsample.store.migrate import drift
from outsample.store.snapshot_care import verify_snapshots

HERE = Path(__file__).parent
BUNDLES = sorted(HERE.glob("result-*.zip"))
STORES = sorted(HERE.glob("store-*.zip"))


def test_there_is_one_of_each():
    """The first version has its bundle and its store."""
    assert BUNDLES
    assert len(STORES) == len(BUNDLES)


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_a_result_of_an_earlier_version_opens(path):
    """Its numbers are those that it was written with."""
    opened = open_bundle(path)
    with zipfile.ZipFile(path) as packed:
        summary = json.loads(packed.read("result/summary.json"))
    assert opened.key == summary["key"]
    assert opened.metrics.sharpe == pytest.approx(summary["metrics"]["sharpe"], rel=1e-12)
    assert opened.metrics.total_return == pytest.approx(summary["metrics"]["total_return"], rel=1e-12)
    assert opened.data.id == summary["snapshot_id"]


@pytest.fixture(params=STORES, ids=lambda path: path.stem)
def folder(request, tmp_path):
    """A store of an earlier version, unpacked: opening it may change it."""
    with zipfile.ZipFile(request.param) as packed:
        packed.extractall(tmp_path)
    return tmp_path


def rows_of(path, query):
    """Rows of an SQLite file, read without this package."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_store_of_an_earlier_version_opens(folder):
    """Tables as in the schema of today, every artefact whole, every snapshot verified, names, trials and numbers."""
    before = rows_of(folder / "store.db", "select result_key, sharpe, status from backtest_runs")
    trials = rows_of(folder / "store.db", "select count(*) from trials")
    assert len(before) == 3
    with Store.open(folder / "store.db") as store:
        assert drift(store.engine) == []
        assert store.broken() == []
        assert verify_snapshots(store) == []
        assert store.dataset_names() == ["waves"]
        assert len(store.trials()) == trials[0][0]
        assert sorted(store.runs()["status"]) == ["completed", "completed", "failed"]
        for key, sharpe, status in before:
            if status == "completed":
                loaded = store.load(key)
                assert loaded.metrics.sharpe == pytest.approx(sharpe, rel=1e-12)
                assert loaded.data.id == load("waves", store=store).id


def test_its_lost_database_can_be_rebuilt(folder):
    """The files of an earlier version alone are enough for results and names."""
    before = rows_of(folder / "store.db", "select result_key from backtest_runs where result_path is not null")
    (folder / "store.db").unlink()
    with Store.open(folder / "store.db") as store:
        found = store.rebuild()
        assert set(found.restored) == {key for (key,) in before}
        assert found.names == ("waves",)
        assert found.broken == ()


@pytest.mark.slow
def test_its_golden_results_are_checked(folder, monkeypatch):
    """The same numbers from the strategy and the data that its store holds."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(folder / "store.db"))
    assert golden_names("golden") == ["held"]
    assert read_golden("held", "golden").reason == "for later versions"
    assert check_golden("held", max_age_days=1e6).status is GoldenStatus.SAME


def test_a_golden_result_keeps_its_run(folder):
    """In the store of an earlier version, too: what its golden result names is never purged."""
    with Store.open(folder / "store.db") as store:
        golden = read_golden("held", folder / "golden")
        assert golden.key not in store.purge("0h").keys
        assert store.load(golden.key).snapshot_id == golden.snapshot_id


def test_a_missing_artefact_folder_is_named(folder):
    """Somebody copied the database alone: what is missing, and the command that makes it again."""
    from outsample.errors import StoreError

    shutil.rmtree(folder / "results")
    with Store.open(folder / "store.db") as store:
        key = read_golden("held", folder / "golden").key
        with pytest.raises(StoreError, match="is missing") as caught:
            store.load(key)
        assert "outsample run" in caught.value.hint
        assert len(store.broken()) == 2
