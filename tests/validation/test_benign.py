"""Strategies as people and language models write them; none may be refused."""

from pathlib import Path

import pytest

from outsample.validation import validate

BENIGN = sorted((Path(__file__).parents[1] / "benign").glob("*.py"))
WARNED = {"sklearn_rolling": {"lookahead-fit"}}


def test_enough_benign_strategies():
    """At least sixty benign strategies are kept."""
    assert len(BENIGN) >= 60


@pytest.mark.parametrize("path", BENIGN, ids=lambda path: path.stem)
def test_benign_strategy_has_no_finding(path):
    """A benign strategy passes, and without a warning except the one that it deserves."""
    found = validate(path.read_text(encoding="utf-8"))
    assert {item.rule for item in found} == WARNED.get(path.stem, set())


@pytest.mark.parametrize("path", BENIGN, ids=lambda path: path.stem)
def test_benign_strategy_passes_with_windows_line_ends(path):
    """The same strategy passes when an editor saved it with CRLF line ends."""
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
    assert not [item for item in validate(text) if item.severity == "error"]
