"""A batch of strategies of every kind, on the end of the shipped sample: each has the level written beside it."""

import json
from pathlib import Path

import jsonschema
import pytest

from outsample.batch import run_many, schema
from outsample.config import SandboxPolicy
from outsample.data import load
from outsample.model import ErrorCategory

pytestmark = pytest.mark.slow
LIST = Path(__file__).parent / "strategies" / "strategies.txt"
POLICY = SandboxPolicy(timeout=4.0, memory_mb=160)


def strategies():
    """Name, level and category as written, and source."""
    for part in LIST.read_text(encoding="utf-8").split("### ")[1:]:
        head, _, source = part.partition("\n")
        name, _, words = head.partition(": ")
        level, category = ([*words.split(), None])[:2]
        yield name, level, category, source


def files(folder):
    """The strategies as files, with some that cannot be read; and what is expected of each."""
    expected = []
    paths = []
    for name, level, category, source in strategies():
        paths.append(folder / f"{name}.py")
        paths[-1].write_text(source, encoding="utf-8")
        expected.append((name, level, category))
    for name, content in {
        "unreadable.py": "名 = 1".encode("big5"),
        "large.py": b"#" * 1_000_001,
        "long.py": b"x = 1\n" * 20_000,
        "notebook.ipynb": b"{",
        "empty.ipynb": b'{"cells": []}',
        "missing.py": None,
    }.items():
        paths.append(folder / name)
        if content is not None:
            paths[-1].write_bytes(content)
        category = "DATA_MISSING" if name in {"missing.py", "empty.ipynb"} else "VALIDATION"
        expected.append((Path(name).stem, "FAILED", category))
    return paths, expected


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """The batch run with one and with two sandboxes at once, and what is expected."""
    paths, expected = files(tmp_path_factory.mktemp("batch"))
    sample = load("sample")
    data = sample.between(sample.dates[-1000], sample.dates[-1])
    reports = [
        run_many(paths, data, parallel=n, store=False, lookahead=True, use_cache=False, policy=POLICY) for n in (2, 1)
    ]
    return reports, expected


def test_there_are_enough_of_them():
    """At least forty, and every category but the one that only a fault of ours can have."""
    found = list(strategies())
    assert len(found) >= 40
    assert {category for _, _, category, _ in found} - {None} == set(ErrorCategory) - {"INTERNAL"}
    assert {level for _, level, _, _ in found} == {"FAILED", "EXECUTED", "VALID_METRICS", "PROFITABLE"}


def test_each_has_its_level_and_category(batch):
    """In the order of the input."""
    (report, _), expected = batch
    found = [(row.name, row.level.name, None if row.category is None else row.category.value) for row in report]
    assert found == expected


def test_two_at_once_give_what_one_at_a_time_gives(batch):
    """Every number, message and line; times and memory aside."""
    (two, one), _ = batch
    assert [_comparable(row) for row in two] == [_comparable(row) for row in one]


def _comparable(row):
    values = row.numbers()
    if row.category in {ErrorCategory.TIMEOUT, ErrorCategory.MEMORY}:
        # Where a run was when its limit ended it is a matter of chance.
        values = {name: value for name, value in values.items() if name not in {"message", "reasons", "line"}}
    return values


def test_the_report_is_valid_and_whole(batch):
    """JSON by the schema; Markdown and HTML name every strategy, escape, and need nothing from elsewhere."""
    (report, _), expected = batch
    value = json.loads(report.to_json())
    jsonschema.validate(value, schema())
    assert value["summary"]["done"] == len(expected)
    assert sum(value["summary"]["by_level"].values()) == len(expected)
    assert sum(group["count"] for group in value["errors"]) == sum(category is not None for _, _, category in expected)
    markdown, html = report.to_markdown(), report.to_html()
    for name, _, _ in expected:
        assert name.replace("_", "\\_") in markdown
        assert name in html
    assert "<script" not in html
    assert "http" not in html.split("</style>")[1]
    assert "登入失敗：連線逾時" in html


def test_failures_name_their_line(batch):
    """Where Python says where."""
    (report, _), _ = batch
    rows = {row.name: row for row in report}
    assert rows["calculation_zero"].line == 2
    assert rows["calculation_ambiguous"].line == 2
    assert rows["syntax_indent"].line == 2
    assert rows["validation_import"].line == 1
    assert all(row.hint for row in report if row.category is not None)
