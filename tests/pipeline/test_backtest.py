"""`backtest`: from source to a judged, recorded result."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import Costs, Execution, SandboxPolicy, Store, backtest, load
from outsample.engine import simulate
from outsample.errors import (
    ConfigError,
    DataInvalid,
    DataMissing,
    ResultInvalid,
    SandboxMemory,
    SandboxTimeout,
    StrategyError,
    ValidationError,
)
from outsample.model import SuccessLevel

CROSS = "fast = 20\nslow = 60\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"


@pytest.fixture(scope="module")
def sample():
    return load("sample")


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def test_buy_and_hold_of_apple_is_its_total_return_less_costs(sample):
    """Closed form: one purchase at the close of bar 2, with a fee of 5 basis points on what is bought."""
    source = "close = data.get('close')\nposition = (close[['AAPL']] > 0)"
    result = backtest(source, sample, store=False, lookahead=False)
    adjusted = sample.stored()["adj_close"]["AAPL"]
    growth = adjusted / adjusted.iloc[1]
    bought = 1.0 / 1.0005  # E' + fee x E' = 1: all of it is invested, after the fee
    expected = (growth * bought).iloc[1:]
    np.testing.assert_allclose(result.equity.iloc[1:], expected, rtol=1e-12)
    assert result.equity.iloc[0] == 1.0
    assert len(result.trades) == 1
    assert bool(result.trades["open"].iloc[0])


def test_equal_weight_monthly_is_a_hand_calculation_over_three_months():
    """Two names, three month ends, fee 0.1 %: every number below was worked out by hand from the rules."""
    dates = pd.DatetimeIndex(
        ["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-28"]
    )
    close = pd.DataFrame({"A": [10, 10, 10, 12, 12, 12, 15.0], "B": [20, 20, 20, 20, 16, 16, 16.0]}, index=dates)
    data = outsample.Dataset.from_frames({"close": close}, name="hand")
    source = "sim(data.get('close') > 0, resample='ME')"
    result = backtest(source, data, costs={"fee_ratio": 0.001}, store=False, lookahead=False)
    fee = 0.001
    # Decided on 01-31, bought on 02-01 at 10 and 20: equity 1 buys E' with E'(1 + fee) = 1, half each.
    after = 1 / (1 + fee)
    a, b = after / 2 / 10, after / 2 / 20
    assert result.equity.loc["2024-01-31"] == 1.0
    assert result.equity.loc["2024-02-01"] == pytest.approx(after, abs=1e-12)
    assert result.equity.loc["2024-02-28"] == pytest.approx(a * 12 + b * 20, abs=1e-12)
    # Decided on 02-29 (12 and 16), traded on 03-01: sell some A, buy some B, fee on both.
    before = a * 12 + b * 16
    # E' + fee (12 a - E'/2) + fee (E'/2 - 16 b) = before
    equal = before - fee * (12 * a - 16 * b)
    assert result.equity.loc["2024-03-01"] == pytest.approx(equal, abs=1e-12)
    assert result.equity.loc["2024-03-28"] == pytest.approx(equal / 2 * 15 / 12 + equal / 2, abs=1e-12)


def test_the_reference_engine_agrees(sample):
    """The same positions on the plain-Python engine: equity and trades to 1e-9."""
    result = backtest(CROSS, sample, store=False, lookahead=False, resample="ME")
    twin = simulate(
        result.outcome.positions.frame,
        sample,
        execution=result.outcome.execution_options,
        costs=result.outcome.costs,
        engine="reference",
    )
    np.testing.assert_allclose(result.equity, twin.equity, rtol=0, atol=1e-9)
    for column in ("entry_date", "exit_date", "symbol", "exit_reason"):
        assert result.trades[column].tolist() == twin.trades[column].tolist() or column == "exit_date"
    np.testing.assert_allclose(result.trades["pnl"], twin.trades["pnl"], atol=1e-9)
    assert result.simulation.residual < 1e-9


def test_the_caller_beats_the_strategy_and_the_strategy_beats_the_preset(sample):
    """Precedence: caller > the strategy's sim call > preset; a costless strategy is capped and warned about."""
    source = "sim(data.get('close') > 0, fee_ratio=0.0, resample='W')"
    own = backtest(source, sample, store=False, lookahead=False)
    assert own.config["fee_ratio"] == 0.0
    assert own.config["resample"] == "W"
    assert own.judgement.level is SuccessLevel.VALID_METRICS
    assert own.verdict.level is SuccessLevel.PROFITABLE
    assert any("fee_ratio" in warning for warning in own.warnings)
    forced = backtest(source, sample, costs={"fee_ratio": 0.002}, store=False, lookahead=False)
    assert forced.config["fee_ratio"] == 0.002
    accepted = backtest(source, sample, costs=Costs(fee_ratio=0.0), store=False, lookahead=False)
    assert not accepted.outcome.undeclared_costs
    assert accepted.judgement.level is SuccessLevel.PROFITABLE
    kept = backtest(source, sample, execution=Execution(trade_at_price="open"), store=False, lookahead=False)
    assert (kept.config["resample"], kept.config["trade_at_price"]) == ("W", "open")


