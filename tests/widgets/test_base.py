"""Data as bytes, scripts as one module, static twins."""

import re

import numpy as np
import pandas as pd
import pytest

from outsample_widgets.arrays import milliseconds, pack
from outsample_widgets.base import script
from outsample_widgets.twin import Twin, rows_of
from scale import SCALE


def test_arrays_come_back_from_the_bytes():
    """Every array is found again at its place, with its type, NaN included; places are multiples of eight."""
    random = np.random.Generator(np.random.Philox(3))
    arrays = {
        "a": random.normal(size=5 * SCALE),
        "b": np.array([1, 0, 1], dtype=np.uint8),
        "c": np.array([np.nan, -0.0, np.inf]),
        "d": np.arange(6, dtype=np.int64).reshape(2, 3),
        "e": np.empty(0),
    }
    data, layout = pack(arrays)
    kinds = {"f8": "<f8", "u1": "|u1"}
    for name, array in arrays.items():
        place = layout[name]
        assert place["at"] % 8 == 0
        assert place["shape"] == list(array.shape)
        back = np.frombuffer(data, kinds[place["kind"]], place["length"], place["at"]).reshape(array.shape)
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("zone", [None, "Asia/Taipei"])
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_dates_are_milliseconds_of_their_own_clock(zone, unit):
    """A Taiwanese midnight is shown as midnight of that date, whatever the unit of the index."""
    dates = pd.DatetimeIndex(["1970-01-02", "2024-02-29"]).tz_localize(zone).as_unit(unit)
    assert milliseconds(dates).tolist() == [86_400_000.0, 1_709_164_800_000.0]


def test_a_script_is_one_module_without_relative_imports():
    """Shared modules stand before the widget, once, and only the widget exports."""
    text = script("chart")
    assert "import " not in re.sub(r"//.*", "", text).replace('"import ', "")
    assert text.count("export default") == 1
    assert text.count("class Plot") == 1
    assert text.count("function dayOf") == 1
    assert text.index("function dayOf") < text.index("class Plot") < text.index("export default")


def test_scripts_name_no_other_server():
    """Nothing is loaded from anywhere else."""
    assert not re.findall(r"(?:https?:)?//[a-z]+\.[a-z]+", script("chart"))


def test_a_twin_escapes_what_it_shows():
    """Names cannot become markup."""
    twin = Twin(title="<b>x", lines=("<script>",), tables=(("<i>", ("a&b",), (("<td>",),)),))
    text = twin.html("uid1")
    assert "<b>x" not in text
    assert "<script" not in text
    assert "a&amp;b" in text
    assert "&lt;td&gt;" in text
    assert "os-twin-uid1" in text


def test_a_table_is_shown_as_text():
    """Dates, numbers and gaps are set as everywhere in the reports."""
    columns, rows = rows_of(pd.DataFrame({"first_day": [pd.Timestamp("2020-01-02")], "x": [np.nan]}))
    assert columns == ("first day", "x")
    assert rows == (("2020-01-02", "–"),)
