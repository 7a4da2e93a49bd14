"""Guards at five times the figures of `tests/benchmarks/store.py`, in seconds of this process: others may be busy."""

import time

import pytest

from benchmarks.store import TARGETS, cells, publish, read, table, timed
from outsample.store.parquet import wide_shape

FACTOR = 5.0


@pytest.mark.slow
def test_a_large_table_is_published_and_read_at_once(tmp_path):
    """2,000 symbols by 2,500 bars: published in 0.5 s, read and verified in 0.2 s."""
    frame = table()
    shape = wide_shape(frame)
    assert min(timed(lambda place: publish(tmp_path, frame, place), 3, time.process_time)) < FACTOR * TARGETS["publish"]
    target = tmp_path / "results" / "job0" / "1"
    assert min(timed(lambda _place: read(target, shape), 3, time.process_time)) < FACTOR * TARGETS["read"]
    assert read(target, shape).equals(frame)


@pytest.mark.slow
def test_a_known_result_is_answered_at_once(tmp_path, monkeypatch, forgetful):
    """A cell whose result is in the store, in a process that has not seen it: 0.3 s."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    assert min(cells(3, time.process_time)) < FACTOR * TARGETS["cell"]