def test_evaluation_begins_at_start_and_data_before_it_stay_visible(sample):
    """Indicators are warm at the start; equity has every bar of [start, end]."""
    part = backtest(CROSS, sample, start="2005-01-01", end="2006-12-31", store=False, lookahead=False)
    inside = sample.dates[(sample.dates >= "2005-01-01") & (sample.dates <= "2006-12-31")]
    assert part.equity.index.equals(inside)
    assert part.returns.index.equals(inside[1:])
    assert abs(part.weights.iloc[1]).sum() > 0


def test_same_request_same_bytes(sample):
    """R1, R2: a fresh run and a remembered one are byte-identical, and so is another worker's."""
    first = backtest(CROSS, sample, store=False, lookahead=False)
    again = backtest(CROSS, sample, store=False, lookahead=False)
    fresh = backtest(CROSS, sample, store=False, lookahead=False, use_cache=False)
    assert first.canonical_bytes == again.canonical_bytes == fresh.canonical_bytes
    json.loads(first.canonical_bytes)


def test_a_result_as_json_has_no_bare_nan(sample):
    """Strict JSON, with key, inputs, metrics, verdict and judgement."""

    def refuse(token):
        raise AssertionError(token)

    result = backtest("position = data.get('close') < 0", sample, store=False, lookahead=False)
    value = json.loads(result.to_json(), parse_constant=refuse)
    assert value["key"] == result.key
    assert value["verdict"]["level"] == 1


def test_trials_are_counted_and_deflate_the_sharpe_ratio(sample, store):
    """N is the number of distinct keys on this dataset; the judgement says as of when."""
    deflated = []
    for fast in (5, 10, 20, 20):
        result = backtest(CROSS, sample, params={"fast": fast}, store=store, lookahead=False)
        deflated.append(result.judgement.evidence.deflated_sharpe)
    assert result.judgement.evidence.n_trials == 3
    assert result.judgement.evidence.as_of
    assert deflated[0] > deflated[2]
    assert len(store.trials()) == 4


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("position = data.get('clos')", StrategyError, "'close'"),
        ("a = 1\nx = = 2", ValidationError, "line 2"),
        ("a = 1", StrategyError, "position"),
        ("while True: pass", SandboxTimeout, "timeout"),
        ("import numpy as np\nposition = np.ones(1_250_000_000)", SandboxMemory, "memory"),
        ("position = open('/etc/passwd').read()", ValidationError, "data.get"),
        (
            "import pandas as pd\nposition = pd.DataFrame({'AAPL': [1.0]}, index=[pd.Timestamp('1990-01-01')])",
            ResultInvalid,
            "1990",
        ),
        (
            "import pandas as pd\nposition = pd.DataFrame({'AAPL': [1.0]}, index=[pd.Timestamp('2050-01-01')])",
            ResultInvalid,
            "2050",
        ),
        ("position = data.get('close').rename(columns=str.lower)", DataInvalid, "aapl"),
        ("signal = data.get('close')", StrategyError, "signal"),
        ("sim(data.get('close') > 0, fee_ration=1)", (ConfigError, StrategyError), "fee_ratio"),
        ("sim(data.get('close') > 0, lag=0)", (ConfigError, StrategyError), "lag"),
        ("position = 'AAPL'", (ResultInvalid, StrategyError), "DataFrame"),
    ],
)
def test_every_mistake_has_its_own_error_and_the_next_run_works(sample, store, source, error, words):
    """Typed, with a hint; recorded as a failed trial where there is something to record."""
    policy = SandboxPolicy(timeout=2.0, memory_mb=300)
    with pytest.raises(error) as caught:
        backtest(source, sample, sandbox=policy, store=store)
    assert words in str(caught.value)
    assert caught.value.hint
    assert backtest(CROSS, sample, store=store, lookahead=False).verdict.level is SuccessLevel.PROFITABLE
    assert set(store.trials()["status"]) <= {"failed", "completed"}


