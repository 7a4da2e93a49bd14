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
import pandas as pd
import pytest

from interop.qlib_data import write_directory
from outsample import alpha_backtest, backtest, errors, load
from outsample.interop.qlib import signal_of

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


# -- a prediction as a signal


def _prediction(data, seed=1):
    """Scores as Qlib keeps them: long, by date and instrument, some of them missing."""
    rng = np.random.default_rng(seed)
    wide = pd.DataFrame(rng.normal(size=(len(data.dates), len(data.symbols))), data.dates, data.symbols)
    long = wide.stack().rename("score").rename_axis(["datetime", "instrument"]).to_frame()
    return wide, long.sample(frac=1.0, random_state=2)


def test_a_prediction_is_a_signal():
    """The wide table that it was made of, whatever the order of rows and levels; it can be backtested."""
    data = load("synthetic:6x120?seed=3")
    wide, long = _prediction(data)
    for prediction in (long, long["score"], long.swaplevel(), long.rename_axis([None, None])):
        found = signal_of(prediction)
        np.testing.assert_array_equal(found.to_numpy(), wide.to_numpy())
        assert list(found.columns) == data.symbols
    gone = long.drop(index=(data.dates[5], data.symbols[2]))
    assert np.isnan(signal_of(gone).loc[data.dates[5], data.symbols[2]])
    result = alpha_backtest(signal_of(long), data, weight_method="rank")
    expected = alpha_backtest(wide, data, weight_method="rank")
    pd.testing.assert_series_equal(result.simulation.equity, expected.simulation.equity)


def test_what_is_no_prediction_is_refused():
    """Other levels, several columns, two scores for one cell: each is named."""
    data = load("synthetic:3x60?seed=3")
    _, long = _prediction(data)
    with pytest.raises(errors.DataInvalid, match="levels"):
        signal_of(long.reset_index(drop=True))
    with pytest.raises(errors.DataInvalid, match="levels"):
        signal_of(long.rename_axis(["date", "name"]))
    with pytest.raises(errors.DataInvalid, match="column score"):
        signal_of(long.rename(columns={"score": "a"}).assign(b=1.0))
    with pytest.raises(errors.DataInvalid, match="two scores"):
        signal_of(pd.concat([long, long.iloc[:1]]))


# -- with Qlib itself, in an environment of its own

MADE = Path(__file__).parents[2] / "build" / "qlib" / "bin" / "python"
QLIB_PYTHON = os.environ.get("OUTSAMPLE_QLIB_PYTHON") or (str(MADE) if MADE.exists() else "")
needs_qlib = pytest.mark.skipif(
    not QLIB_PYTHON and importlib.util.find_spec("qlib") is None,
    reason="make test-qlib runs this in an environment with the qlib extra",
)


def _with_qlib(script, *words):
    command = [QLIB_PYTHON or sys.executable, str(Path(__file__).with_name(script)), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """Folders with reports, made where Qlib is installed: the comparison is in the script."""
    folder = tmp_path_factory.mktemp("reported")
    _with_qlib("compare_qlib.py", folder)
    return folder


@pytest.mark.slow
@needs_qlib
def test_with_qlib_installed_the_numbers_are_the_same(reported):
    """Qlib's own functions and ours agree to 1e-9, every chart is written, the page is one file."""
    page = (reported / "positions" / "report.html").read_text(encoding="utf-8")
    assert "plotly" in page.lower()
    tags = re.sub(r"(<script[^>]*>).*?</script>", r"\1", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)\s*=\s*["\']?http', tags)


@pytest.mark.slow
@pytest.mark.browser
@needs_qlib
@pytest.mark.parametrize("name", list(SOURCES))
def test_the_page_shows_its_charts_in_a_browser(reported, name, chromium):
    """A real Chromium draws every chart from the file alone: no request leaves, no error is logged."""
    asked, complaints = [], []
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto((reported / name / "report.html").as_uri())
        tab.locator(".main-svg").first.wait_for(timeout=60_000)
        drawn = tab.locator(".js-plotly-plot").count()
        lines = tab.locator(".scatterlayer .trace, .barlayer .trace, .heatmaplayer image").count()
    assert drawn >= 4
    assert lines >= drawn
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert complaints == []


@pytest.mark.slow
@needs_qlib
def test_a_data_directory_is_read_as_qlib_reads_it(tmp_path):
    """Calendar, instruments and every price and volume, as traded: equal to what Qlib's own reader gives."""
    folder = write_directory(tmp_path / "cn_data")
    assert int(_with_qlib("compare_qlib_data.py", folder).rsplit("\n", 2)[-2].split()[0]) > 900
