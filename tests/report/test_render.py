"""Rendering: everything escaped, nothing from elsewhere, readable without style."""

import re

import pandas as pd
import pytest

from outsample import backtest, load
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
        (formats.percent, -0.00004, "0.00 %"),
        (formats.percent, -0.00005001, "-0.01 %"),
        (formats.percent, -10.0, "-1,000.00 %"),
        (formats.ratio, -0.004, "0.00"),
        (formats.ratio, -0.0051, "-0.01"),
        (formats.number, -0.0, "0"),
        (formats.number, -1e-9, "-1e-09"),
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


@pytest.mark.parametrize("render", [fragment, page, plain, markdown])
def test_percents_of_sentences_are_those_of_tables(render):
    """A space before the sign, no minus before nothing, in whatever a lower layer says."""
    text = render(
        document(
            reasons=("total return after costs is -0.00%", "coverage 50%"),
            warnings=("Dropped: A, B (20.0% of weight).", "-3.5% and 1,000% and %%backtest and x1%"),
        )
    )
    for words in (
        "costs is 0.00 %",
        "coverage 50 %",
        "(20.0 % of weight)",
        "-3.5 % and 1,000 % and %%backtest and x1%",
    ):
        assert words.replace("_", "\\_") in text


def test_one_warning_is_no_plural():
    """What the folded warnings are headed by says how many there are."""
    assert "<summary>1 warning</summary>" in fragment(document(warnings=("a",)))
    assert "<summary>2 warnings</summary>" in fragment(document(warnings=("a", "b")))


def test_no_page_has_a_negative_nothing():
    """A strategy that never holds, and one whose months lose less than is shown, have no minus before zeros."""
    sources = ("position = data.get('close') < 0\n", "position = data.get('close') * 0 + 1e-7\n")
    for source in sources:
        made = backtest(source, load("synthetic:3x300?seed=1"), lookahead=False, store=False)
        for text in (made.to_html(), made.to_markdown(), str(made)):
            assert not re.search(r"-0(\.0+)? %|-0\.00\b", text.split("base64,")[0])
            assert not re.search(r"(?<![\w.%:])\d+(\.\d+)?%", text.partition("</style>")[2] or text)
