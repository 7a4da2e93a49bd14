"""`# meta:` values of a strategy stay with its run in the store."""

import pytest

from outsample.batch import run_many
from outsample.store import Store

DATA = "synthetic:3x200?seed=4"
CROSS = "close = data.get('close')\nposition = close.average(5) > close.average(20)\n"


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with Store.open(tmp_path / "store.db") as found:
        yield found


def _batch(store, *sources, **options):
    return run_many(list(sources), DATA, store=store, lookahead=False, **options)


def test_meta_is_kept_with_the_run(store):
    """Of runs that worked and of runs that failed; other runs have none."""
    good, bad = f"# meta: model=gpt iteration=5\n{CROSS}", "# meta: model=gpt\nposition = 1 / 0\n"
    other = CROSS.replace("20", "30")
    report = _batch(store, good, bad, other)
    assert store.meta(report.rows[0].key) == {"model": "gpt", "iteration": "5"}
    assert store.meta(report.rows[2].key) == {}
    found = store.runs(meta={"model": "gpt"})
    assert sorted(found["status"]) == ["completed", "failed"]
    assert list(store.runs(meta={"model": "gpt", "iteration": "5"})["result_key"]) == [report.rows[0].key]
    assert store.runs(meta={"model": "other"}).empty
    assert len(store.runs()) == 3


def test_newer_values_count(store):
    """The same strategy with other meta values keeps the newest of each name, from the cache too."""
    (first,) = _batch(store, CROSS, meta={"round": "1", "by": "a"}).rows
    (again,) = _batch(store, CROSS, meta={"round": "2"}).rows
    assert first.key == again.key
    assert store.meta(first.key) == {"round": "2", "by": "a"}
    assert len(store.runs(meta={"round": "2"})) == 1
    assert store.runs(meta={"round": "1"}).empty


def test_odd_names_and_values_are_kept(store):
    """Chinese, quotation marks, wildcards and long names come back as they were."""
    meta = {"模型": "測試'; --", "a%": "%", "n" * 300: "x" * 500}
    (row,) = _batch(store, CROSS, meta=meta).rows
    assert store.meta(row.key) == {name[:200]: value for name, value in meta.items()}
    for pair in meta.items():
        assert len(store.runs(meta=dict([pair]))) == 1
