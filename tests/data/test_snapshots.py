"""Snapshots: content-addressed, verified, immutable, and reached by names."""

import datetime
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from outsample import ConfigError, DataMissing, Dataset, Store, StoreError, load
from outsample.cli.main import main
from outsample.data.content import ColumnIds, frame_id
from outsample.store.snapshot_care import collect_snapshots, verify_snapshots
from outsample.store.snapshot_files import object_path, read_object, write_object
from outsample.store.snapshots import keep_dataset, save_dataset


def _close(seed=1, symbols=("A", "B", "C"), bars=30):
    random = np.random.Generator(np.random.Philox(seed))
    index = pd.bdate_range("2020-01-01", periods=bars)
    return pd.DataFrame(np.exp(random.normal(0, 0.02, (bars, len(symbols))).cumsum(axis=0)), index, list(symbols))


def _data(seed=1, name="toy", **more):
    return Dataset.from_frames({"close": _close(seed), **more}, name=name)


@pytest.fixture
def store(tmp_path):
    """A store of its own."""
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


AWKWARD = {
    "nan and zeros": pd.DataFrame({"A": [np.nan, -0.0, 1e-300]}, index=pd.date_range("2020", periods=3)),
    "zone": pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2020-03-29", periods=2, tz="Europe/Berlin")),
    "offset": pd.DataFrame({"A": [1.0]}, index=pd.DatetimeIndex(["2020-01-01T09:00:00.123456789+08:00"])),
    "bool": pd.DataFrame({"A": [True, False]}, index=pd.date_range("2020", periods=2)),
    "permno": pd.DataFrame({10107: [1.0], 14593: [2.0]}, index=pd.date_range("2020", periods=1)),
    "chinese": pd.DataFrame({"台積電": [1.0], "date": [2.0]}, index=pd.date_range("2020", periods=1)),
    "both kinds": pd.DataFrame([[1.0, 2.0]], index=pd.date_range("2020", periods=1), columns=pd.Index([1, "1"])),
    "table": pd.DataFrame({"symbol": ["A", "B"], "value": ["Steel", None]}),
    "dates": pd.DataFrame({"symbol": ["A", "B"], "value": pd.to_datetime(["2020-01-01", None])}),
    "large": pd.DataFrame({"symbol": ["A", "B"], "value": [2**53 + 1, 2**62]}),
    "missing int": pd.DataFrame({"symbol": ["A", "B"], "value": pd.array([2**53 + 1, None], dtype="Int64")}),
    "empty": pd.DataFrame(columns=["A"], index=pd.DatetimeIndex([]), dtype=float),
}


@pytest.mark.parametrize("frame", AWKWARD.values(), ids=AWKWARD)
def test_an_object_reads_back_with_its_content(frame, tmp_path):
    """Whatever a frame holds, what is read has the id of what was written (R4)."""
    written = write_object(tmp_path, frame)
    assert written == frame_id(frame)
    assert frame_id(read_object(tmp_path, written)) == written


def test_ids_are_of_content_not_of_files(tmp_path):
    """Another writer's file of the same table leads to the same id, although its bytes differ."""
    frame = _close()
    object_id = write_object(tmp_path, frame)
    path = object_path(tmp_path, object_id)
    before = path.read_bytes()
    with pq.ParquetFile(path) as file:
        table = file.read()
    pq.write_table(table, path, compression="zstd", version="2.4", data_page_size=512)
    path.with_name(path.name + ".sha256").unlink()
    assert path.read_bytes() != before
    assert write_object(tmp_path, frame) == object_id
    assert frame_id(read_object(tmp_path, object_id)) == object_id


def test_a_flipped_byte_is_named(tmp_path):
    """Any changed byte of an object is found when it is read, and the file and frame are named."""
    object_id = write_object(tmp_path, _close())
    path = object_path(tmp_path, object_id)
    content = path.read_bytes()
    for place in np.linspace(0, len(content) - 1, 25).astype(int):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x40]) + content[place + 1 :])
        with pytest.raises(StoreError, match=path.name):
            read_object(tmp_path, object_id, "close")


