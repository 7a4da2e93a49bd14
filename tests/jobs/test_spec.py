"""What a job says of itself: enough to make the request again on another machine, as plain JSON."""

import json

import pytest

from jobs.world import ALL_FRAMES, notebook_data
from outsample import load
from outsample.api import make_request
from outsample.archive import Store
from outsample.errors import DataMissing, JobError, StoreError
from outsample.jobs.spec import request_from, spec_of
from outsample.request import request_key
from outsample.store.snapshot_files import object_path


@pytest.fixture
def local(tmp_path):
    """A store that no supervisor serves."""
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def spec(data, store, **options):
    request = make_request(ALL_FRAMES, data, options=options, store=store)
    return request, spec_of(request, "backtest", {"lookahead": False}, store)


def remade(made, store):
    """The request that a worker makes: of the document as it comes out of a database."""
    return request_from(json.loads(json.dumps(made.document)), store)[0]


def test_the_request_comes_back_with_its_key(store):
    """Tables, delistings, factors, calendar, benchmark: the request of the worker has the key of the submitter."""
    data = notebook_data()
    request, made = spec(data, store, start="2020-03-02")
    again = remade(made, store)
    assert request_key(again) == request_key(request) == made.key
    assert again.data.sessions.equals(data.sessions)
    assert again.data.warnings == data.warnings
    assert again.data.delisted.equals(data.delisted)
    for name in data.keys():  # noqa: SIM118 - a dataset is no mapping
        assert again.data.frame(name).equals(data.frame(name)), name


def test_data_of_any_size_are_kept(local, monkeypatch):
    """A worker has nothing but the store: the limit of what interactive runs keep is none for a job."""
    monkeypatch.setattr("outsample.store.snapshots.KEPT_BYTES", 1)
    data = notebook_data()
    _, made = spec(data, local)
    assert remade(made, local).data.id == data.id


def test_one_content_in_two_markets(local):
    """Equal prices under equal names with other markets are other jobs, and each worker gets its own market."""
    pairs = [spec(notebook_data(market=market), local) for market in ("US", "TW")]
    assert pairs[0][1].job_id != pairs[1][1].job_id
    for request, made in pairs:
        assert request_key(remade(made, local)) == request_key(request)


@pytest.mark.parametrize(
    "name", ["x" * 500, "a@b", "qlib:nowhere", "../x", "mine.csv", "台股", "synthetic:odd", "sample"]
)
def test_whatever_the_name_is(local, name):
    """A name of a dataset is for people: any text leads to the data of the job."""
    request, made = spec(notebook_data(name), local)
    assert request_key(remade(made, local)) == request_key(request)


def test_shipped_data_are_not_copied(local):
    """The sample and synthetic markets are everywhere: their name is enough."""
    for name in ("sample", "synthetic:5x300?seed=3"):
        request = make_request("position = data.get('close') > 0", name, store=local)
        made = spec_of(request, "backtest", {}, local)
        assert remade(made, local).data.id == load(name).id
    assert not (local.folder / "objects").exists()


def test_data_that_were_changed_are_refused(local):
    """A file of the snapshot that rotted is named, and nothing runs on it."""
    data = notebook_data()
    _, made = spec(data, local)
    file = object_path(local.folder, data.frame_ids["close"])
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match=file.name):
        remade(made, local)


def test_data_that_are_gone(local, tmp_path):
    """In a store without the snapshot the job says which data are missing."""
    _, made = spec(notebook_data(), local)
    with Store.open(tmp_path / "other" / "store.db") as other, pytest.raises(DataMissing, match="made in a cell"):
        remade(made, other)


def test_data_that_cannot_be_kept_refuse_the_submission(local, monkeypatch):
    """A disk that cannot be written is an error of the submission, with what to do; not of the worker later."""

    def full(*_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr("outsample.store.snapshots.write_frames", full)
    with pytest.raises(JobError, match="disk is full"):
        spec(notebook_data(), local)


def test_nothing_of_a_document_is_code(local):
    """The document is JSON: text, numbers, lists and mappings."""
    _, made = spec(notebook_data(), local, start="2020-03-02")
    text = json.dumps(made.document, allow_nan=False)
    assert json.loads(text) == made.document
