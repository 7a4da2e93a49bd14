"""What a run answers: positions, calls, statuses, errors with their lines."""

import numpy as np
import pandas as pd
import pytest

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.errors import ConfigError
from outsample.model import Status
from outsample.sandbox import run_sandboxed
from outsample.strategy import Strategy
from sandbox.support import frames, run, toy

CLOSE = "close = data.get('close')\n"


def table(result):
    assert result.status is Status.OK, (result.error, result.traceback)
    return result.positions.frame


def test_positions_equal_those_of_the_same_code_outside():
    """The positions of a run are those of plain pandas on the same prices."""
    close = frames()["close"]
    expected = close > close.rolling(20).mean()
    received = table(run(CLOSE + "position = close > close.rolling(20).mean()"))
    assert (received.to_numpy() == expected.to_numpy()).all()
    assert received.index.equals(expected.index)
    assert list(received.columns) == list(expected.columns)


@pytest.mark.parametrize(
    ("source", "kind", "dialect"),
    [
        ("position = close > 100", "position", None),
        ("signal = close.pct_change()", "signal", None),
        ("sim(close > 100, resample='ME')", "position", "outsample"),
        ("from finlab.backtest import sim\nsim(close > 100, 'M')", "position", "finlab"),
        ("def strategy(data):\n    return data.get('close') > 100", "position", None),
        ("def strategy(data):\n    return sim(data.get('close') > 100)", "position", "outsample"),
        ("position = close['S0001'] > 100", "position", None),
    ],
)
def test_ways_to_answer(source, kind, dialect):
    """A table assigned, a call of sim, and a function that returns one are all understood."""
    result = run(CLOSE + source)
    assert result.status is Status.OK, result.error
    assert result.positions.kind == kind
    assert (result.positions.call.dialect if result.positions.call else None) == dialect


def test_the_last_call_counts():
    """Of several calls the last one's position and options come back, also beside an assigned table."""
    source = "position = close > 0\nsim(close > 1e9, fee_ratio=0.01)\nsim(close < 0, fee_ratio=0.002)"
    result = run(CLOSE + source)
    assert not table(result).to_numpy().any()
    assert dict(result.positions.call.options) == {"fee_ratio": 0.002}


def test_options_are_scalars_and_dates():
    """Timestamps, date indexes, numpy scalars and offsets of a call become plain values."""
    source = (
        "sim(close > 0, resample=close.index[5:7], start=close.index[3], fee_ratio=np.float64(0.001),"
        " resample_offset=pd.Timedelta('2D'), touched_exit=np.bool_(True))"
    )
    options = run(CLOSE + source).positions.call.options
    assert options["resample"] == ["2014-01-08T00:00:00", "2014-01-09T00:00:00"]
    assert options["start"] == "2014-01-06T00:00:00"
    assert options["fee_ratio"] == 0.001
    assert options["resample_offset"] == "P2DT0H0M0S"
    assert options["touched_exit"] is True


def test_finlab_positions_its_arguments():
    """finlab's order of arguments is kept, and what only shows a report is left out."""
    source = (
        "from finlab import data\nfrom finlab.backtest import sim\nclose = data.get('price:收盤價')\n"
        "sim(close > 0, 'W', None, 'open', 0.5, 0.001, 0.002, 'name', 0.1, upload=False, mae_mfe_window=30)"
    )
    result = run(source)
    assert dict(result.positions.call.options) == {
        "resample": "W",
        "trade_at_price": "open",
        "position_limit": 0.5,
        "fee_ratio": 0.001,
        "tax_ratio": 0.002,
        "stop_loss": 0.1,
    }
    assert any("mae_mfe_window" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("source", "kind", "words", "hint", "line"),
    [
        ("x = 1", "NoPositions", "without positions", "call sim(", None),
        ("x = 1 / 0", "ZeroDivisionError", "division", "", 2),
        ("def f():\n    return clse\n\n\nf()", "NameError", "clse", "'close'", 3),
        ("data.get('clsoe')", "DataMissing", "clsoe", "close", 2),
        ("import antigravity", "ModuleNotFoundError", "antigravity", "pandas", 2),
        ("x = (", "SyntaxError", "never closed", "", 2),
        ("import sys\nsys.exit(3)", "SystemExit", "exit", "", 3),
        ("def f():\n    return f()\n\n\nf()", "RecursionError", "recursion", "itself", 3),
        ("open('/etc/passwd')", "PermissionError", "not permitted", "data.get", 2),
        ("sim(close > 0, fee_ration=0.1)", "ConfigError", "fee_ration", "fee_ratio", 2),
        ("sim(close > 0, slippage=5)", "ConfigError", "slippage", "basis points", 2),
        ("sim(close > 0, resample=close)", "ConfigError", "resample", "frame.index", 2),
        ("sim(close > 0, 'ME')", "TypeError", "keywords", "", 2),
        ("position = 3", "StrategyError", "DataFrame", "Row t", None),
        ("position = close.reset_index(drop=True)", "StrategyError", "dates", "index", None),
        ("position = close.astype(str) + 'x'", "StrategyError", "numbers", "", None),
        ("close.to_numpy()[0, 0] = 1.0", "ValueError", "read-only", ".copy()", 2),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt", "", 2),
        ("np.ones(10 * 2**27)", "_ArrayMemoryError", "10.0 GiB", "memory limit", 2),
    ],
)
def test_errors_say_what_where_and_what_to_do(source, kind, words, hint, line):
    """An error carries its class, its text, the line in the strategy and a hint."""
    result = run(CLOSE + source)
    assert result.status is (Status.MEMORY if "Memory" in kind else Status.STRATEGY_ERROR)
    assert result.error_type.lstrip("_") in (kind, kind.lstrip("_"), "MemoryError")
    assert words in result.error
    assert hint in result.hint
    assert result.line == line
    assert result.positions is None


