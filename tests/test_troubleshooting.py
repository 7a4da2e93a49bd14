"""The page on trouble names every code that a user can meet, and its example runs."""

import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import load, sim
from outsample.errors import OutsampleError
from outsample.metrics import measure
from outsample.model import ErrorCategory

PAGE = (Path(__file__).parents[1] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `([\w-]+)`\n\n(.+?)(?=\n##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
REASONS = set(re.findall(r"`(\w+)`", PAGE.split("## Reasons")[1].split("## Exit")[0])) - {"Metrics", "measure"}


def _errors(cls):
    yield cls
    for child in cls.__subclasses__():
        yield from _errors(child)


def _codes():
    """Codes of all error classes of all modules of the package."""
    for info in pkgutil.walk_packages(outsample.__path__, prefix="outsample."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)
    found = {cls.code for cls in _errors(OutsampleError) if cls.__module__.startswith("outsample")}
    return found - {OutsampleError.code}


def test_every_error_code_has_a_section():
    """Exactly the codes of the package: none is missing, none is left from an older version."""
    assert set(SECTIONS) == _codes()


@pytest.mark.parametrize("code", sorted(SECTIONS))
def test_a_section_says_cause_and_remedy(code):
    """Both, each in at least a few words."""
    cause, _, remedy = SECTIONS[code].partition("**Remedy**")
    assert cause.startswith("**Cause**")
    assert len(cause.split()) > 6
    assert len(remedy.split()) > 4


def test_every_category_has_a_row():
    """Exactly the categories of failures."""
    found = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert found == [category.value for category in ErrorCategory]


def _inputs():
    """Returns, trades and simulations that lack one thing or another."""
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 30, 300, 1000):
        dates = pd.bdate_range("2020-01-01", periods=n)
        noise = pd.Series(rng.normal(0, 0.01, n), index=dates, dtype=float)
        rising = pd.Series(np.linspace(0.01, 0.02, n), index=dates, dtype=float)
        yield noise.to_numpy(), {}
        for returns in (noise, 0 * noise, 0 * noise + 0.01, -rising, rising):
            yield returns, {}
        for benchmark in (noise, noise[::-1].set_axis(dates), 0 * noise, rising, -rising):
            yield noise, {"benchmark": benchmark}
    data = load("synthetic:3x300?seed=4")
    close = data.get("close")
    trend = close > close.average(20)
    for position in (close > 0, close < 0, trend, -1.0 * trend):
        simulation = sim(position, data)
        trades = simulation.trades
        yield simulation, {}
        for part in (trades, trades.iloc[:1], trades.iloc[:0], trades[trades["pnl"] > 0], trades[["pnl"]]):
            yield simulation.returns, {"trades": part}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_reason_that_is_met_is_in_the_table():
    """Reasons of undefined metrics, as `measure` really gives them for inputs of every kind."""
    met = set()
    for returns, more in _inputs():
        met.update(str(reason) for reason in measure(returns, **more).reasons.values())
    assert len(met) > 25
    assert met <= REASONS


def test_the_example_runs(capsys):
    """It prints code, message and hint."""
    (block,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    exec(compile(block, "troubleshooting.md", "exec"), {})
    assert capsys.readouterr().out.startswith("strategy | There is no data")
