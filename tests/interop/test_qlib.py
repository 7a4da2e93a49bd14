"""Qlib's reports: the same numbers with and without it."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from outsample import backtest

SOURCES = {
    "positions": ("close = data.get('close')\nposition = close.average(20) > close.average(60)", {}),
    "signal": ("close = data.get('close')\nsignal = close / close.shift(20) - 1", {"alpha": "rank", "resample": "W"}),
}


@pytest.fixture(scope="module", params=list(SOURCES))
def written(request, tmp_path_factory):
    source, options = SOURCES[request.param]
    result = backtest(source, "synthetic:12x400?seed=3", lookahead=False, store=False, **options)
    folder = tmp_path_factory.mktemp(request.param)
    reports = result.to_qlib_reports(folder)
    values = {name: json.loads((folder / f"{name}_analysis.json").read_text()) for name in ("risk", "ic")}
    return result, reports, values


def test_files_are_there(written):
    """Two tables of numbers and a picture, whatever is installed."""
    _, reports, _ = written
    assert {"risk_analysis.json", "ic_analysis.json", "performance_chart.png"} <= set(reports.files)
    assert (reports.folder / "performance_chart.png").read_bytes().startswith(b"\x89PNG")


def test_conventions_meet_ours(written):
    """Sum mode with 252 days is our Sharpe ratio, product mode our CAGR and drawdown; 238 scales as it says."""
    result, _, values = written
    found = values["risk"]["conventions"]
    net = "return_with_cost"
    assert found["sum_252"][net]["information_ratio"] == pytest.approx(result.metrics.sharpe, rel=1e-12)
    assert found["product_252"][net]["annualized_return"] == pytest.approx(result.metrics.cagr, rel=1e-9)
    assert found["product_252"][net]["max_drawdown"] == pytest.approx(result.metrics.max_drawdown, rel=1e-9)
    scale = math.sqrt(238 / 252)
    ratio = found["sum_238"][net]["information_ratio"] / found["sum_252"][net]["information_ratio"]
    assert ratio == pytest.approx(scale, rel=1e-12)
    gross = found["sum_252"]["return_without_cost"]["mean"]
    assert gross - found["sum_252"][net]["mean"] == pytest.approx(
        float((result.simulation.costs.sum(axis=1).to_numpy()[1:] / result.equity.to_numpy()[:-1]).mean()), rel=1e-9
    )


def test_ic_against_plain_pandas(written):
    """Per date correlation of score and next tradable return, as pandas computes it."""
    result, _, values = written
    frame = result.outcome.positions.frame.astype(float)
    close = result.data.frame("close")
    label = (close.shift(-2) / close.shift(-1) - 1).loc[frame.index]
    both = frame.notna() & label.notna()
    with np.errstate(all="ignore"):
        ic = frame.where(both).corrwith(label.where(both), axis=1).replace([np.inf, -np.inf], np.nan)
    varies = frame.where(both).std(axis=1) > 0
    assert values["ic"]["IC"]["mean"] == pytest.approx(ic[varies].mean(), abs=1e-9)


QLIB_PYTHON = os.environ.get("OUTSAMPLE_QLIB_PYTHON")


@pytest.mark.slow
@pytest.mark.skipif(
    not QLIB_PYTHON and importlib.util.find_spec("qlib") is None,
    reason="make test-qlib runs this in an environment with the qlib extra",
)
def test_with_qlib_installed_the_numbers_are_the_same(tmp_path):
    """Qlib's own functions and ours agree to 1e-9, every chart is written or says why not, the page is one file."""
    script = Path(__file__).with_name("compare_qlib.py")
    done = subprocess.run(
        [QLIB_PYTHON or sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "positions" / "report.html").read_text(encoding="utf-8")
    assert "plotly" in page.lower()
    tags = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)\s*=\s*["\']?http', tags)