def test_traceback_shows_only_the_strategy():
    """The frames of a traceback are the strategy's own, with their source lines."""
    result = run(CLOSE + "def broken(frame):\n    return frame.rolling(-1).mean()\n\n\nbroken(close)")
    assert "return frame.rolling(-1).mean()" in result.traceback
    assert "broken(close)" in result.traceback
    assert "pandas/" not in result.traceback


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("position = close / 0", "infinite"),
        ("position = pd.concat([close, close])", "more than once"),
        ("position = pd.concat([close, close], axis=1)", "more than once"),
        ("position = (close > 0).rename(columns={'S0001': 'a\\x1bb'})", "control"),
    ],
)
def test_invalid_tables_are_no_result(source, words):
    """A table that breaks the rules of positions has the status result_invalid."""
    result = run(CLOSE + source)
    assert result.status is Status.RESULT_INVALID
    assert words in result.error


def test_output_is_kept_to_its_limit_and_counted():
    """Both streams come in their order, cut at the limit; all bytes are counted; escapes are shown, not obeyed."""
    source = (
        CLOSE + "import sys\nprint('one')\nprint('two', file=sys.stderr)\n"
        "print('\\x1b[2J' + 'x' * 9000)\nposition = close > 0"
    )
    result = run(source, output_kb=4)
    assert result.stdout.startswith("one\ntwo\n␛[2Jxxx")
    assert len(result.stdout.encode()) <= (4 << 10) + 8
    assert result.output_bytes == 8 + 4 + 9000 + 1


def test_warnings_come_back_with_their_line():
    """Python warnings and remarks about silent calls are reported, each once."""
    source = (
        "import warnings\nfor _ in range(3):\n    warnings.warn('odd')\nimport matplotlib.pyplot as plt\n"
        "fig, ax = plt.subplots()\nax.plot([1])\nclose.plot()\nsim(close > 0).display()\nnow = pd.Timestamp.now()\n"
    )
    warnings = run(CLOSE + source).warnings
    assert sum("odd" in line for line in warnings) == 1
    assert any("Line 4" in line for line in warnings)
    assert any("matplotlib" in line for line in warnings)
    assert any("Plots" in line for line in warnings)
    assert any("display()" in line for line in warnings)
    assert any("clock" in line and "Line 10" in line for line in warnings)


def test_the_seed_decides():
    """Both random generators start from the seed: the same one repeats, another one does not."""
    source = CLOSE + "import random\nposition = close * 0 + np.random.normal() + random.random()"
    first, again, other = (table(run(source, seed=seed)).iloc[0, 0] for seed in (1, 1, 2))
    assert first == again != other


def test_sets_have_one_order():
    """The order of a set of texts is the same in every run."""
    source = CLOSE + "names = list({'a', 'b', 'c', 'd', 'e', 'f'})\nprint(names)\nposition = close > 0"
    assert len({run(source).stdout for _ in range(4)}) == 1


def test_a_run_leaves_nothing_for_the_next():
    """What a run changes in modules is gone in the next one."""
    run("pd.DataFrame.mean = None\nnp.ones = None\nimport builtins\nbuiltins.len = None")
    assert run(CLOSE + "close.mean(), np.ones(2), len('x')\nposition = close > 0").status is Status.OK


def test_sim_answers_inside():
    """Inside a strategy sim answers with a simulation under finlab's names; an unknown name says ours."""
    source = (
        CLOSE + "report = sim(close > 0)\n"
        "print(len(report.creturn), report.position.shape, report.get_trades().shape[0] > 0)\n"
    )
    result = run(source)
    assert result.stdout == "250 (250, 5) True\n", result.traceback
    missing = run(CLOSE + "sim(close > 0).current_trades")
    assert missing.error_type == "AttributeError"
    assert "get_trades" in missing.error


