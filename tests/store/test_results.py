"""Results in the store: the contract of every kind of store."""

import hashlib
import json

import jsonschema
import pandas as pd
import pytest

from outsample import backtest
from outsample.errors import ConfigError, DataMissing, ResultChanged, StoreError
from outsample.store.files import check_folder
from outsample.store.parquet import read_table, read_wide, wide_shape
from outsample.store.publish import Publishing
from store.conftest import SOURCE


def test_a_result_comes_back_equal(store, result):
    """R4: canonical bytes, tables, text and parameters are those that were saved."""
    store.save(result)
    loaded = store.load(result.key)
    assert loaded.canonical_bytes == result.canonical_bytes
    pd.testing.assert_series_equal(loaded.equity, result.equity)
    pd.testing.assert_frame_equal(loaded.trades, result.trades)
    pd.testing.assert_frame_equal(loaded.outcome.positions.frame, result.outcome.positions.frame, check_freq=False)
    assert loaded.stdout == result.stdout == "好的\n"
    assert loaded.params == result.params
    assert loaded.config == result.config
    assert loaded.strategy.source == result.strategy.source
    assert loaded.sandbox == result.sandbox


def test_the_start_of_a_key_is_enough(store, result, other):
    """Six characters or more, when they are those of one result; fewer, and unknown ones, are refused."""
    store.save(result)
    store.save(other)
    assert store.load(result.key[:12]).key == result.key
    for wrong in (result.key[:3], "f" * 64, "%' or 1=1"):
        with pytest.raises(StoreError, match="no result"):
            store.load(wrong)


def test_options_of_the_caller_come_back(store, sample):
    """Dates, offsets, costs and conventions are the same request, with the same key."""
    options = {"start": "2005-01-01", "end": pd.Timestamp("2010-06-30"), "resample": "ME", "stop_loss": 0.1}
    saved = backtest(SOURCE, sample, costs={"fee_ratio": 0.002}, store=False, lookahead=False, seed=7, **options)
    store.save(saved)
    loaded = store.load(saved.key)
    assert loaded.canonical_bytes == saved.canonical_bytes
    again = backtest(SOURCE, sample, costs={"fee_ratio": 0.002}, store=False, lookahead=False, seed=7, **options)
    assert again.key == loaded.key


def test_whole_number_symbols_and_zones_come_back(store, awkward):
    """R4: symbols above 2^53 and bars with a zone, with positions that were not there (NaN)."""
    source = "close = data.get('close')\nposition = (close > close.average(5)) * 0.25\nposition.iloc[3] = float('nan')"
    saved = backtest(source, awkward, store=False, lookahead=False)
    folder = store.publish(saved.outcome)
    table = read_table(folder / "daily_signals.parquet")
    assert table.columns.tolist() == ["timestamp", "symbol", "signal"]
    assert set(table["symbol"]) == {10001, 10107, 2**53 + 1}
    assert str(table["timestamp"].dt.tz) == "America/New_York"
    assert table["signal"].isna().sum() == 3
    assert store.fetch(saved.key, saved.outcome.request).canonical_bytes == saved.canonical_bytes


def test_data_that_are_gone_are_named(store, awkward):
    """A result whose dataset is nowhere says which, and how to add it."""
    saved = backtest("position = data.get('close') > 0", awkward, store=False, lookahead=False)
    store.publish(saved.outcome)
    with pytest.raises(DataMissing, match=awkward.id[:12]):
        store.load(saved.key)


def test_data_of_ones_own_are_kept_with_the_result(store, awkward):
    """A dataset that no name leads to comes back with the result that was made of it."""
    saved = backtest("position = data.get('close') > 1", awkward, store=False, lookahead=False)
    store.save(saved)
    assert store.load(saved.key).canonical_bytes == saved.canonical_bytes