def test_a_wrong_file_with_its_own_side_car_is_found(tmp_path):
    """A file that is whole and holds something else does not pass for the object of its name."""
    one, two = write_object(tmp_path, _close(1)), write_object(tmp_path, _close(2))
    for ending in ("", ".sha256"):
        source = object_path(tmp_path, two)
        target = object_path(tmp_path, one)
        target.with_name(target.name + ending).write_bytes(source.with_name(source.name + ending).read_bytes())
    with pytest.raises(StoreError, match="does not hold"):
        read_object(tmp_path, one)


def test_equal_frames_are_stored_once(store):
    """Two datasets that share a frame share its object (deduplication)."""
    volume = _close(9)
    save_dataset(store, _data(1, volume=volume), "one")
    save_dataset(store, _data(2, volume=volume), "two")
    assert len(list(store.folder.glob("objects/*/*.parquet"))) == 3


def test_a_name_leads_to_its_newest_snapshot_and_the_older_stay(store):
    """`load(name)` is the newest, `load(name@id)` any, and both have the content they had."""
    old, new = _data(1), _data(2)
    old.save("prices", store=store)
    saved = new.save("prices", store=store)
    assert (saved.id, saved.name) == (new.id, "prices")
    assert load("prices", store=store).id == new.id
    assert load(f"prices@{old.id}", store=store).id == load(f"prices@{old.id[:8]}", store=store).id == old.id
    pd.testing.assert_frame_equal(load(f"prices@{old.id}", store=store).frame("close"), old.frame("close"))


def test_what_stands_beside_the_content_is_kept(store):
    """Market, periods per year, benchmark, warnings and sessions come back; origin is no part of the id."""
    data = Dataset.from_frames(
        {"close": _close()[::-1]}, name="x", market="TW", periods_per_year=240, benchmark="B"
    ).until("2020-01-15")
    saved = store.save_dataset(data, "kept", origin="a friend", licence="CC0")
    assert (saved.market, saved.periods_per_year, saved.benchmark) == ("TW", 240, "B")
    assert saved.warnings == data.warnings != ()
    assert saved.sessions.equals(data.sessions)
    assert store.save_dataset(data, "again").id == saved.id


def test_one_changed_cell_is_a_new_snapshot(store):
    """A snapshot never changes: other content has another id, and the first is still there (R3)."""
    frame = _close()
    first = Dataset.from_frames({"close": frame}, name="x").save(store=store)
    frame.iloc[7, 1] += 1e-12
    second = Dataset.from_frames({"close": frame}, name="x").save(store=store)
    assert first.id != second.id
    assert load(f"x@{first.id}", store=store).id == first.id


@pytest.mark.parametrize(
    "name",
    ["", "../x", "a/b", "a\\b", "con", "LPT1.x", "a\nb", "x" * 121, "好" * 41, "a@b", " x", "x.", "sample", "a.csv"],
)
def test_names_that_cannot_be_files_are_refused(name, store):
    """A name that would become a bad path is refused, and nothing is written (R9)."""
    with pytest.raises(ConfigError):
        store.save_dataset(_data(), name)
    assert store.dataset_names() == []
    assert not list(store.folder.glob("objects/*/*"))


def test_an_unknown_name_names_the_nearest(store):
    """A misspelt name is answered with the one that is there."""
    _data().save("prices", store=store)
    with pytest.raises(DataMissing, match="prices"):
        load("pricse", store=store)


