"""A result as one file: opened elsewhere it is the same, and changed on the way it is refused."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, Store, backtest
from outsample.archive.bundle import bundle, open_bundle
from outsample.errors import DataMissing, StoreError
from outsample.store.frames import read_dataset, write_dataset


@pytest.fixture(scope="module")
def own():
    """A dataset that is nowhere but here: text and truth values, gaps, a zone, whole numbers and Chinese names."""
    dates = pd.date_range("2024-01-02 13:30", periods=80, freq="B", tz="Asia/Taipei")
    walk = np.exp(np.random.default_rng(1).normal(0, 0.02, (80, 2)).cumsum(axis=0)) * 90
    close = pd.DataFrame(walk, index=dates, columns=["台積電", "鴻海"])
    close.iloc[:10, 1] = np.nan
    return Dataset.from_frames(
        {"close": close, "volume": close * 1000, "member": close.notna()}, name="own", market="TW"
    )


@pytest.fixture(scope="module")
def own_result(own):
    return backtest("position = data.get('close') > 0", own, store=False, lookahead=False)


def test_a_bundle_opens_where_nothing_is(own_result, tmp_path):
    """Strategy, data and artefacts are in it: the result has the same canonical bytes."""
    path = bundle(own_result, tmp_path / "out.zip")
    opened = open_bundle(path)
    assert opened.canonical_bytes == own_result.canonical_bytes
    assert opened.data.id == own_result.data.id
    assert not list(tmp_path.glob(".*"))


def test_a_bundle_can_be_saved(own_result, tmp_path):
    """With a store it is a result of that store."""
    path = bundle(own_result, tmp_path / "out.zip")
    with Store.open(tmp_path / "store.db") as store:
        open_bundle(path, store=store)
        assert store.runs()["result_key"].tolist() == [own_result.key]


def test_without_data_it_needs_them(own_result, result, tmp_path):
    """The sample is everywhere; a dataset of one's own is not, and is named."""
    assert open_bundle(bundle(result, tmp_path / "a.zip", data=False)).canonical_bytes == result.canonical_bytes
    with pytest.raises(DataMissing, match="own"):
        open_bundle(bundle(own_result, tmp_path / "b.zip", data=False))


def changed(path, target, name, content):
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            new.writestr(item, content(old.read(item)) if item == name else old.read(item))
    return target


def test_a_changed_file_is_named(own_result, tmp_path):
    """One flipped bit of any file."""
    path = bundle(own_result, tmp_path / "out.zip")
    for name in ("strategy.py", "result/run.json", "data/frame0.parquet"):
        other = changed(path, tmp_path / "other.zip", name, lambda content: content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(StoreError, match=name):
            open_bundle(other)


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "result/../../evil.py", "data\\evil.py", "con/evil.py"])
def test_a_name_never_leads_outside(own_result, tmp_path, name):
    """R9: names that are paths are refused before anything is written."""
    import hashlib

    path = bundle(own_result, tmp_path / "out.zip")

    def add(content):
        index = json.loads(content)
        index["files"][name] = hashlib.sha256(b"x").hexdigest()
        return json.dumps(index)

    evil = changed(path, tmp_path / "evil.zip", "bundle.json", add)
    with zipfile.ZipFile(evil, "a") as packed:
        packed.writestr(name, b"x")
    with pytest.raises(StoreError, match="evil"):
        open_bundle(evil)
    assert not list(tmp_path.parent.glob("evil.py"))


def test_what_is_no_bundle_is_said_to_be_none(tmp_path):
    """A missing file, text, and an empty archive are typed errors."""
    (tmp_path / "text.zip").write_text("no")
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    for name in ("text.zip", "empty.zip"):
        with pytest.raises(StoreError, match="bundle"):
            open_bundle(tmp_path / name)
    with pytest.raises(DataMissing):
        open_bundle(tmp_path / "none.zip")


def test_data_that_are_not_their_id_are_refused(own, tmp_path):
    """The id is checked against the content that was read."""
    write_dataset(tmp_path, own)
    assert read_dataset(tmp_path).id == own.id
    document = (tmp_path / "data.json").read_text(encoding="utf-8").replace(own.id, "0" * 64)
    (tmp_path / "data.json").write_text(document, encoding="utf-8")
    with pytest.raises(StoreError, match="not those of their id"):
        read_dataset(tmp_path)


def test_the_sample_survives_files(sample, tmp_path):
    """The shipped dataset has the same id after a way through files, and gives the same result."""
    write_dataset(tmp_path, sample)
    assert read_dataset(tmp_path).id == sample.id