def test_parameters_replace_literals():
    """A parameter given from outside replaces the strategy's literal; an unknown one is an error with its nearest."""
    source = "level = 100.0\nposition = data.get('close') > level\nprint(level)"
    assert run(source, params={"level": 50.0}).stdout == "50.0\n"
    strategy = Strategy.from_source(source).with_params(level=75.0)
    assert run_sandboxed(strategy, toy(), validate=False).stdout == "75.0\n"
    assert "level" in run(source, params={"levle": 1.0}).hint


def test_the_validator_rejects_before_anything_runs():
    """With the validator on a forbidden source is not run, and its findings come back with their line."""
    result = run_sandboxed("print('ran')\nimport os", toy())
    assert result.status is Status.REJECTED
    assert result.line == 2
    assert result.findings
    assert result.stdout == ""


def test_every_frame_arrives():
    """Numbers, booleans, tables of text and delisting dates arrive in the child as they are outside."""
    given = frames(days=30, symbols=4)
    close = given["close"]
    given["adj_close"] = close * np.linspace(0.5, 1.0, 30)[:, None]
    given["flag"] = close > 100
    given["factor"] = close.iloc[::5, :2]
    given["sector"] = pd.Series(["Tech", "Bank", "Tech", "Oil"], index=close.columns)
    given["delisted"] = pd.Series(pd.Timestamp("2014-02-05"), index=close.columns[:1])
    data = Dataset.from_frames(given, name="mixed")
    source = (
        "for key in data.keys():\n    frame = data.frame(key)\n"
        "    print(key, frame.shape, frame.index[2], list(frame.columns), repr(frame.iloc[3, 1]))\n"
        "print(data.delisted.iloc[0], data.periods_per_year, data.benchmark, data.currency)"
    )
    expected = []
    for key in data.keys():  # noqa: SIM118 - not a mapping
        frame = data.frame(key)
        expected.append(f"{key} {frame.shape} {frame.index[2]} {list(frame.columns)} {frame.iloc[3, 1]!r}")
    expected.append(f"{data.delisted.iloc[0]} {data.periods_per_year} {data.benchmark} {data.currency}")
    assert run(source, data).stdout.splitlines() == expected


def test_data_end_at_the_cut():
    """A dataset cut at a date gives a child that has nothing after it."""
    data = toy().until(toy().dates[99])
    result = run("print(max(data.get(key).index[-1] for key in data.keys()).date())", data)
    assert result.stdout.strip() == str(toy().dates[99].date())


@pytest.mark.parametrize(
    "arguments",
    [{"strategy": 3}, {"data": 3}, {"seed": -1}, {"seed": True}, {"params": {"x": object()}}],
    ids=["no source", "no data", "a negative seed", "a seed that is a truth value", "a parameter of no known kind"],
)
def test_bad_arguments_are_refused(arguments):
    """Arguments of the wrong kind are typed errors of the caller, not results."""
    given = {"strategy": CLOSE, "data": toy(), "validate": False, **arguments}
    with pytest.raises(ConfigError):
        run_sandboxed(given.pop("strategy"), given.pop("data"), **given)


def test_memory_is_measured_above_the_data():
    """Reading 80 MB of data is no use of memory; a run within its limit passes."""
    rng = np.random.default_rng(0)
    dates = pd.date_range("2000-01-01", periods=5000)
    close = pd.DataFrame(100 + rng.random((5000, 2000)), index=dates, columns=[f"S{n}" for n in range(2000)])
    data = Dataset.from_frames({"close": close}, name="large")
    result = run(CLOSE + "print(float(close.to_numpy().sum()) > 0)\nposition = close.iloc[-5:] > 0", data, memory_mb=40)
    assert result.status is Status.OK, result.error
    assert result.peak_memory_mb < 40


def test_memory_of_a_child_that_ended_before_anybody_looked(monkeypatch):
    """The system's own figure stands in, an upper bound; it is never 0."""
    monkeypatch.setattr("outsample.sandbox.watch.Watch._measure", lambda self: None)
    result = run("x = np.ones(5_000_000)\nposition = data.get('close') > 0", memory_mb=400)
    assert 38 < result.peak_memory_mb < 200


def test_cpu_time_is_limited():
    """CPU time over all threads has its own limit, with the status timeout."""
    result = run("while True: pass", timeout=20, cpu_seconds=1)
    assert result.status is Status.TIMEOUT
    assert "CPU" in result.error
    assert result.wall_seconds < 10


def test_a_policy_needs_what_it_says():
    """The default policy asks for a sandbox that the kernel enforces, and gets it here."""
    assert SandboxPolicy().require == "kernel-confined"
    report = run(CLOSE + "position = close > 0").sandbox
    assert report.level == "kernel-confined"
    assert all(report.probes.values())
