"""Loaders: names, paths, synthetic markets."""

import pandas as pd
import pytest

from outsample.data import load
from outsample.errors import DataInvalid, DataMissing


@pytest.fixture
def long_table():
    return pd.DataFrame(
        {
            "Date": ["2024-01-01", "2024-01-02"] * 2,
            "Ticker": ["A", "A", "B", "B"],
            "Close": [1.0, 2.0, 3.0, 4.0],
            "Adj Close": [0.5, 1.0, 3.0, 4.0],
            "sector": ["x", "x", "y", "y"],
        }
    )


def test_long_files(tmp_path, long_table):
    """A long csv and a long parquet are the same dataset."""
    long_table.to_csv(tmp_path / "prices.csv", index=False)
    long_table.to_parquet(tmp_path / "prices.parquet")
    csv, parquet = load(str(tmp_path / "prices.csv")), load(str(tmp_path / "prices.parquet"))
    assert csv.id == parquet.id
    assert csv.symbols == ["A", "B"]
    assert csv.get("close")["A"].tolist() == [1.0, 2.0]


def test_wide_files_and_folders(tmp_path):
    """A wide csv holds closes; a folder holds a wide file per frame."""
    frame = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.DatetimeIndex(["2024-01-01", "2024-01-02"], name="date"))
    frame.to_csv(tmp_path / "close.csv")
    (frame * 100).to_csv(tmp_path / "volume.csv")
    assert load(str(tmp_path / "close.csv")).keys() == ["close", "raw_close"]
    both = load(str(tmp_path))
    assert both.get("volume")["A"].tolist() == [100.0, 200.0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sampel", "'sample'"),
        ("synthetic:5", "SYMBOLSxBARS"),
        ("synthetic:5x10?sed=1", "'seed'"),
        ("synthetic:0x10", "1..20000"),
        ("synthetic:2x10?seed=a", "whole number"),
        ("nowhere/prices.csv", "no file"),
    ],
)
def test_unknown_names_say_what_is_known(name, text):
    """Each wrong name has its own hint."""
    with pytest.raises(DataMissing, match=text):
        load(name)


def test_unreadable_files(tmp_path):
    """Empty, binary and dateless files are refused by name."""
    for name, content in (("a.csv", b""), ("b.parquet", b"PAR?"), ("c.csv", b"x,y\n1,2\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataInvalid, match=name):
            load(str(tmp_path / name))
    (tmp_path / "d.csv").write_text("date,symbol,close\n2024-01-01,A,1\n2024-01-01,A,2\n")
    with pytest.raises(DataInvalid, match="twice"):
        load(str(tmp_path / "d.csv"))


def test_synthetic_markets_are_seeded():
    """The same spec is the same dataset; another seed is another."""
    one = load("synthetic:4x50?seed=7")
    assert (len(one.symbols), len(one.dates)) == (4, 50)
    assert one.id != load("synthetic:4x50?seed=8").id
    load.__globals__["_synthetic"].cache_clear()
    assert load("synthetic:4x50?seed=7").id == one.id
    high, low = one.get("high"), one.get("low")
    assert bool((pd.DataFrame(high) >= pd.DataFrame(low)).all(axis=None))
    assert load("synthetic:40x50?seed=7&delist=0.5").get("close").iloc[-1].isna().any()
