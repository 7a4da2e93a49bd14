"""Results as tables for other programs."""

import csv
import math
import zipfile
from xml.etree import ElementTree

import pandas as pd
import pytest

from outsample import Dataset, backtest
from outsample.errors import ConfigError, StoreError
from outsample.store.parquet import read_table

NAMES = ["equity", "metrics", "positions", "trades", "weights"]


def test_csv_reads_back(result, tmp_path):
    """Every table is a file; the numbers come back to the last digit."""
    files = result.export(tmp_path / "new" / "folder")
    assert sorted(file.stem for file in files) == NAMES
    with (tmp_path / "new" / "folder" / "equity.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["equity"]) for row in rows] == result.equity.tolist()
    assert [pd.Timestamp(row["date"]) for row in rows] == result.equity.index.tolist()
    assert not list((tmp_path / "new" / "folder").glob(".*"))


def test_parquet_reads_back(result, tmp_path):
    """Wide weights with a column per symbol."""
    result.export(tmp_path, format="parquet")
    weights = read_table(tmp_path / "weights.parquet").set_index("date")
    pd.testing.assert_frame_equal(weights, result.weights, check_names=False, check_freq=False)
    assert read_table(tmp_path / "trades.parquet")["pnl"].tolist() == result.trades["pnl"].tolist()


def rows_of(path, number):
    space = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as book:
        root = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
    return [
        [cell.findtext("m:v", None, space) or cell.findtext("m:is/m:t", None, space) for cell in row]
        for row in root.iterfind("m:sheetData/m:row", space)
    ]


def test_a_workbook_has_a_sheet_per_table(result, tmp_path):
    """The parts that a spreadsheet program needs are there, with the numbers."""
    (path,) = result.export(tmp_path, format="xlsx")
    with zipfile.ZipFile(path) as book:
        assert book.testzip() is None
        assert {"[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"} <= set(book.namelist())
        for name in book.namelist():
            ElementTree.fromstring(book.read(name))
    rows = rows_of(path, 1)
    assert rows[0][:2] == ["date", "equity"]
    assert [float(row[1]) for row in rows[1:]] == result.equity.tolist()
    numbers = dict(rows_of(path, 5)[1:])
    assert math.isclose(float(numbers["sharpe"]), result.metrics.sharpe)


def test_names_that_look_like_formulas_are_text(tmp_path):
    """R9: a symbol that a spreadsheet would run is written so that it is not."""
    dates = pd.date_range("2024-01-01", periods=20, freq="B")
    close = pd.DataFrame({"=1+1": range(10, 30), "漢<b>": range(30, 10, -1)}, index=dates, dtype=float)
    data = Dataset.from_frames({"close": close}, name="x")
    found = backtest("position = data.get('close') > 0", data, store=False, lookahead=False)
    found.export(tmp_path)
    assert (tmp_path / "weights.csv").read_text(encoding="utf-8").splitlines()[0] == "date,'=1+1,漢<b>"
    (path,) = found.export(tmp_path, format="xlsx")
    assert rows_of(path, 2)[0] == ["date", "=1+1", "漢<b>"]
    with zipfile.ZipFile(path) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet2.xml")


def test_other_formats_and_places_are_refused(result, tmp_path):
    """A typed error, and nothing is written."""
    with pytest.raises(ConfigError, match="'pdf'"):
        result.export(tmp_path / "a", format="pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        result.export(tmp_path / "file")
    assert not (tmp_path / "a").exists()


def test_a_result_saves_itself(store, result):
    """Result.save and Store.save are the same."""
    assert result.save(store) == store.save(result)
    assert store.count("store").n == 1
