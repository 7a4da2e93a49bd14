"""The page that compares conventions, and the cross-check with the libraries that it names."""

import importlib.util
import math
import os
from pathlib import Path

import pandas as pd
import pytest

from outsample import load

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "conventions.md"


def _script():
    spec = importlib.util.spec_from_file_location("compare_conventions", ROOT / "docs/scripts/compare_conventions.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
ROWS = [row for rows in SCRIPT.SECTIONS.values() for row in rows]
# Where nothing is said to differ, everybody must agree.
AGREED = [(row, peer) for row in ROWS if not row.why for peer, function in row.peers().items() if function]
TABLE = {
    cells[0]: cells[1:]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("| ---", "| statistic"))
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}


def test_our_column_is_what_we_compute():
    """The page has exactly the rows of its script, with our numbers of today."""
    ours = SCRIPT.ours()
    assert list(TABLE) == list(ours)
    for name, text in ours.items():
        assert float(TABLE[name][0]) == pytest.approx(float(text), rel=2e-5, nan_ok=True), name


@pytest.mark.parametrize("name", TABLE)
def test_every_difference_has_a_reason(name):
    """A row in which somebody computes something else says why; one in which nobody does says nothing."""
    mine, *others, why = TABLE[name]
    assert len(others) == len(SCRIPT.PEERS)
    same = [float(x) == pytest.approx(float(mine), rel=2e-5, nan_ok=True) for x in others if x]
    if not all(same):
        assert why
    if not why:
        assert all(same)


@pytest.fixture(scope="module")
def peers():
    """The libraries, as the script imports them."""
    return SCRIPT.modules()


@pytest.fixture(scope="module")
def returns():
    """Daily returns of each stock of the sample."""
    close = pd.DataFrame(load("sample").frame("close"))
    return {name: close[name].dropna().pct_change().dropna() for name in close}


@pytest.mark.parametrize("symbol", ["AAPL", "FB", "GOOG", "IBM", "MSFT"])
@pytest.mark.parametrize(("row", "peer"), AGREED, ids=lambda value: getattr(value, "name", value))
def test_libraries_agree_where_conventions_do(row, peer, symbol, peers, returns):
    """On every stock of the sample, the other library computes our number."""
    if peers[peer] is None:
        if os.environ.get("CI"):
            pytest.fail(f"{peer} is a development dependency")
        pytest.skip(f"{peer} is not installed")
    x = returns[symbol]
    market = returns["IBM" if symbol != "IBM" else "MSFT"].loc[x.index]
    theirs = SCRIPT.theirs(row.peers()[peer], peers[peer], (x, market))
    mine = row.ours(x, market)
    assert not math.isnan(mine)
    assert theirs == pytest.approx(mine, rel=1e-6)