def test_an_unknown_dataset_and_unknown_options_are_refused(sample):
    """Before anything runs, with the nearest name."""
    with pytest.raises(DataMissing, match="'sample'"):
        backtest(CROSS, "sampel", store=False)
    with pytest.raises(ConfigError, match="'resample'"):
        backtest(CROSS, sample, store=False, resampel="ME")
    for strategy, data in ((123, sample), (CROSS, None), (CROSS, sample.get("close"))):
        with pytest.raises(ConfigError, match="backtest needs"):
            backtest(strategy, data, store=False)
    with pytest.raises(ConfigError, match="lookahead"):
        backtest(CROSS, sample, store=False, lookahead="maybe")


def test_an_unwritable_store_is_a_warning(sample, monkeypatch, tmp_path):
    """The ledger's trouble is not the strategy's."""
    (tmp_path / "not-a-database").write_text("x" * 5000)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "not-a-database"))
    result = backtest(CROSS, sample, lookahead=False)
    assert any("not recorded" in warning for warning in result.warnings)


def test_a_leak_strikes_the_numbers_through(sample):
    """A found look-ahead caps at EXECUTED, whatever the return, and the report says why."""
    result = backtest("close = data.get('close')\nposition = close.shift(-5) > close", sample, store=False)
    assert result.judgement.level is SuccessLevel.EXECUTED
    assert result.verdict.level is SuccessLevel.PROFITABLE
    assert "os-struck" in result.to_html()
    assert "look-ahead found" in str(result)


def test_prices_and_positions_with_time_zones(sample):
    """Aware dates work from end to end."""
    frames = {name: frame.tz_localize("America/New_York") for name, frame in sample.stored().items()}
    aware = outsample.Dataset.from_frames(frames, name="aware")
    plain = backtest(CROSS, sample, store=False, lookahead=False)
    result = backtest(CROSS, aware, store=False, lookahead=False)
    np.testing.assert_allclose(result.equity.to_numpy(), plain.equity.to_numpy(), rtol=1e-12)


def test_what_ran_with_less_protection_is_run_again(sample, store, monkeypatch):
    """A stored result of an unconfined run does not answer a request that asks for the kernel's protection."""
    from outsample import api, pipeline
    from outsample.sandbox.report import portable_report

    runs = []

    def unconfined(request, cancel=None):
        runs.append("unconfined")
        return dataclasses.replace(pipeline.execute(request, cancel), sandbox=portable_report("it is not there"))

    weak = api.make_request(CROSS, sample, params={"fast": 23}, sandbox=SandboxPolicy(require="process-only"))
    first = api.run_request(weak, lookahead=False, store=store, execute=unconfined)
    assert first.sandbox.level == "process-only"
    again = backtest(CROSS, sample, params={"fast": 23}, store=store, lookahead=False)
    assert again.sandbox.level == "kernel-confined"
    assert again.metrics == first.metrics
    assert runs == ["unconfined"]