def test_the_tables_say_what_the_result_says(store, result):
    """Signals, weights, equity and trades of the files are those of the result."""
    folder = store.save(result, weights="full")
    signals = read_table(folder / "daily_signals.parquet")
    frame = result.outcome.positions.frame
    assert signals.columns.tolist() == ["date", "symbol", "signal"]
    assert len(signals) == int(frame.to_numpy().sum())
    weights = read_table(folder / "daily_weights.parquet")
    first = weights.iloc[0]
    assert first["weight"] == result.weights.loc[first["date"], first["symbol"]]
    assert weights["weight"].sum() == pytest.approx(result.weights.to_numpy().sum())
    assert read_table(folder / "equity.parquet")["equity"].tolist() == result.equity.tolist()
    assert read_table(folder / "trades.parquet")["pnl"].tolist() == result.trades["pnl"].tolist()


def test_a_signal_has_its_daily_ic(store, sample):
    """In alpha mode the daily IC is a file and its mean a column."""
    saved = backtest("signal = data.get('close').pct_change(5)", sample, alpha="rank", store=False, lookahead=False)
    folder = store.save(saved)
    daily = read_table(folder / "daily_ic.parquet")
    row = store.runs().iloc[0]
    assert row["mean_ic"] == pytest.approx(daily["ic"].mean())
    assert row["weight_method"] == "rank"
    assert store.load(saved.key).canonical_bytes == saved.canonical_bytes


def test_rebalance_weights_are_those_of_bars_with_trades(store, result):
    """The short form holds the bars on which something was traded."""
    folder = store.save(result, weights="rebalance")
    dates = set(read_table(folder / "rebalance_weights.parquet")["date"])
    assert not (folder / "daily_weights.parquet").exists()
    traded = result.simulation.turnover[result.simulation.turnover > 0].index
    assert dates <= set(traded)


def test_the_summary_follows_its_schema(store, result):
    """summary.json has the pinned names at its top level, and null where nothing was computed."""
    from importlib.resources import files

    folder = store.save(result)
    schema = json.loads(files("outsample.store").joinpath("summary.schema.json").read_text())
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    jsonschema.validate(summary, schema)
    assert summary["mean_ic"] is None
    assert summary["snapshot_id"] == result.snapshot_id
    assert summary["dataset_version_ids"] == dict(result.data.frame_ids)


def test_saving_again_changes_nothing(store, result):
    """The same key and numbers are there once; the ledger counts one trial."""
    first = store.save(result)
    before = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert store.save(result) == first
    assert {path.name: path.stat().st_mtime_ns for path in first.iterdir()} == before
    assert len(store.runs()) == 1
    assert store.count("store").n == 1


def test_other_numbers_under_one_key_are_refused(store, result, other):
    """R2: the same inputs that lead to something else are an error, and what is stored stays."""
    import dataclasses

    store.save(result)
    forged = dataclasses.replace(other.outcome, key=result.key)
    with pytest.raises(ResultChanged, match="other numbers"):
        store.publish(forged)
    assert store.load(result.key).canonical_bytes == result.canonical_bytes


def older(outcome, change):
    """An outcome whose canonical text is that of another version of outsample."""
    import copy

    text = json.loads(outcome.canonical_bytes)
    change(text)
    found = copy.copy(outcome)
    found.__dict__["canonical_bytes"] = json.dumps(text, sort_keys=True, separators=(",", ":")).encode()
    return found


def test_a_result_of_a_version_that_knew_less_loads(store, result):
    """Metrics and options that came later, and other words, are no other numbers."""

    def change(text):
        del text["metrics"]["sortino"], text["costs"]["borrow_rate"]
        text["warnings"], text["verdict"]["reasons"] = ["said otherwise"], ["so"]

    store.publish(older(result.outcome, change))
    assert store.load(result.key).canonical_bytes == result.canonical_bytes
    store.save(result)


def test_a_result_of_a_version_with_other_numbers_says_which(store, result):
    """A metric that moved is named; the stored files stay."""

    def change(text):
        text["metrics"]["sharpe"] += 1e-9

    folder = store.publish(older(result.outcome, change))
    with pytest.raises(StoreError, match="sharpe"):
        store.load(result.key)
    with pytest.raises(ResultChanged, match="sharpe"):
        store.save(result)
    assert check_folder(folder) == []


