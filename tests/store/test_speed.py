"""Guards at five times the figures: publishing and reading a large table, answering from the store."""

import time

import numpy as np
import pandas as pd
import pytest

from outsample import Store, backtest
from outsample.store.files import check_folder, publish_folder, workplace
from outsample.store.parquet import read_wide, wide_shape, write_long
from store.conftest import SOURCE


def best_of(times, function):
    found = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return min(found)


@pytest.mark.slow
def test_a_large_table_is_published_and_read_at_once(tmp_path):
    """2,000 symbols by 2,500 bars: published in 0.5 s, read and verified in 0.2 s."""
    values = np.random.default_rng(0).random((2500, 2000))
    dates = pd.date_range("2015-01-01", periods=2500, freq="B")
    frame = pd.DataFrame(values, index=dates, columns=[f"S{place}" for place in range(2000)])
    shape, places = wide_shape(frame), iter(range(10))

    def publish():
        with workplace(tmp_path) as folder:
            write_long(folder / "w.parquet", frame, "weight")
            publish_folder(folder, tmp_path / "results" / "job" / str(next(places)))

    assert best_of(3, publish) < 2.5
    target = tmp_path / "results" / "job" / "0"
    assert best_of(3, lambda: check_folder(target) or read_wide(target / "w.parquet", shape)) < 1.0
    assert read_wide(target / "w.parquet", shape).equals(frame)


@pytest.mark.slow
def test_a_known_result_is_answered_at_once(tmp_path, sample, forgetful):
    """A backtest that is in the store, in a process that has not seen it: 0.3 s."""
    with Store.open(tmp_path / "store.db") as store:
        backtest(SOURCE, sample, store=store, lookahead=True)

        def again():
            forgetful()
            backtest(SOURCE, sample, store=store, lookahead=True)

        assert best_of(3, again) < 1.5