@pytest.mark.slow
def test_the_configured_store_answers_without_being_named(tmp_path, monkeypatch):
    """`data.save(name)` and `load(name)` use the configured store in another process, too."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "own.db"))
    code = (
        "import pandas as pd, sys; from outsample.data import Dataset, load\n"
        "close = pd.DataFrame({'A': [1.0, 2.0]}, index=pd.date_range('2020', periods=2))\n"
        "if sys.argv[1] == 'save': Dataset.from_frames({'close': close}, name='x').save('mine')\n"
        "else: print(load('mine').id)\n"
    )
    for verb in ("save", "load"):
        done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, check=True)
    frame = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2020", periods=2))
    assert done.stdout.strip() == Dataset.from_frames({"close": frame}, name="y").id


def test_without_a_store_saving_says_so():
    """`save` without any store is refused with what to do."""
    with pytest.raises(ConfigError, match="OUTSAMPLE_STORE"):
        _data().save("mine")


def test_the_data_of_a_run_are_kept_without_claiming_their_name(store):
    """An unsaved dataset is kept once, found by name@id, and its name still means nothing."""
    data = _data(name="from a cell")
    assert keep_dataset(store, data) == keep_dataset(store, data) == ()
    assert load(f"from a cell@{data.id}", store=store).id == data.id
    assert store.dataset_names() == []
    with pytest.raises(DataMissing):
        load("from a cell", store=store)


def test_data_that_are_too_large_or_shipped_are_not_kept(store):
    """Above the limit the note says not reproducible here; shipped data need no copy."""
    notes = keep_dataset(store, _data(), limit=10)
    assert "Not reproducible here" in notes[0]
    assert keep_dataset(store, load("sample")) == ()
    assert not (store.folder / "objects").exists()


def test_gc_keeps_what_is_named(store):
    """What a name means today and what a golden result names stays; an earlier meaning goes."""
    import sqlalchemy as sa

    from outsample.store.schema import golden

    gone, pinned, kept = (_data(seed).save("prices", store=store) for seed in (1, 2, 3))
    row = {"name": "g", "result_key": "k", "snapshot_id": pinned.id, "document": {}, "reason": "r", "approved_by": "me"}
    with store.begin() as connection:
        now = datetime.datetime.now(datetime.UTC)
        connection.execute(sa.insert(golden).values(id="1", created_at=now, **row))
    none = datetime.timedelta(0)
    assert collect_snapshots(store).snapshots == ()  # too young
    assert collect_snapshots(store, older_than=none, dry_run=True).snapshots == (gone.id,)
    assert collect_snapshots(store, older_than=none).snapshots == (gone.id,)
    assert verify_snapshots(store) == []
    assert load("prices", store=store).id == kept.id
    assert load(f"prices@{pinned.id}", store=store).id == pinned.id
    with pytest.raises(DataMissing):
        load(f"prices@{gone.id}", store=store)


def test_gc_keeps_what_a_run_names(store):
    """The data of a recorded run stay, although no name means them."""
    from outsample import backtest

    data = _data(name="cell").between("2020-01-01", None)
    backtest("close = data.get('close')\nposition = close > close.average(3)", data, store=store, lookahead=False)
    keep_dataset(store, data)
    assert collect_snapshots(store, older_than=datetime.timedelta(0)).snapshots == ()
    assert load(f"cell@{data.id}", store=store).id == data.id


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["object", "object-written"])
def test_a_killed_writer_leaves_nothing_that_is_named_and_broken(moment, tmp_path):
    """Killed at any step of a save, the store is whole and the same save succeeds afterwards."""
    code = (
        "import os, signal, sys, numpy as np, pandas as pd\n"
        "from outsample import Dataset, Store\n"
        "from outsample.store.steps import watch\n"
        "if sys.argv[1] != 'none': watch(lambda s: s == sys.argv[1] and os.kill(os.getpid(), signal.SIGKILL))\n"
        "close = pd.DataFrame({'A': np.arange(1.0, 9.0)}, index=pd.date_range('2020', periods=8))\n"
        "with Store.open('store.db') as s: print(Dataset.from_frames({'close': close}, name='x').save(store=s).id)\n"
    )
    environment = {**os.environ, "OUTSAMPLE_STORE": "none"}
    run = [sys.executable, "-c", code]
    killed = subprocess.run([*run, moment], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert killed.returncode == -9
    with Store.open(tmp_path / "store.db") as store:
        assert verify_snapshots(store) == []
        assert store.dataset_names() == []
    again = subprocess.run([*run, "none"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    with Store.open(tmp_path / "store.db") as store:
        assert load("x", store=store).id == again.stdout.strip()


def test_the_commands_add_list_show_verify_diff_and_gc(tmp_path, capsys):
    """A dataset goes through every command, and each says what happened, also as JSON."""
    frame = _close()
    files = [tmp_path / "close.csv", tmp_path / "changed.csv"]
    frame.to_csv(files[0], index_label="date")
    frame.assign(B=frame["B"].where(frame.index != frame.index[4], 2.5)).to_csv(files[1], index_label="date")
    where = ["--store", str(tmp_path / "s.db"), "--json"]

    def run(*arguments):
        code = main(["data", *arguments, *where])
        return code, json.loads(capsys.readouterr().out)

    code, added = run("add", "prices", str(files[0]), "--licence", "CC0")
    run("add", "other", str(files[1]))
    assert code == 0
    assert run("list")[1][1]["name"] == "prices"
    assert run("show", "prices")[1]["licence"] == "CC0"
    assert run("diff", "prices", f"prices@{added['snapshot_id']}")[0] == 0
    code, changes = run("diff", "prices", "other")
    assert (code, [item["frame"] for item in changes["changes"]]) == (1, ["close"])
    assert "1 cell differs, on 2020-01-07, in B" in changes["changes"][0]["text"]
    assert run("verify")[1] == {"ok": True, "problems": []}
    path = object_path(tmp_path, added["dataset_version_ids"]["close"])
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, said = run("verify", "prices")
    assert (code, path.name in said["problems"][0]) == (1, True)
    assert run("gc", "--dry-run")[1]["snapshots"] == []
    assert main(["data", "add", "x", "--store", str(tmp_path / "s.db")]) == 2


def test_describe_tells_coverage_and_gaps():
    """First and last bar, gaps and adjustment of a small market counted by hand."""
    frame = pd.DataFrame(
        {"A": [1.0, 2.0, np.nan, np.nan, 3.0, 3.0], "B": [np.nan, 1.0, 1.0, 1.0, np.nan, np.nan]},
        index=pd.DatetimeIndex(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-02-07"]),
    )
    said = Dataset.from_frames({"close": frame}, name="x", periods_per_year=252).describe()
    a, b = said.table.loc["A"], said.table.loc["B"]
    assert (a["bars"], a["missing"], a["longest_gap"], a["coverage"], a["stale"]) == (4, 2, 2, 4 / 6, 1)
    assert (b["first"], b["last"], b["missing"]) == (frame.index[1], frame.index[3], 0)
    assert not said.adjusted
    assert said.pauses["days"].tolist() == [31.0]
    assert json.loads(json.dumps(said.to_dict()))["symbols"][0]["missing"] == 2


@pytest.mark.parametrize("zone", [None, "Asia/Taipei"])
@pytest.mark.parametrize("n", [0, 1, 300])
def test_ids_of_columns_are_those_of_tables(n, zone):
    """Many columns on one index: the same ids, also of other NaNs and of a zero below zero."""
    index = pd.date_range("2020-01-01", periods=n, tz=zone)
    ids = ColumnIds("returns", index)
    random = np.random.default_rng(n)
    for _ in range(3):
        values = np.where(random.random(n) < 0.2, -0.0, random.normal(size=n))
        values[random.random(n) < 0.2] = -np.nan
        assert ids.of(values) == frame_id(pd.DataFrame({"returns": values}, index=index))
    if n:
        assert ids.of(np.ones(n)) != ids.of(np.zeros(n))
