"""`explore`: controls from parameters, answers from a warm sandbox, failures that leave it usable."""

import statistics
import threading
import time

import numpy as np
import pytest

import outsample
from browser.lab import crowding
from outsample.errors import ConfigError
from outsample.store import Store
from outsample_widgets import explore
from outsample_widgets.latest import Latest

pytestmark = pytest.mark.slow
HANGS = (
    "fast = 5  # 1..9\nclose = data.get('close')\nwhile fast > 8:\n    pass\nposition = close > close.average(fast)\n"
)


@pytest.fixture(scope="module")
def explorer(source, data):
    """An explorer without a ledger."""
    found = explore(source, data, store=False)
    yield found
    found.close()


def _wait(said, n=1, seconds=15.0):
    limit = time.monotonic() + seconds
    while len(said) < n and time.monotonic() < limit:
        time.sleep(0.01)
    return said


def _ask(widget, monkeypatch, number, **params):
    said = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=(): said.append((content, buffers)))
    widget._received(widget, {"kind": "run", "id": number, "params": params}, [])
    return _wait(said)[0]


def test_controls_come_from_the_parameters(explorer):
    """Range and help of a control are those of the comment behind the parameter."""
    fast = explorer._about["controls"][0]
    assert (fast["name"], fast["low"], fast["high"], fast["step"]) == ("fast", 10.0, 100.0, 1.0)
    assert fast["help"] == "days of the fast average"


@pytest.mark.parametrize(
    ("line", "kind", "low", "high"),
    [
        ("p = 20", "number", 1.0, 40.0),
        ("p = -0.5", "number", -1.0, 0.0),
        ("p = 0", "number", 0.0, 10.0),
        ("p = True", "flag", None, None),
        ("p = 'rank'", "text", None, None),
        ("p = (1, 2)", "text", None, None),
    ],
)
def test_parameters_without_a_range_have_a_control(data, line, kind, low, high):
    """Numbers reach from nothing to twice their value; a flag is a check box; the rest is text."""
    made = explore(f"{line}\nposition = data.get('close') > 0\n", data, store=False)
    control = made._about["controls"][0]
    made.close()
    assert (control["kind"], control.get("low"), control.get("high")) == (kind, low, high)


def test_an_answer_equals_a_backtest(explorer, monkeypatch, source, data):
    """Equity and metrics are those of `backtest` with the same parameters."""
    content, buffers = _ask(explorer, monkeypatch, 7, fast=20)
    other = outsample.backtest(source, data, params={"fast": 20}, store=False, lookahead=False)
    place = content["layout"]["equity"]
    equity = np.frombuffer(buffers[0], "<f8", place["length"], place["at"])
    np.testing.assert_allclose(equity, (other.equity / other.equity.iloc[0]).reindex(data.dates))
    rows = {row["metric"]: row["value"] for row in content["rows"]}
    assert rows["Total return"] == f"{100 * other.metrics.total_return:,.2f} %"
    assert rows["Sharpe ratio"] == f"{other.metrics.sharpe:.2f}"
    assert rows["Trades"] == str(other.metrics.n_trades)
    assert rows["Turnover a year"] == f"{other.metrics.annual_turnover:,.2f}"
    assert content["id"] == 7


def test_a_bad_value_is_a_message(explorer, monkeypatch):
    """A value of another type is refused in words, and the next one works."""
    content, _ = _ask(explorer, monkeypatch, 1, fast="x y")
    assert "no value" in content["error"]
    content, _ = _ask(explorer, monkeypatch, 2, fast=30)
    assert "rows" in content


def test_a_strategy_that_hangs_is_stopped(data, monkeypatch):
    """The time limit ends it, the message says so, and the next setting is answered."""
    made = explore(HANGS, data, timeout=1.0, store=False)
    content, _ = _ask(made, monkeypatch, 1, fast=9)
    assert "limit is 1 s" in content["error"]
    content, _ = _ask(made, monkeypatch, 2, fast=3)
    made.close()
    assert "rows" in content


def test_a_strategy_that_fails_at_once_still_has_its_controls(data):
    """The first failure is shown; the controls are there to change what failed."""
    made = explore("n = 0\nclose = data.get('close')\nposition = close > 1 / n\n", data, store=False)
    made.close()
    assert "error" in made._about["first"]
    assert made._about["controls"][0]["name"] == "n"
    assert made.twin().png == b""


def test_an_answer_comes_within_the_time_of_a_drag(source, monkeypatch):
    """20 symbols, ten years, a warm session: the figure is 100 ms at the median; the guard is five times as much."""
    made = explore(source, outsample.load("synthetic:20x2520?seed=7"), store=False)
    took = []
    for number, fast in enumerate(range(20, 60)):
        began = time.perf_counter()
        content, _ = _ask(made, monkeypatch, number, fast=fast)
        took.append(time.perf_counter() - began)
        assert "rows" in content
    made.close()
    assert statistics.median(took) <= 5 * 0.100 * crowding(), statistics.median(took)


def test_use_takes_the_parameters(explorer, asked):
    """`strategy` has them, and the text is what `--params` takes."""
    answer, _ = asked(explorer, "use", params={"fast": 33, "slow": 150})
    assert answer["text"] == "--params fast=33 slow=150"
    assert dict(explorer.strategy.values) == {"fast": 33, "slow": 150}


def test_every_setting_counts_as_a_trial(source, data, monkeypatch):
    """Three distinct settings, one of them twice, are three trials."""
    with Store.open(":memory:") as store:
        made = explore(source, data, store=store)
        for number, fast in enumerate((50, 20, 30, 20)):
            _ask(made, monkeypatch, number, fast=fast)
        made.close()
        assert store.count("store").n == 3


def test_a_source_that_breaks_a_rule_is_refused(data):
    """The finding says where."""
    with pytest.raises(ConfigError, match="Line 1"):
        explore("import os\nposition = data.get('close') > 0\n", data, store=False)


def test_only_the_newest_question_is_answered_after_the_one_that_runs():
    """What waited and was overtaken is dropped."""
    done, gate = [], threading.Event()

    def work(question, _cancel):
        gate.wait(5.0)
        done.append(question)

    worker = Latest(work)
    worker.put(1)
    time.sleep(0.1)
    for question in (2, 3, 4):
        worker.put(question)
    gate.set()
    _wait(done, 2)
    worker.close()
    assert done == [1, 4]


def test_a_question_that_takes_too_long_is_cancelled_by_a_newer_one():
    """A strategy that hangs does not keep the next setting waiting until its limit."""
    cancelled = []

    def work(_question, cancel):
        cancelled.append(cancel.wait(5.0))

    worker = Latest(work, patience=0.2)
    worker.put(1)
    time.sleep(0.05)
    worker.put(2)
    _wait(cancelled, 1, 3.0)
    worker.close()
    assert cancelled[0] is True
