"""A lost database: what `rebuild` restores from the files beside it, and what settings say of a store."""

import json

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from outsample import Dataset, Store, backtest, load
from outsample.cli import main
from outsample.errors import ConfigError, StoreError
from outsample.store.files import check_folder
from outsample.store.parquet import read_table
from store.conftest import SOURCE


def made(seed, name="mine"):
    """A dataset of two symbols."""
    dates = pd.date_range("2021-01-04", periods=40, freq="B")
    walk = np.random.default_rng(seed).normal(0, 0.01, (40, 2)).cumsum(axis=0)
    frame = pd.DataFrame(np.exp(walk), index=dates, columns=["A", "台積電"])
    return Dataset.from_frames({"close": frame}, name=name, market="TW", benchmark="A")


def lose_the_database(store):
    """Every row of every table is gone."""
    with store.begin() as connection:
        for table in ("backtest_runs", "trials", "datasets", "snapshots", "golden", "reports"):
            connection.execute(sa.text(f"delete from {table}"))


def test_names_of_datasets_come_back(store):
    """What a name means now and what it meant before, with market, benchmark, origin and licence."""
    old, new = made(1), made(2)
    store.save_dataset(old, "mine", origin="a file", licence="CC0")
    store.save_dataset(new, "mine", origin="another file")
    lose_the_database(store)
    assert store.dataset_names() == []
    found = store.rebuild()
    assert sorted(found.names) == ["mine", "mine"]
    assert found.broken == ()
    again = load("mine", store=store)
    assert (again.id, again.market, again.benchmark) == (new.id, "TW", "A")
    assert load(f"mine@{old.id[:12]}", store=store).id == old.id
    with store.connect() as connection:
        details = connection.execute(sa.text("select details from datasets")).scalars().all()
    assert "CC0" in str(details)
    assert store.rebuild().names == ()


def test_results_on_such_data_load_again(store):
    """Result and data from their files alone: canonical bytes as before."""
    result = backtest("position = data.get('close') > 0.99", made(3), store=False, lookahead=False)
    store.save(result)
    lose_the_database(store)
    found = store.rebuild()
    assert found.restored == (result.key,)
    assert store.load(result.key).canonical_bytes == result.canonical_bytes
    assert store.dataset_names() == []  # the data of a run are kept without claiming a name


def test_names_from_before_there_were_files_get_theirs(store):
    """A row without a file is written down by the next rebuild."""
    store.save_dataset(made(1), "mine")
    for path in (store.folder / "datasets").iterdir():
        path.unlink()
    store.rebuild()
    lose_the_database(store)
    assert store.rebuild().names == ("mine",)


def test_a_name_whose_snapshot_is_gone_is_named(store):
    """Nothing is restored that would lead nowhere."""
    store.save_dataset(made(1), "mine")
    lose_the_database(store)
    for path in (store.folder / "snapshots").iterdir():
        path.unlink()
    found = store.rebuild()
    assert found.names == ()
    assert len(found.broken) == 1
    assert "its snapshot is gone" in found.broken[0]
    (path,) = (store.folder / "datasets").iterdir()
    path.write_text("{")
    assert "datasets" in store.rebuild().broken[0]


def test_names_that_were_collected_do_not_come_back(store):
    """What `data gc` removed stays removed."""
    import datetime

    from outsample.store.snapshot_care import collect_snapshots

    store.save_dataset(made(1), "mine")
    store.save_dataset(made(2), "mine")
    collect_snapshots(store, older_than=datetime.timedelta(0))
    lose_the_database(store)
    assert store.rebuild().names == ("mine",)
    assert load("mine", store=store).id == made(2).id


def test_tables_of_jobs_are_no_broken_results(store):
    """A sweep or a notebook has files and no run: rebuilding leaves them alone."""
    from outsample.store.files import publish_folder, workplace, write_text

    with workplace(store.folder) as folder:
        write_text(folder / "summary.json", "{}\n")
        publish_folder(folder, store.folder / "results" / ("a" * 64) / "1")
    found = store.rebuild()
    assert (found.restored, found.broken) == ((), ())


