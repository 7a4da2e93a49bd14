"""Everyday snippets, each with the rules that it should meet, written down by hand."""

import re
from pathlib import Path

import pytest

from installed import NUMPY_1
from outsample.validation import no_ops, validate

TEXT = Path(__file__).with_name("snippets.txt").read_text(encoding="utf-8")
PARTS = re.split(r"^### (\w+): *([\w -]*)\n", TEXT, flags=re.MULTILINE)[1:]
SNIPPETS = {name: (set(rules.split()), source) for name, rules, source in zip(*[iter(PARTS)] * 3, strict=True)}
ERRORS = {
    "io-read", "io-write", "import-denied", "indicator", "finlab-name", "notebook-magic", "syntax",
}  # fmt: skip


def test_enough_snippets():
    """At least a hundred everyday snippets are checked."""
    assert len(SNIPPETS) >= 100


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet_meets_exactly_its_rules(name):
    """A snippet gets the specific rules written beside it and no other, and is refused only for those that refuse."""
    if name == "numpy_old" and NUMPY_1:
        pytest.skip("numpy 1 has what numpy 2 took away")
    expected, source = SNIPPETS[name]
    found = validate(source)
    assert {item.rule for item in found} == expected
    for item in found:
        assert item.severity == ("error" if item.rule in ERRORS else "warning")


@pytest.mark.parametrize("name", [name for name, (rules, _) in SNIPPETS.items() if rules & ERRORS])
def test_refusal_says_what_to_do(name):
    """A refused snippet says what was found and what to do instead."""
    for item in validate(SNIPPETS[name][1]):
        if item.rule != "syntax":
            assert item.message.endswith(".")
            assert item.hint.endswith(".")


@pytest.mark.parametrize("name", [name for name, (rules, _) in SNIPPETS.items() if "io-read" in rules])
def test_reads_name_data_get(name):
    """Whoever reads a file is told about data.get."""
    assert all("data.get(" in item.hint for item in validate(SNIPPETS[name][1]) if item.rule == "io-read")


@pytest.mark.parametrize(
    "name",
    [name for name, (rules, _) in SNIPPETS.items() if rules & {"plot-ignored", "display-ignored", "login-ignored"}],
)
def test_no_ops_are_listed(name):
    """What the sandbox turns into nothing is listed by no_ops."""
    assert {item.rule for item in no_ops(SNIPPETS[name][1])} == SNIPPETS[name][0]


def test_indicator_names_a_formula():
    """data.indicator with a known name answers with the frame method or formula for it."""
    assert "close.average(n)" in validate("x = data.indicator('SMA', timeperiod=20)")[0].hint
    assert "ewm" in validate("x = data.indicator('RSI')")[0].hint
