"""The quickstart in a real kernel, against the reference engine and closed forms."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outsample import load
from outsample.config import Costs, Execution
from outsample.engine import simulate
from outsample.errors import ConfigError, DataMissing, StrategyError
from outsample.report.notebook import run_notebook

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
pytestmark = [pytest.mark.notebook, pytest.mark.slow]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The quickstart, executed once in a real kernel, with what it computed written beside it."""
    folder = tmp_path_factory.mktemp("quickstart")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_STORE", str(folder / "store.db"))
        patch.chdir(folder)
        notebook = json.loads(QUICKSTART.read_text(encoding="utf-8"))
        source = (
            "result.equity.to_frame('equity').to_parquet('equity.parquet')\n"
            "result.trades.to_parquet('trades.parquet')\n"
            "open('metrics.json', 'w').write(result.to_json())\n"
            "walk.equity.to_frame('equity').to_parquet('walk.parquet')\n"
        )
        cell = {
            "cell_type": "code",
            "id": "save",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        notebook["cells"].append(cell)
        copy = folder / "quickstart.ipynb"
        copy.write_text(json.dumps(notebook), encoding="utf-8")
        run_notebook(copy, folder / "out" / "quickstart.ipynb", parameters={"n_paths": 200})
    return folder


@pytest.fixture(scope="module")
def reference():
    """The same strategy on the plain-Python engine, its signal computed with plain pandas."""
    data = load("sample")
    close = pd.DataFrame(data.get("close"))
    fast = close.rolling(50, min_periods=25).mean()
    slow = close.rolling(200, min_periods=100).mean()
    return simulate(fast > slow, data, execution=Execution(), costs=Costs(fee_ratio=0.0005), engine="reference")


def test_equity_is_that_of_the_reference_engine(executed, reference):
    """Through cell, sandbox and kernel: 1e-9."""
    equity = pd.read_parquet(executed / "equity.parquet")["equity"]
    assert equity.index.equals(reference.equity.index)
    np.testing.assert_allclose(equity, reference.equity, rtol=0, atol=1e-9)


def test_trades_are_those_of_the_reference_engine(executed, reference):
    """Symbols, dates and profits of every trade."""
    trades = pd.read_parquet(executed / "trades.parquet")
    assert trades["symbol"].tolist() == reference.trades["symbol"].tolist()
    assert trades["entry_date"].tolist() == reference.trades["entry_date"].tolist()
    np.testing.assert_allclose(trades["pnl"], reference.trades["pnl"], atol=1e-9)


def test_metrics_are_those_of_their_formulas(executed, reference):
    """Total, CAGR, Sharpe and drawdown, computed here from the reference engine's equity."""
    metrics = json.loads((executed / "metrics.json").read_text())["metrics"]
    equity = reference.equity.to_numpy()
    returns = equity[1:] / equity[:-1] - 1
    assert metrics["total_return"] == pytest.approx(equity[-1] / equity[0] - 1, abs=1e-9)
    assert metrics["cagr"] == pytest.approx((equity[-1] / equity[0]) ** (252 / len(returns)) - 1, abs=1e-9)
    assert metrics["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1) * 252**0.5, abs=1e-9)
    drawdown = (equity / np.maximum.accumulate(equity) - 1).min()
    assert metrics["max_drawdown"] == pytest.approx(drawdown, abs=1e-9)
    assert metrics["n_trades"] == len(reference.trades)


def test_the_notebook_tells_the_whole_story(executed):
    """Report, walk-forward, bootstrap, a caught leak and the ledger are in the executed notebook."""
    text = (executed / "out" / "quickstart.ipynb").read_text(encoding="utf-8")
    for words in ("no look-ahead found", "Out of sample against hindsight", "look-ahead found on", "golden_cross"):
        assert words in text
    assert not re.search(r'"output_type": "error"', text)


def test_the_page_is_readable_offline(executed):
    """Self-contained: no scripts, nothing that a browser would fetch."""
    page = (executed / "out" / "quickstart.html").read_text(encoding="utf-8")
    assert "<script" not in page.lower()
    assert not re.search(r'(?:src|href)\s*=\s*["\']?(?:https?:)?//', page, re.IGNORECASE)
    assert not re.search(r"@import|url\(\s*['\"]?https?:", page, re.IGNORECASE)
    assert "data:image/png;base64," in page


def test_a_failing_cell_fails_the_report_and_is_readable(tmp_path, monkeypatch):
    """The executed notebook is written all the same, and the error is the cell's own."""
    monkeypatch.setenv("OUTSAMPLE_STORE", "none")
    cells = ["%load_ext outsample", "%%backtest bad\na = 1\nposition = data.get('clos')"]
    notebook = {
        "cells": [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
            for n, text in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    source = tmp_path / "bad.ipynb"
    source.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(StrategyError, match=r"DATA_MISSING(.|\n)*line 3(.|\n)*'close'"):
        run_notebook(source, tmp_path / "out.ipynb")
    assert "DATA_MISSING" in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_wrong_parameters_are_refused_before_anything_runs(tmp_path):
    """A typo names the nearest parameter; a missing notebook is named."""
    with pytest.raises(ConfigError, match="'slow'"):
        run_notebook(QUICKSTART, tmp_path / "out.ipynb", parameters={"slwo": 3})
    with pytest.raises(DataMissing, match="no notebook"):
        run_notebook(tmp_path / "none.ipynb", tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()