@pytest.mark.parametrize("name", ["daily_signals.parquet", "run.json", "summary.json", "equity.parquet"])
def test_a_flipped_bit_is_named(store, result, name):
    """Bit rot in any file is found, the file is named, and so is the command that makes it again."""
    folder = store.save(result)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(StoreError, match=name) as caught:
        store.load(result.key)
    assert "outsample run" in caught.value.hint
    assert len(store.broken()) == 1


def test_a_missing_folder_is_named(store, result):
    """No traceback: what is missing and how to get it back; publishing again heals it."""
    import shutil

    folder = store.save(result)
    shutil.rmtree(folder)
    with pytest.raises(StoreError, match="is missing"):
        store.load(result.key)
    store.save(result)
    assert store.broken() == []
    assert store.load(result.key).key == result.key


def test_a_broken_folder_is_replaced(store, result):
    """Publishing over a broken folder puts a whole one in its place."""
    folder = store.save(result)
    (folder / "equity.parquet").unlink()
    assert store.save(result) == folder
    assert check_folder(folder) == []


def test_runs_answers_by_name_date_and_number(store, result, other):
    """Filters and order are those of the arguments."""
    store.save(result)
    store.save(other)
    best = max((result, other), key=lambda item: item.metrics.sharpe)
    assert store.runs(order_by="-sharpe", limit=1)["result_key"].tolist() == [best.key]
    assert len(store.runs(name="strategy")) == 2
    assert store.runs(name="nobody").empty
    assert store.runs(since="2999-01-01").empty
    for wrong in ({"order_by": "luck"}, {"limit": -1}, {"since": "never"}):
        with pytest.raises(ConfigError):
            store.runs(**wrong)


def test_completed_runs_name_their_data(store):
    """The database itself refuses a completed run without a snapshot."""
    import sqlalchemy as sa

    from outsample.store import Trial

    store.record(Trial(result_key="k", name="s", dataset="d", snapshot_id="x", family="f", source=""))
    with pytest.raises(sa.exc.IntegrityError), store.begin() as connection:
        connection.execute(sa.text("update backtest_runs set snapshot_id = null"))


def test_a_limit_on_the_store_is_refused_with_the_figure(store, result, monkeypatch):
    """store.max_bytes: nothing is written beyond it, and the message says how much there is."""
    monkeypatch.setenv("OUTSAMPLE_STORE_MAX_BYTES", "1000")
    with pytest.raises(StoreError, match="1,000"):
        store.save(result)
    assert not list(store.folder.glob("results/*"))
    assert not list((store.folder / "tmp").glob("*"))


@pytest.mark.parametrize("options", [{"compression": "lzma"}, {"weights": "some"}, {"attempt": 0}])
def test_wrong_options_are_refused(options):
    """Options of publishing are checked before anything is written."""
    with pytest.raises(ConfigError):
        Publishing(**options)


# -- the cache


def test_a_second_process_answers_from_the_store(store, sample, forgetful, monkeypatch):
    """The same numbers and look-ahead report, without a sandbox."""
    first = backtest(SOURCE, sample, store=store, lookahead=True)
    forgetful()

    def refuse(*_args, **_options):
        raise AssertionError("the sandbox was used")

    monkeypatch.setattr("outsample.api.run", refuse)
    monkeypatch.setattr("outsample.api.check_lookahead", refuse)
    second = backtest(SOURCE, sample, store=store, lookahead="auto")
    assert second.canonical_bytes == first.canonical_bytes
    assert second.lookahead == first.lookahead
    assert second.usage["stages"]["sandbox"] == first.usage["stages"]["sandbox"]
    assert not second.notes
    assert store.count("store").n == 1


def test_a_broken_artefact_is_computed_again(store, sample, forgetful):
    """What cannot be read is no answer: the strategy runs, and its files are whole again."""
    first = backtest(SOURCE, sample, store=store, lookahead=False)
    folder = store.folder / store.run(first.key)["result_path"]
    (folder / "run.json").write_text("{")
    forgetful()
    assert backtest(SOURCE, sample, store=store, lookahead=False).canonical_bytes == first.canonical_bytes
    assert check_folder(folder) == []


