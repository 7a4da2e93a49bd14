"""A qlib data directory, written here by hand after qlib's description of its format."""

import struct

import numpy as np
import pandas as pd
import pytest

from outsample import DataInvalid, DataMissing, load
from outsample.data.loaders import from_qlib

DAYS = ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08", "2020-01-09"]


def _bin(folder, symbol, field, start, values):
    place = folder / "features" / symbol
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{field}.day.bin").write_bytes(struct.pack(f"<{len(values) + 1}f", start, *values))


@pytest.fixture
def folder(tmp_path):
    """Two symbols: one that splits 2:1 after three days, one of two spans that begins later."""
    root = tmp_path / "cn_data"
    (root / "calendars").mkdir(parents=True)
    (root / "calendars" / "day.txt").write_text("\n".join(DAYS) + "\n")
    (root / "instruments").mkdir()
    (root / "instruments" / "all.txt").write_text(
        "SH600000\t2020-01-02\t2020-01-09\nSZ000001\t2020-01-03\t2020-01-06\nSZ000001\t2020-01-08\t2020-01-09\n"
    )
    (root / "instruments" / "csi300.txt").write_text("SH600000\t2020-01-02\t2020-01-06\n")
    # As traded 20, 21, 22, then 11.5, 12, 12.5 after the split; adjusted to the newest price.
    _bin(root, "sh600000", "close", 0, [10.0, 10.5, 11.0, 11.5, 12.0, 12.5])
    _bin(root, "sh600000", "factor", 0, [0.5, 0.5, 0.5, 1.0, 1.0, 1.0])
    _bin(root, "sh600000", "volume", 0, [200.0, 220.0, 240.0, 130.0, 140.0, 150.0])
    _bin(root, "sz000001", "close", 1, [4.0, 4.25, 4.5, 4.75, 5.0])
    _bin(root, "sz000001", "factor", 1, [1.0, 1.0, 1.0, 1.0, 1.0])
    _bin(root, "sz000001", "volume", 1, [10.0, 11.0, 12.0, 13.0, 14.0])
    return root


def test_prices_as_traded_and_adjusted(folder):
    """Close as traded is close / factor, volume as traded volume x factor; the factor is 1 on the first bar."""
    data = load(f"qlib:{folder}")
    assert data.symbols == ["SH600000", "SZ000001"]
    assert data.get("raw_close")["SH600000"].tolist() == [20.0, 21.0, 22.0, 11.5, 12.0, 12.5]
    assert data.get("volume")["SH600000"].tolist() == [100.0, 110.0, 120.0, 130.0, 140.0, 150.0]
    assert data.get("close")["SH600000"].tolist() == [20.0, 21.0, 22.0, 23.0, 24.0, 25.0]


def test_values_start_at_their_index_and_end_with_their_span(folder):
    """The first number of a file is the place in the calendar; outside its spans a symbol has no price."""
    found = load(f"qlib:{folder}").get("raw_close")["SZ000001"].to_numpy()
    np.testing.assert_array_equal(found, [np.nan, 4.0, 4.25, np.nan, 4.75, 5.0])


def test_a_list_of_instruments_is_a_universe(folder):
    """Spans of a list of instruments say who was a member when."""
    universe = load(f"qlib:{folder}?instruments=csi300").get("universe")
    assert universe["SH600000"].tolist() == [True, True, True, False, False, False]
    assert not universe["SZ000001"].any()


def test_without_a_factor_prices_are_what_there_is(folder):
    """Without factors only adjusted prices are known, and served as they are."""
    for path in folder.glob("features/*/factor.day.bin"):
        path.unlink()
    data = from_qlib(str(folder), name="x", market="TW")
    assert data.get("close")["SH600000"].tolist() == [10.0, 10.5, 11.0, 11.5, 12.0, 12.5]
    assert (data.name, data.market) == ("x", "TW")


def test_the_id_is_that_of_the_same_frames(folder):
    """Frames that were put together by hand have the id of what was read."""
    data = load(f"qlib:{folder}")
    dates = pd.DatetimeIndex(DAYS)
    assert data.dates.equals(dates.as_unit("ns"))
    assert load(f"qlib:{folder}").id == data.id


def test_what_does_not_fit_is_refused(folder):
    """Broken files, a calendar of another download, unknown lists and options: each is named."""
    with pytest.raises(DataMissing, match="csi300"):
        load(f"qlib:{folder}?instruments=csi500")
    with pytest.raises(DataMissing, match="instruments"):
        load(f"qlib:{folder}?instrument=csi300")
    with pytest.raises(DataMissing, match=r"day\.txt"):
        load(f"qlib:{folder / 'elsewhere'}")
    path = folder / "features" / "sh600000" / "close.day.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(DataInvalid, match="float32"):
        load(f"qlib:{folder}")
    path.write_bytes(struct.pack("<4f", 4, 1.0, 2.0, 3.0))
    with pytest.raises(DataInvalid, match="calendar"):
        load(f"qlib:{folder}")
    path.write_bytes(whole)
    (folder / "instruments" / "all.txt").write_text("SH600000 2020-01-02\n")
    with pytest.raises(DataInvalid, match="line 1"):
        load(f"qlib:{folder}")
