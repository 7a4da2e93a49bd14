"""Checks of data on entry, prices from Yahoo without the network, and point-in-time tables in a dataset."""

import numpy as np
import pandas as pd
import pytest

from outsample import DataInvalid, DataMissing, Dataset, backtest, load, run_sandboxed
from outsample.data.entry import check_future
from outsample.data.yahoo import yahoo_frames
from outsample.strategy import Strategy

DATES = pd.bdate_range("2020-01-01", periods=60)


def _close(**columns):
    random = np.random.Generator(np.random.Philox(5))
    frame = {name: 10 + random.uniform(0, 1, len(DATES)) for name in ("A", "B")}
    return pd.DataFrame(frame | columns, index=DATES)


def _warnings(**frames):
    return Dataset.from_frames(frames, name="x").warnings


def test_clean_data_have_no_warnings():
    """The clean twin of all checks below."""
    close = _close()
    assert _warnings(close=close, open=close, high=close + 1, low=close - 1, volume=close * 0) == ()


def test_a_repeated_date_is_an_error():
    """Two rows of one date cannot mean one thing."""
    close = _close()
    with pytest.raises(DataInvalid, match="twice"):
        _warnings(close=pd.concat([close, close.iloc[[3]]]))


def test_unsorted_dates_are_sorted_with_a_warning():
    """The order of rows is no content: the same id, and a note."""
    assert "not sorted" in _warnings(close=_close()[::-1])[0]


def test_the_order_of_a_bar_is_checked():
    """High below low, and an open or close outside them, are counted."""
    close = _close()
    high, low = close + 1, close - 1
    high.iloc[3, 0] = low.iloc[3, 0] - 1
    found = _warnings(
        close=close, high=high, low=low, open=close + pd.Series([2.0] + [0.0] * 59, index=DATES).to_numpy()[:, None]
    )
    assert "high is below low in 1 bars." in found
    assert "open is not between low and high in 3 bars." in found
    assert "close is not between low and high in 1 bars." in found


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_prices_that_are_not_positive_are_errors(value):
    """A price of zero or less is named with symbol and date."""
    close = _close()
    close.iloc[7, 1] = value
    with pytest.raises(DataInvalid, match=r"'B'.*2020-01-10"):
        _warnings(close=close)


def test_a_negative_volume_is_an_error():
    """Nothing trades less than nothing."""
    with pytest.raises(DataInvalid, match="volume"):
        _warnings(close=_close(), volume=_close() * -1)


def test_stale_prices_and_gaps_are_noted():
    """Prices that stand still or vanish for 20 bars are named; a late listing is no gap."""
    close = _close()
    close.iloc[10:31, 0] = 11.0
    close.iloc[10:30, 1] = np.nan
    close["C"] = close["A"].where(np.arange(60) > 25) * np.linspace(1, 2, 60)
    found = _warnings(close=close)
    assert any("does not move" in text and text.endswith("A.") for text in found)
    assert any("and then again: B." in text for text in found)
    assert len(found) == 2


def test_bars_in_the_future_are_refused_where_files_come_in(tmp_path):
    """A file with days and months in the wrong order shows as bars of the future."""
    now = pd.Timestamp("2020-02-01", tz="UTC")
    check_future(DATES[:20], now)
    with pytest.raises(DataInvalid, match="in the future"):
        check_future(DATES, now)
    with pytest.raises(DataInvalid, match="in the future"):
        check_future(DATES.tz_localize("Asia/Taipei"), now)
    frame = _close().set_axis(pd.bdate_range("2190-01-01", periods=60), axis=0)
    frame.to_csv(tmp_path / "late.csv", index_label="date")
    with pytest.raises(DataInvalid, match="in the future"):
        load(str(tmp_path / "late.csv"))


# -- Yahoo


def _answer(symbols, *_):
    fields = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
    columns = pd.MultiIndex.from_product([fields, symbols])
    index = pd.date_range("2024-01-02", periods=3, tz="America/New_York")
    return pd.DataFrame(np.arange(1.0, 3 * len(columns) + 1).reshape(3, -1), index=index, columns=columns)


def test_yahoo_is_asked_again_after_transient_errors():
    """Connection errors and too many requests are retried after 1, 2, 4 seconds; then the prices are there."""
    failures = [ConnectionError("reset"), RuntimeError("429 Too Many Requests"), TimeoutError()]
    waits = []

    def fetch(*arguments):
        if failures:
            raise failures.pop(0)
        return _answer(*arguments)

    frames = yahoo_frames(["AAPL", "MSFT"], fetch=fetch, sleep=waits.append)
    assert waits == [1.0, 2.0, 4.0]
    assert sorted(frames) == ["adj_close", "close", "high", "low", "open", "volume"]
    assert frames["close"].index.equals(pd.date_range("2024-01-02", periods=3))
    assert frames["close"]["MSFT"].tolist() == [8.0, 20.0, 32.0]