def test_without_the_cache_a_difference_is_an_error(store, sample, forgetful, other, monkeypatch):
    """use_cache=False computes again and compares with what is stored."""
    import dataclasses

    first = backtest(SOURCE, sample, store=store, lookahead=False)
    assert backtest(SOURCE, sample, store=store, lookahead=False, use_cache=False).key == first.key
    forged = dataclasses.replace(other.outcome, key=first.key)
    forgetful()
    monkeypatch.setattr("outsample.api.run", lambda *_args, **_options: forged)
    with pytest.raises(ResultChanged):
        backtest(SOURCE, sample, store=store, lookahead=False, use_cache=False)


def test_a_store_that_cannot_be_written_is_a_note(store, sample, forgetful, monkeypatch):
    """The backtest has its result; the note says what is not stored, and why."""
    monkeypatch.setenv("OUTSAMPLE_STORE_MAX_BYTES", "10")
    found = backtest(SOURCE, sample, store=store, lookahead=False)
    assert any("max_bytes" in note for note in found.notes)


def test_no_store_writes_nothing(sample, forgetful, tmp_path, monkeypatch):
    """store=False, and OUTSAMPLE_STORE=none, mean none."""
    monkeypatch.chdir(tmp_path)
    backtest(SOURCE, sample, store=False, lookahead=False)
    backtest(SOURCE, sample, lookahead=False)
    assert not list(tmp_path.rglob("*"))


# -- identity


@pytest.mark.parametrize("text", ["  # a remark\n", "\n\n\n", '"""What it does."""\n'])
def test_comments_and_layout_are_one_key(result, sample, text):
    """R1: a result is found again after its source was only laid out anew."""
    assert backtest(text + SOURCE, sample, store=False, lookahead=False).key == result.key


def test_canonical_bytes_do_not_know_the_process(result):
    """R1: another process with another hash seed computes the same bytes."""
    import os
    import subprocess
    import sys

    code = (
        "import sys, hashlib; from outsample import backtest\n"
        "found = backtest(sys.argv[1], 'sample', store=False, lookahead=False)\n"
        "print(hashlib.sha256(found.canonical_bytes).hexdigest())"
    )
    for seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code, SOURCE], capture_output=True, text=True, env=environ, check=True
        )
        assert done.stdout.strip() == hashlib.sha256(result.canonical_bytes).hexdigest()


def test_wide_frames_survive(tmp_path):
    """R4: NaN, infinities, moments with zones, Chinese names and order come back exactly."""
    import numpy as np

    from outsample.store.parquet import write_long

    dates = pd.DatetimeIndex(["2024-01-02 09:30:00.123456789", "2024-01-02 09:31"], tz="Asia/Taipei", name="when")
    frame = pd.DataFrame([[np.nan, np.inf, 0.0], [-np.inf, 5e-324, 1e308]], index=dates, columns=["台積電", "a b", "Z"])
    write_long(tmp_path / "x.parquet", frame, "value")
    pd.testing.assert_frame_equal(read_wide(tmp_path / "x.parquet", wide_shape(frame)), frame, check_exact=True)


def test_plain_tables_survive(tmp_path):
    """R4: NaN stays NaN, NaT stays NaT, whole numbers above 2^53 stay whole."""
    import numpy as np

    from outsample.store.parquet import write_table

    table = pd.DataFrame(
        {
            "float": [np.nan, np.inf],
            "int": [2**53 + 1, -(2**63)],
            "maybe": pd.array([2**62 + 1, None], dtype="Int64"),
            "when": pd.DatetimeIndex(["2024-03-10 03:30", None], tz="America/New_York"),
            "flag": [True, False],
            "text": ["漢字", None],
        }
    )
    write_table(tmp_path / "x.parquet", table)
    read = read_table(tmp_path / "x.parquet")
    assert np.isnan(read["float"][0])
    assert read["float"][1] == np.inf
    assert read["int"].tolist() == table["int"].tolist()
    assert read["maybe"][0] == 2**62 + 1
    assert read["maybe"].isna().tolist() == [False, True]
    assert read["when"][0] == table["when"][0]
    assert str(read["when"].dt.tz) == "America/New_York"
    assert read["when"].isna().tolist() == [False, True]
    assert read["text"].tolist() == ["漢字", None]
