"""Rendering: everything escaped, nothing from elsewhere, readable without style."""

import re

import pandas as pd
import pytest

from outsample.report import formats
from outsample.report.document import Document, Picture, Table, table_of
from outsample.report.html import error_html, fragment, page
from outsample.report.text import markdown, plain

EVIL = "<script>alert(1)</script>\"'&"


def document(**changes):
    values = {
        "title": EVIL,
        "facts": (("Period", EVIL),),
        "level": "PROFITABLE",
        "reasons": (EVIL,),
        "metrics": Table(title="Key", columns=("Metric", "Value"), rows=((EVIL, "1.0"),), numeric=frozenset({1})),
        "tables": (Table(title=EVIL, columns=(EVIL,), rows=((EVIL,),), note=EVIL, folded=True),),
        "pictures": (Picture(title=EVIL, png=b"\x89PNG", alternative=EVIL),),
        "warnings": (EVIL,),
        "output": EVIL,
    }
    return Document(**{**values, **changes})


@pytest.mark.parametrize("render", [fragment, page])
def test_html_escapes_everything(render):
    """No text of a strategy, a dataset or a message becomes markup."""
    text = render(document(alarm=EVIL))
    assert "<script" not in text
    assert "alert(1)" in text


def test_html_needs_nothing_from_elsewhere():
    """A report is readable offline: no address, no script, no import."""
    text = page(document())
    assert not re.search(r"https?://|//[a-z]|@import|url\(", text.split("data:image/png;base64,")[0], re.IGNORECASE)
    assert "<script" not in text


def test_numbers_of_a_leak_are_struck_through():
    """A reader sees at once that they must not be believed."""
    assert "os-struck" in fragment(document(alarm="look-ahead")).split("</style>")[1]
    assert "os-struck" not in fragment(document()).split("</style>")[1]


def test_the_same_document_is_the_same_text():
    """No clock, no random id."""
    assert page(document()) == page(document())


def test_plain_text_is_aligned_also_with_wide_characters():
    """Chinese symbols take two columns."""
    table = Table(title="T", columns=("Symbol", "x"), rows=(("台積電", "1"), ("A", "22")), numeric=frozenset({1}))
    lines = plain(document(metrics=table)).splitlines()
    start = lines.index("T")
    assert lines[start + 3].startswith("台積電   1")
    assert lines[start + 4].startswith("A       22")


def test_markdown_escapes_its_own_signs():
    """A name with pipes and stars stays a name."""
    text = markdown(document(title="a|b*c"))
    assert text.startswith("# a\\|b\\*c")


def test_tables_of_frames():
    """Dates, missing values, units and limits are made for reading."""
    frame = pd.DataFrame({"date": [pd.Timestamp("2024-01-02"), pd.NaT], "ret": [0.1, float("nan")], "n": [1, 2]})
    table = table_of("T", frame, formats={"ret": formats.percent}, limit=1)
    assert table.rows == (("2024-01-02", "10.00 %", "1"),)
    assert "first 1 of 2" in table.note
    assert table.numeric == frozenset({1, 2})


@pytest.mark.parametrize(
    ("maker", "value", "text"),
    [
        (formats.percent, 0.12345, "12.35 %"),
        (formats.percent, -1, "-100.00 %"),
        (formats.percent, float("nan"), formats.MISSING),
        (formats.ratio, float("inf"), "∞"),
        (formats.count, 1234.0, "1,234"),
        (formats.date, "2024-01-02 10:30", "2024-01-02 10:30"),
        (formats.number, None, formats.MISSING),
    ],
)
def test_formats(maker, value, text):
    """Percent exists only here; what is not defined is a dash."""
    assert maker(value) == text


def test_errors_are_escaped():
    """An error message may contain anything."""
    assert "<script" not in error_html("SYNTAX", EVIL, EVIL, EVIL, EVIL)
