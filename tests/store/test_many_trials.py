"""Many trials at once: the rows of `record` one by one, in one transaction."""

import os
import random
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import sqlalchemy as sa

from outsample.errors import StoreError
from outsample.ledger.trials import record_many
from outsample.store import Store
from outsample.testing import memory_store
from scale import SCALE
from store.trials import trial as plain


def trial(key="k", **changes):
    """A trial with something in every kind of column."""
    rare = {"kind": "sweep", "parameters": {"fast": 5, "名": [1, 2.5, None]}, "dataset_version_ids": {"close": "c"}}
    return plain(key, **{**rare, **changes})


def several():
    """Trials of a sweep: some failed, some undefined, one key three times."""
    return [
        trial("a", sharpe=0.5),
        trial("b", status="failed", error_category="timeout", error_message="too slow", sharpe=None, n_returns=None),
        trial("c", sharpe=float("nan"), total_return=float("-inf")),
        trial("a", sharpe=0.7),
        trial("b", sharpe=0.9),
        trial("a", status="failed", sharpe=None, error_message="killed"),
    ]


MOMENTS = ["id", "created_at", "completed_at"]


def rows(store):
    """Both tables without what differs from run to run: ids and moments."""
    runs = store.runs(order_by="result_key").drop(columns=MOMENTS, errors="ignore")
    return store.trials().drop(columns=MOMENTS, errors="ignore"), runs


def test_the_rows_are_those_of_one_by_one(store):
    """Ledger and runs are equal to those of a store that was told each trial by itself, in the same order."""
    ids = store.record_many(several())
    with memory_store() as other:
        for one in several():
            other.record(one)
        for ours, theirs in zip(rows(store), rows(other), strict=True):
            pd.testing.assert_frame_equal(ours, theirs)
    assert store.trials()["id"].tolist() == ids[::-1]


def test_the_order_is_that_of_the_trials(store):
    """The newest first: the last of a batch, then those before it, then what was recorded earlier."""
    store.record(trial("first"))
    store.record_many([trial(f"{place:03d}") for place in range(200)])
    store.record(trial("last"))
    expected = ["last", *(f"{place:03d}" for place in reversed(range(200))), "first"]
    assert store.trials()["result_key"].tolist() == expected


def test_no_trials_are_no_transaction(store):
    """An empty batch is no error."""
    assert store.record_many([]) == []
    assert store.trials().empty


def test_one_that_is_refused_keeps_out_all(store):
    """A row that breaks a rule of the table leaves the ledger as it was, and the runs."""
    store.record(trial("before"))
    with pytest.raises(sa.exc.IntegrityError):
        store.record_many([trial("a"), trial("b", status="odd"), trial("c")])
    assert store.trials()["result_key"].tolist() == ["before"]
    assert store.runs()["result_key"].tolist() == ["before"]


def test_published_numbers_stay(store, result):
    """A run that has artefacts keeps its row; the trial is counted all the same."""
    store.save(result)
    before = store.run(result.key)
    store.record_many([trial(result.key, name="other", sharpe=9.0)])
    assert store.run(result.key) == before
    assert store.trials().iloc[0]["sharpe"] == 9.0


def test_a_ledger_that_cannot_be_written_is_a_note(store):
    """A sweep outlives its store."""
    assert record_many(None, several()) == ()
    assert record_many(store, several()) == ()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.record_many(several())
    (note,) = record_many(store, several())
    assert "6 trials are not recorded" in note


def test_a_sweep_records_every_combination_at_once(store, sample, monkeypatch):
    """One transaction, a row per combination, in grid order, failed ones included."""
    import outsample

    batches = []
    monkeypatch.setattr(Store, "record_many", lambda self, trials, once=Store.record_many: batches.append(
        len(trials)) or once(self, trials))  # fmt: skip
    source = "n = 5\nclose = data.get('close')\nposition = close > close.average(n)\nassert n != 7"
    found = outsample.sweep(source, sample, {"n": [5, 7, 9]}, store=store, lookahead=False)
    assert batches == [3]
    told = store.trials()[::-1]
    assert [one["n"] for one in told["parameters"]] == [5, 7, 9]
    assert told["status"].tolist() == ["completed", "failed", "completed"]
    assert told["result_key"].tolist()[0] == found.runs.combinations[0].outcome.key
    assert store.count("dataset", "sample").n == 3


WRITER = """
import sys
from outsample.store import Store
from store.test_many_trials import trial
with Store.open(sys.argv[1]) as store:
    print("ready", flush=True)
    for place in range(10**6):
        store.record_many([trial(f"{sys.argv[2]}-{place}-{one}") for one in range(300)])
        print(place, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_writer_leaves_all_or_nothing(kind, tmp_path, request):
    """After kill -9 at random moments each batch is there as a whole or not at all, and none that was done is lost."""
    url = str(tmp_path / "s.db") if kind == "sqlite" else request.getfixturevalue("postgres_url")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path])}
    rng, done, kills = random.Random(11), 0, 4 * SCALE
    for number in range(kills):
        command = [sys.executable, "-c", WRITER, url, str(number)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 1.0))
        writer.send_signal(signal.SIGKILL)
        done += len(writer.stdout.read().split())
        assert writer.wait(30) == -signal.SIGKILL
        writer.stdout.close()
    with Store.open(url) as store:
        batches = store.trials()["result_key"].str.rsplit("-", n=1).str[0].value_counts()
        assert set(batches) <= {300}
        assert done <= len(batches) <= done + kills
        assert len(store.runs(limit=10**6)) == 300 * len(batches)