def test_yahoo_is_not_asked_again_after_other_errors():
    """An error that will not go away ends at once, and an answer that never comes after the last attempt."""
    waits = []

    def broken(*_):
        raise KeyError("chart")

    def away(*_):
        raise ConnectionError("no route")

    with pytest.raises(DataInvalid, match="cannot be used"):
        yahoo_frames(["AAPL"], fetch=broken, sleep=waits.append)
    assert waits == []
    with pytest.raises(DataInvalid, match="after 3 attempts"):
        yahoo_frames(["AAPL"], fetch=away, attempts=3, sleep=waits.append)
    assert waits == [1.0, 2.0]


def test_a_symbol_without_prices_is_named():
    """Half an answer is no answer."""

    def fetch(symbols, *_):
        return _answer(symbols[:1])

    with pytest.raises(DataMissing, match="NONE"):
        yahoo_frames(["AAPL", "NONE"], fetch=fetch, sleep=lambda _: None)


# -- point-in-time tables


def _table(known, value=2.0):
    rows = [("A", 20194, DATES[2], 1.0), ("A", 20201, known, value), ("B", 20194, DATES[2], 1.0)]
    return pd.DataFrame(rows, columns=["symbol", "period", "known", "value"])


def _with(table):
    return Dataset.from_frames({"close": _close()}, name="x", tables={"eps": table})


SOURCE = """
eps = data.get("eps")
position = eps > 1.5
"""


def test_moving_a_publication_moves_its_effect(monkeypatch):
    """A publication 5 sessions later shows in the frame, in sandboxed positions and equity 5 sessions later (T10)."""
    early, late = _with(_table(DATES[20])), _with(_table(DATES[25]))
    for data, place in ((early, 20), (late, 25)):
        frame = data.get("eps")["A"]
        assert frame.index[(frame == 2.0).argmax()] == DATES[place]
        done = run_sandboxed(Strategy.from_source(SOURCE), data)
        wanted = done.positions.frame["A"].astype(float)
        assert wanted.index[(wanted > 0).argmax()] == DATES[place]
        trades = backtest(SOURCE, data, store=False, lookahead=False).trades
        assert trades["entry_signal_date"].tolist() == [DATES[place]]


def test_a_cut_ends_tables_too():
    """What was published after a cut is not in the dataset that ends there, and moves its id only then (T2)."""
    early, late = _with(_table(DATES[30])), _with(_table(DATES[40], value=9.0))
    assert early.until(DATES[29]).id == late.until(DATES[29]).id
    assert early.until(DATES[30]).id != late.until(DATES[30]).id
    cut = early.until(DATES[35])
    pd.testing.assert_frame_equal(cut.frame("eps"), early.frame("eps").loc[: DATES[35]], check_freq=False)


def test_a_table_is_read_back_and_read_from_files(tmp_path):
    """A table survives the store, and a csv file with its columns is one; the id is the same."""
    from outsample import Store

    data = _with(_table(DATES[20]))
    with Store.open(tmp_path / "s.db") as store:
        saved = data.save("pit", store=store)
        assert saved.id == data.id
        pd.testing.assert_frame_equal(saved.frame("eps"), data.frame("eps"), check_freq=False)
    folder = tmp_path / "files"
    folder.mkdir()
    _close().to_csv(folder / "close.csv", index_label="date")
    _table(DATES[20]).to_csv(folder / "eps.csv", index=False)
    assert load(str(folder)).id == data.id


def test_selected_symbols_keep_their_figures():
    """`select` and symbols that the prices do not have: only the dataset's symbols are served."""
    table = pd.concat([_table(DATES[20]), _table(DATES[20]).assign(symbol="Z").iloc[:2]])
    data = _with(table)
    assert data.frame("eps").columns.tolist() == ["A", "B"]
    assert data.select(["B"]).frame("eps").columns.tolist() == ["B"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda t: t.drop(columns="known"), DataMissing),
        (lambda t: t.assign(known=pd.NaT), DataInvalid),
        (lambda t: pd.concat([t, t]), DataInvalid),
        (lambda t: t.assign(value="much"), DataInvalid),
    ],
)
def test_tables_that_cannot_mean_one_thing_are_refused(change, error):
    """A missing column, no publication date, a figure given twice, text for numbers."""
    with pytest.raises(error):
        _with(change(_table(DATES[20])))


def test_a_table_cannot_take_the_name_of_a_frame():
    """A table named close would hide prices."""
    with pytest.raises(DataInvalid, match="close"):
        Dataset.from_frames({"close": _close()}, name="x", tables={"close": _table(DATES[20])})