def test_the_command_says_what_is_back(tmp_path, result, capsys):
    """`outsample db rebuild` after the file of the database was lost: results and names."""
    address = str(tmp_path / "store.db")
    with Store.open(address) as store:
        store.save(result)
        store.save_dataset(made(1), "mine")
    for path in tmp_path.glob("store.db*"):
        path.unlink()
    assert main(["db", "rebuild", "--store", address]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "results: 1 restored, 0 known; 1 names of datasets"
    with Store.open(address) as store:
        assert store.load(result.key).canonical_bytes == result.canonical_bytes
        assert store.count("store").n == 1
        assert load("mine", store=store).id == made(1).id
    assert main(["db", "rebuild", "--store", address, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["known"] == 1


# -- settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Write the section `store` of a settings file."""

    def write(text):
        path = tmp_path / "outsample.yaml"
        path.write_text(text)
        monkeypatch.setenv("OUTSAMPLE_CONFIG", str(path))

    monkeypatch.delenv("OUTSAMPLE_ARTEFACTS", raising=False)
    return write


def test_a_file_can_say_all_of_it(tmp_path, settings, result):
    """Folder, compression, limit and role from outsample.yaml."""
    settings(f"store:\n  artefacts: {tmp_path / 'far'}\n  compression: zstd\n  max_bytes: 100000000\n")
    with Store.open(tmp_path / "store.db") as store:
        folder = store.save(result)
        assert folder.is_relative_to(tmp_path / "far" / "results")
        import pyarrow.parquet as pq

        group = pq.ParquetFile(folder / "equity.parquet").metadata.row_group(0)
        assert group.column(1).compression == "ZSTD"
        assert read_table(folder / "equity.parquet")["equity"].tolist() == result.equity.tolist()
        settings(f"store:\n  artefacts: {tmp_path / 'far'}\n  role: viewer\n")
        with pytest.raises(StoreError, match="viewer"):
            store.purge("0h")


def test_a_limit_in_a_file_is_kept(tmp_path, settings, result):
    """store.max_bytes of the file refuses, and names the figure."""
    settings("store:\n  max_bytes: 1000\n")
    with Store.open(tmp_path / "store.db") as store, pytest.raises(StoreError, match="1,000"):
        store.save(result)


def test_a_store_in_memory_never_uses_the_configured_folder(tmp_path, settings, result):
    """What ends with the process leaves nothing in the folder of the team."""
    settings(f"store:\n  artefacts: {tmp_path / 'far'}\n")
    with Store.open(":memory:") as store:
        store.save(result)
    assert not (tmp_path / "far").exists()


@pytest.mark.parametrize(
    "text", ["max_bytes: much", "retention_days: 0", "compression: lzma", "role: king", "artefact: x"]
)
def test_wrong_settings_are_refused(tmp_path, settings, text):
    """With the key and what is allowed."""
    settings(f"store:\n  {text}\n")
    with pytest.raises(ConfigError, match=text.split(":")[0]):
        Store.open(tmp_path / "store.db").folder


# -- Qlib's reports beside a result


def test_reports_of_qlib_are_files_of_the_result(store, result, monkeypatch):
    """With the setting: in the manifest, verified, outside the canonical bytes; without Qlib: none by default."""
    monkeypatch.setenv("OUTSAMPLE_OUTPUT__QLIB_REPORTS", "true")
    folder = store.save(result)
    names = json.loads((folder / "manifest.json").read_text())["files"]
    assert {"qlib_reports/risk_analysis.json", "qlib_reports/performance_chart.png"} <= set(names)
    loaded = store.load(result.key)
    assert loaded.canonical_bytes == result.canonical_bytes
    path = folder / "qlib_reports" / "risk_analysis.json"
    numbers = json.loads(path.read_text())["conventions"]["product_252"]["return_with_cost"]
    assert numbers["information_ratio"] is not None
    path.write_text("{}")
    assert check_folder(folder) == [f"{path} was changed after it was written"]
    store.purge("0h")
    monkeypatch.setenv("OUTSAMPLE_OUTPUT__QLIB_REPORTS", "false")
    assert not (store.save(result) / "qlib_reports").exists()


def test_a_backtest_keeps_them_too(store, sample, forgetful, monkeypatch):
    """The way of every run, not only of `save`."""
    monkeypatch.setenv("OUTSAMPLE_OUTPUT__QLIB_REPORTS", "true")
    found = backtest(SOURCE, sample, store=store, lookahead=False)
    assert not found.notes
    assert (store.folder / store.run(found.key)["result_path"] / "qlib_reports" / "ic_analysis.json").is_file()


def test_a_broken_qlib_costs_no_result(store, result, monkeypatch, caplog):
    """Whatever its reports raise, the result is stored, and the log says what is missing."""

    def fail(*_args, **_options):
        raise RuntimeError("no such chart")

    monkeypatch.setenv("OUTSAMPLE_OUTPUT__QLIB_REPORTS", "true")
    monkeypatch.setattr("outsample.ledger.keeping.write_qlib_reports", fail)
    folder = store.save(result)
    assert not (folder / "qlib_reports").exists()
    assert "no such chart" in caplog.text
    assert store.load(result.key).key == result.key


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a\\x"])
def test_a_name_in_a_manifest_never_leads_outside(tmp_path, name):
    """R9: such a manifest is broken, whatever file there is."""
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "files": {name: "0" * 64}}))
    assert "no file has" in check_folder(tmp_path)[0]
