"""Datasets: identity, adjusted prices, parts, checks on entry."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outsample.data import Dataset, load
from outsample.data.content import frame_id
from outsample.errors import ConfigError, DataInvalid, DataMissing
from scale import SCALE

DATES = pd.date_range("2024-01-01", periods=4, freq="D")


def prices(values=((1.0, 10.0), (2.0, 11.0), (3.0, 12.0), (4.0, 13.0)), symbols=("A", "B"), dates=DATES):
    return pd.DataFrame(list(values), index=dates, columns=list(symbols))


def dataset(**frames):
    return Dataset.from_frames({"close": prices(), **frames}, name="toy")


# -- identity


def test_layout_order_and_names_are_no_content():
    """Order of columns, memory layout, names of axes and units of time do not change an id."""
    base = prices()
    twins = [
        base[["B", "A"]],
        pd.DataFrame(np.asfortranarray(base.to_numpy()), index=base.index, columns=base.columns),
        base.rename_axis("date").rename_axis("symbol", axis=1),
        base.set_axis(base.index.as_unit("s"), axis=0),
    ]
    assert {frame_id(twin) for twin in twins} == {frame_id(base)}


def test_zero_and_nan_have_one_form():
    """-0.0 is 0.0, and every NaN is the same NaN."""
    odd = np.array([0.0, np.nan])
    odd.view(np.uint64)[1] |= np.uint64(1)  # numpy 1.26 takes no int here
    assert frame_id(pd.DataFrame({"a": odd})) == frame_id(pd.DataFrame({"a": [-0.0, np.nan]}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [True]})),
        (pd.DataFrame({"a": ["1"]}), pd.DataFrame({"a": [1]})),
        (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})),
        (pd.DataFrame({1: [1.0]}), pd.DataFrame({"1": [1.0]})),
        (pd.DataFrame({"a": ["x", "yz"]}), pd.DataFrame({"a": ["xy", "z"]})),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": ["x", ""]})),
        (pd.DataFrame({"a": [1.0]}, index=DATES[:1]), pd.DataFrame({"a": [1.0]}, index=DATES[1:2])),
        (
            pd.DataFrame({"a": [1.0]}, index=DATES[:1].tz_localize("UTC")),
            pd.DataFrame({"a": [1.0]}, index=DATES[:1]),
        ),
        (pd.DataFrame({"a": [2**53 + 1]}), pd.DataFrame({"a": [2**53]})),
        (
            pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
            pd.DataFrame({"a": pd.array([1, 0], dtype="Int64")}),
        ),
    ],
)
def test_different_content_has_a_different_id(one, other):
    """Types, names, zones, missing values and large integers are content."""
    assert frame_id(one) != frame_id(other)


def test_the_id_is_written_down():
    """The canonical form is final: these ids were computed by hand-written hashing of the bytes below."""
    import hashlib
    import json

    frame = pd.DataFrame({"b": [1.5, np.nan], "a": [True, False]}, index=DATES[:2])
    header = json.dumps(
        {"columns": [[["s", "a"], "bool"], [["s", "b"], "float"]], "index": "time:", "rows": 2},
        sort_keys=True,
        separators=(",", ":"),
    ).encode()
    content = b"outsample frame 1\n" + len(header).to_bytes(8, "little") + header
    content += np.array([1704067200, 1704153600], dtype="<i8").__mul__(10**9).astype("<i8").tobytes()
    content += bytes([1, 0]) + np.array([1.5, np.nan], dtype="<f8").tobytes()
    assert frame_id(frame) == hashlib.sha256(content).hexdigest()


@settings(max_examples=40 * SCALE, deadline=None)
@given(
    st.lists(st.lists(st.floats(0.01, 1e6), min_size=3, max_size=3), min_size=2, max_size=6),
    st.integers(0, 5),
    st.integers(0, 2),
)
def test_one_changed_cell_is_another_snapshot(values, row, column):
    """R3: any cell that changes changes the snapshot id, and a permutation of columns does not."""
    frame = pd.DataFrame(values, index=pd.date_range("2020", periods=len(values)), columns=list("ABC"))
    base = Dataset.from_frames({"close": frame}, name="a")
    changed = frame.copy()
    changed.iloc[row % len(frame), column] += 1.0
    assert Dataset.from_frames({"close": changed}, name="a").id != base.id
    assert Dataset.from_frames({"close": frame[["C", "A", "B"]]}, name="b").id == base.id


def test_name_and_market_are_metadata():
    """Only content is in the id."""
    other = Dataset.from_frames({"close": prices()}, name="other", market="TW")
    assert other.id == dataset().id


# -- prices


def test_prices_are_adjusted_from_the_first_bar():
    """factor = adj_close / close, 1 on the first bar: a split shows in raw prices alone."""
    close = pd.DataFrame({"A": [100.0, 102.0, 51.0, 52.0]}, index=DATES)
    adjusted = pd.DataFrame({"A": [25.0, 25.5, 25.5, 26.0]}, index=DATES)
    data = Dataset.from_frames({"close": close, "adj_close": adjusted, "open": close - 1}, name="split")
    assert data.get("close")["A"].tolist() == pytest.approx([100.0, 102.0, 102.0, 104.0])
    assert data.get("open")["A"].tolist() == pytest.approx([99.0, 101.0, 100.0, 102.0])
    assert data.get("raw_close")["A"].tolist() == [100.0, 102.0, 51.0, 52.0]
    assert data.get("adj_close")["A"].tolist() == pytest.approx(data.get("close")["A"].tolist())


def test_no_adjusted_level_contains_the_future():
    """T2: adjusted prices up to a date are the same whatever comes later."""
    data = load("sample")
    for date in ("2003-05-06", "2005-02-25", "2012-06-01"):
        part = data.until(date)
        for key in ("close", "open", "high", "low"):
            pd.testing.assert_frame_equal(pd.DataFrame(part.get(key)), pd.DataFrame(data.get(key)).loc[:date])


def test_the_sample_shows_the_split_of_apple():
    """Case BK-SPLIT: 2005-02-28, raw about -49.6 %, adjusted +0.8 %."""
    data = load("sample")
    raw = data.get("raw_close")["AAPL"].pct_change()["2005-02-28"]
    adjusted = data.get("close")["AAPL"].pct_change()["2005-02-28"]
    assert raw == pytest.approx(-0.4958984155523092, abs=1e-9)
    assert adjusted == pytest.approx(0.008203168895372093, abs=1e-9)


def test_the_sample_is_the_published_one():
    """Rows, symbols and span of the source."""
    data = load("sample")
    assert data.symbols == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert data.get("raw_close").notna().sum().to_dict() == {
        "AAPL": 3270,
        "FB": 196,
        "GOOG": 2148,
        "IBM": 3270,
        "MSFT": 3270,
    }
    assert (str(data.dates[0].date()), str(data.dates[-1].date())) == ("2000-03-01", "2013-03-01")
    assert data.periods_per_year == 252
    assert data.survivors_only


def test_frames_cannot_be_written_through():
    """A dataset is immutable: what a reader does to a frame stays with the reader."""
    data = dataset()
    before = data.id
    frame = data.get("close")
    with contextlib.suppress(ValueError):  # pandas without copy-on-write refuses to write into a read-only array
        frame.iloc[0, 0] = 99.0
    assert float(data.get("close").iloc[0, 0]) == 1.0
    assert Dataset(data.stored(), name="again").id == before


# -- parts


def test_parts_end_where_they_should():
    """until and between are inclusive; every frame ends at the cut."""
    volume = prices() * 100
    data = dataset(volume=volume)
    assert data.until("2024-01-02").dates.tolist() == DATES[:2].tolist()
    assert data.between("2024-01-02", "2024-01-03").get("volume").index.tolist() == DATES[1:3].tolist()
    assert data.between(None, "2024-01-02").id == data.until("2024-01-02").id
    with pytest.raises(DataInvalid, match="no bars"):
        data.until("2023-01-01")
    with pytest.raises(ConfigError, match="must not be after"):
        data.between("2024-01-03", "2024-01-02")
    with pytest.raises(ConfigError, match="date"):
        data.until("never")


def test_select_keeps_symbols_and_names_missing_ones():
    """A symbol that is not there is named."""
    assert dataset().select(["B"]).symbols == ["B"]
    assert dataset().select("A").symbols == ["A"]
    with pytest.raises(DataMissing, match="'C'"):
        dataset().select(["A", "C"])


def test_a_delisting_is_not_known_before_it_happens():
    """A cut hides delisting dates that come later."""
    data = dataset(delisted=pd.Series({"A": pd.Timestamp("2024-01-03")}))
    assert data.delisted["A"] == pd.Timestamp("2024-01-03")
    assert pd.isna(data.delisted["B"])
    assert pd.isna(data.until("2024-01-02").delisted["A"])


# -- checks on entry


@pytest.mark.parametrize(
    ("frames", "error", "text"),
    [
        ({}, DataMissing, "needs a frame 'close'"),
        ({"volume": prices()}, DataMissing, "needs a frame 'close'"),
        ({"close": pd.concat([prices(), prices().iloc[:1]])}, DataInvalid, "twice"),
        ({"close": prices().set_axis(["A", "A"], axis=1)}, DataInvalid, "'A' twice"),
        ({"close": prices().reset_index(drop=True)}, DataInvalid, "index of numbers"),
        ({"close": prices() * 0}, DataInvalid, "not positive"),
        ({"close": -prices()}, DataInvalid, "not positive"),
        ({"close": prices().replace(2.0, np.inf)}, DataInvalid, "infinite"),
        ({"close": prices().astype(object).where(prices() != 2.0, "x")}, DataInvalid, "not numbers"),
        ({"close": prices().set_axis(["a", "b", "c", "d"], axis=0)}, DataInvalid, "dates"),
        ({"close": [1, 2]}, DataInvalid, "pandas"),
        ({"close": prices().iloc[:0]}, DataInvalid, "no rows"),
    ],
)
def test_tables_that_cannot_mean_one_thing_are_refused(frames, error, text):
    """Each mistake has its own message."""
    with pytest.raises(error, match=text):
        Dataset.from_frames(frames, name="bad")


def test_what_is_odd_is_recorded():
    """Unsorted dates, crossed highs, partial cover and inferred calendars are warnings, not errors."""
    data = Dataset.from_frames(
        {"close": prices().iloc[::-1], "high": prices() - 0.5, "low": prices(), "open": prices()[["A"]]}, name="odd"
    )
    text = " ".join(data.warnings)
    assert "not sorted" in text
    assert "high is below low" in text
    assert "does not cover" in text
    assert data.dates.is_monotonic_increasing
    monthly = Dataset.from_frames({"close": prices(dates=pd.date_range("2024-01-31", periods=4, freq="ME"))}, name="m")
    assert monthly.periods_per_year == 12
    assert "periods_per_year" in " ".join(monthly.warnings)


def test_missing_keys_name_the_nearest():
    """A typo in data.get is answered with what was meant."""
    with pytest.raises(DataMissing, match="volume"):
        load("sample").get("volum")


def test_other_table_libraries_give_the_same_id():
    """polars and pyarrow tables are converted once, to the same content."""
    polars = pytest.importorskip("polars")
    import pyarrow as pa

    table = prices().reset_index(names="date")
    own = dataset().id
    assert Dataset.from_frames({"close": polars.from_pandas(table)}, name="p").id == own
    assert Dataset.from_frames({"close": pa.Table.from_pandas(table, preserve_index=False)}, name="a").id == own
