"""Strategies as people and language models write them; none may be refused."""

import json
from pathlib import Path

import pytest

from outsample.validation import validate

ROOT = Path(__file__).parents[2]
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


def _shipped():
    """The strategies in cells of the shipped notebooks, without the line of the magic."""
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and source.startswith("%%backtest"):
                yield pytest.param(source.partition("\n")[2], id=f"{path.stem}-{number}")


@pytest.mark.parametrize("source", list(_shipped()))
def test_shipped_strategy_is_not_refused(source):
    """Every strategy of the shipped notebooks passes; those that show a flaw are only warned of."""
    assert not [item for item in validate(source) if item.severity == "error"]
