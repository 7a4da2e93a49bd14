"""The bootstrap against a slow twin, closed forms and real processes."""

import functools
import operator
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from outsample import backtest, bootstrap, metrics, sim
from outsample import stats as s
from outsample.config import Conventions
from outsample.data import load
from outsample.errors import ConfigError, DataInvalid
from outsample.research.bootstrap import trade_fractions
from scale import SCALE
from stats import naive

RETURNS = pd.Series(
    np.random.default_rng(11).normal(0.0005, 0.01, 400), index=pd.bdate_range("2020-01-01", periods=400)
)
NAMES = ["sharpe", "cagr", "volatility", "max_drawdown", "final_wealth"]


def row(made, name):
    return made.table.set_index("statistic").loc[name]


def run(code, timeout=120, **environment):
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=timeout, check=True,
        env={**os.environ, **environment},
    ).stdout  # fmt: skip


# -- what a path is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["stationary", "circular", "moving", "iid"])
def test_paths_are_the_twins(method):
    """Every statistic of every path is what a loop over the resampled returns gives, ruin included."""
    rng = np.random.default_rng(1)
    for case in range(12 * SCALE):
        n = int(rng.integers(2, 150))
        x = rng.normal(0.001, 0.02, n)
        x[rng.uniform(size=n) < 0.1] = 0.0
        if case % 3 == 0:
            x[rng.integers(n)] = rng.choice([-1.0, -1.2])
        block, seed = float(rng.uniform(1.0, n)), int(rng.integers(2**40))
        made = bootstrap(
            x, n_paths=5, method=method, block=block, seed=seed, periods_per_year=250, risk_free=0.02,
            time_under_water=True, n_jobs=1,
        )  # fmt: skip
        for path in range(5):
            chosen = x[naive.indices(seed, path, n, method, block)].tolist()
            expected = naive.path_statistics(chosen, 250, 1.02 ** (1 / 250) - 1)
            for name, value in expected.items():
                assert made.samples[name][path] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), name


@pytest.mark.slow
def test_the_pure_python_kernels_give_the_same():
    """Without the compiler the same numbers come out, and no warning."""
    code = (
        "import numpy as np, warnings; warnings.simplefilter('error'); from outsample import bootstrap\n"
        "x = np.random.default_rng(0).normal(0, .01, 60)\n"
        "made = bootstrap(x, n_paths=20, block=5.0, time_under_water=True, n_jobs=1)\n"
        "print(repr([v.tolist() for v in made.samples.values()] + made.fan().to_numpy().tolist()))"
    )
    one, two = (
        np.array(functools.reduce(operator.iadd, eval(run(code, NUMBA_DISABLE_JIT=flag)), [])) for flag in ("0", "1")
    )
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_workers_chunks_and_paths_change_nothing():
    """Path i is the same to the bit for any number of workers and of paths (S3, S13)."""
    options = {"block": 7.0, "time_under_water": True}
    one = bootstrap(RETURNS, n_paths=1000, n_jobs=1, **options)
    for jobs, paths in ((2, 1000), (5, 1003), (3, 4999)):
        other = bootstrap(RETURNS, n_paths=paths, n_jobs=jobs, **options)
        for name, values in one.samples.items():
            assert np.array_equal(values, other.samples[name][:1000])
    assert not np.array_equal(one.samples["cagr"], bootstrap(RETURNS, n_paths=1000, seed=1, **options).samples["cagr"])


def test_log_wealth_has_the_exact_variance():
    """The variance of log wealth is the closed form of Politis and Romano, within four Monte Carlo errors."""
    for block in (1.0, 10.0):
        made = bootstrap(RETURNS, n_paths=20_000, block=block)
        drawn = np.var(np.log(made.samples["final_wealth"]), ddof=1)
        exact = s.stationary_mean_variance(np.log1p(RETURNS), block) * len(RETURNS)
        assert drawn == pytest.approx(exact, rel=4 * np.sqrt(2 / 20_000))


def test_paths_are_distributed_like_arch():
    """Sharpe ratio, CAGR and drawdown of 2,000 paths: the same distributions as arch's, by Kolmogorov-Smirnov."""
    from arch.bootstrap import StationaryBootstrap
    from scipy.stats import ks_2samp

    def of_a_path(x):
        return np.array([metrics.sharpe(x), metrics.cagr(x), metrics.max_drawdown(x)])

    theirs = StationaryBootstrap(20, RETURNS.to_numpy(), seed=1).apply(of_a_path, 2000)
    made = bootstrap(RETURNS, n_paths=4000, block=20.0)
    for name, values in zip(("sharpe", "cagr", "max_drawdown"), theirs.T, strict=True):
        assert ks_2samp(values, made.samples[name]).pvalue > 0.01


def test_the_automatic_block_is_the_larger_of_two():
    """The block is the larger optimum of the returns and of their squares, as arch computes them."""
    from arch.bootstrap import optimal_block_length

    x = np.random.default_rng(2).normal(size=800) * np.exp(np.sin(np.arange(800) / 20)) * 0.01
    theirs = [optimal_block_length(values) for values in (x, x**2)]
    for method, column in (("stationary", "stationary"), ("circular", "circular"), ("moving", "circular")):
        expected = max(one[column].iloc[0] for one in theirs)
        assert bootstrap(x, n_paths=5, method=method).block == pytest.approx(expected)
    assert bootstrap(x, n_paths=5, method="iid").block == 1.0


# -- the table --------------------------------------------------------------------------------------------


def test_the_table_describes_its_samples():
    """Mean, error and percentiles are numpy's; only the Sharpe ratio's interval is HAC, and it says so (S7)."""
    made = bootstrap(RETURNS, n_paths=500, level=0.9)
    assert made.table["statistic"].tolist() == NAMES
    assert set(made.table["level"]) == {0.9}
    for name, values in made.samples.items():
        found = row(made, name)
        assert found["mean"] == pytest.approx(values.mean())
        assert found["se"] == pytest.approx(values.std(ddof=1))
        for p in (5, 25, 50, 75, 95):
            assert found[f"p{p}"] == pytest.approx(np.percentile(values, p))
        if name != "sharpe":
            assert found["method"] == "percentile"
            assert [found["low"], found["high"]] == pytest.approx(np.percentile(values, [5, 95]).tolist())
    sharpe = row(made, "sharpe")
    error = s.sharpe_standard_error(returns=RETURNS, method="hac") * np.sqrt(252)
    assert sharpe["method"] == "hac"
    assert [sharpe["low"], sharpe["high"]] == pytest.approx(
        [sharpe["actual"] - 1.644854 * error, sharpe["actual"] + 1.644854 * error], rel=1e-6
    )


def test_the_monte_carlo_error_of_a_percentile_is_its_spread_over_seeds():
    """The stated error of each percentile is how much it varies from seed to seed, within 30 %."""
    made = [bootstrap(RETURNS, n_paths=1000, seed=seed, block=5.0) for seed in range(60)]
    for name in NAMES:
        for p in ("p5", "p50", "p95") if name == "sharpe" else ("low", "p5", "p50", "p95", "high"):
            values = [row(one, name)[p] for one in made]
            stated = np.median([row(one, name)[f"mc_{p}"] for one in made])
            assert stated == pytest.approx(np.std(values, ddof=1), rel=0.3)


def test_actual_values_are_the_metrics():
    """What was observed is what `outsample.metrics` says, with the same risk-free rate (M9)."""
    made = bootstrap(RETURNS, n_paths=5, risk_free=0.03, time_under_water=True)
    options = {"periods_per_year": 252}
    assert row(made, "sharpe")["actual"] == pytest.approx(metrics.sharpe(RETURNS, risk_free=0.03, **options))
    assert row(made, "cagr")["actual"] == metrics.cagr(RETURNS, **options)
    assert row(made, "max_drawdown")["actual"] == metrics.max_drawdown(RETURNS)
    assert row(made, "longest_under_water")["actual"] == metrics.longest_drawdown(RETURNS)


def test_a_result_brings_its_conventions():
    """The bootstrap of a result observes the Sharpe ratio of its report: same risk-free rate, same year (M9)."""
    source = "position = data.get('close').average(5) > data.get('close').average(15)"
    options = {"conventions": Conventions(risk_free=0.04, periods_per_year=250), "store": False, "lookahead": False}
    result = backtest(source, load("synthetic:3x400?seed=1"), **options)
    made = result.bootstrap(n_paths=5)
    assert row(made, "sharpe")["actual"] == pytest.approx(result.metrics.sharpe)
    assert row(made, "volatility")["actual"] == pytest.approx(result.metrics.volatility, rel=1e-6)


def test_time_under_water_only_on_request():
    """The longest time under water needs every bar, and is not computed unless asked for."""
    assert "longest_under_water" not in bootstrap(RETURNS, n_paths=5).samples
    assert "longest_under_water" in bootstrap(RETURNS, n_paths=5, time_under_water=True).samples


@pytest.mark.parametrize("value", [0.0, 0.01, -0.02])
def test_constant_returns_have_no_sharpe_ratio(value):
    """Paths without variance are NaN with a reason, never 1e16; the other statistics are single points."""
    made = bootstrap([value] * 3000, n_paths=50)
    assert np.isnan(made.samples["sharpe"]).all()
    assert "no_variance: 50 of 50" in made.reasons["sharpe"]
    assert (made.samples["volatility"] == 0.0).all()
    assert made.samples["cagr"] == pytest.approx((1 + value) ** 252 - 1)


# -- the fan ----------------------------------------------------------------------------------------------


def test_the_fan_shows_the_paths_of_the_samples():
    """The fan has percentiles of the first 2,000 paths' equity; its last date is their final wealth."""
    made = bootstrap(RETURNS, n_paths=2500, block=5.0)
    fan = made.fan()
    expected = np.percentile(made.samples["final_wealth"][:2000], [5, 25, 50, 75, 95])
    np.testing.assert_allclose(fan.iloc[-1], expected, rtol=1e-9)
    assert len(fan) == 256
    assert (fan.index[0], fan.index[-1]) == (RETURNS.index[0], RETURNS.index[-1])
    assert (fan.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


@pytest.mark.parametrize("method", ["stationary", "moving"])
def test_the_fan_is_the_twins(method):
    """Each date of the fan is a percentile of looped paths, ruin included."""
    x = np.random.default_rng(3).normal(0, 0.02, 40)
    x[7] = -1.0
    made = bootstrap(x, n_paths=30, method=method, block=6.0, seed=5)
    equity = np.array([np.cumprod(1 + x[naive.indices(5, path, 40, method, 6.0)]) for path in range(30)])
    expected = np.percentile(equity, [5, 25, 50, 75, 95], axis=0).T
    np.testing.assert_allclose(made.fan().to_numpy(), expected, rtol=1e-9, atol=1e-12)


# -- trades -----------------------------------------------------------------------------------------------


def simulated():
    rng = np.random.default_rng(4)
    index = pd.bdate_range("2018-01-01", periods=500)
    close = pd.DataFrame({"A": 100 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, 500)))}, index=index)
    return sim(close.rolling(5).mean() > close.rolling(15).mean(), close, fee_ratio=0.001)


def test_trades_compound_to_the_equity():
    """One after another the trades' fractions of equity compound to the final equity, costs included (S2)."""
    result = simulated()
    fractions = trade_fractions(result)
    assert len(fractions) == len(result.trades) > 10
    assert np.prod(1 + fractions) == pytest.approx(result.equity.iloc[-1] / result.equity.iloc[0], rel=1e-9)


def test_resampled_trades_are_the_twins():
    """Trades are drawn with replacement and compound; annual figures count trades per year."""
    result = simulated()
    x = trade_fractions(result)
    year = len(x) / (len(result.returns) / 252)
    made = bootstrap(result, method="trades", n_paths=20, seed=3, time_under_water=True)
    for path in range(20):
        expected = naive.path_statistics(x.to_numpy()[naive.indices(3, path, len(x), "iid", 1)].tolist(), year)
        for name, value in expected.items():
            assert made.samples[name][path] == pytest.approx(value, rel=1e-9)
    assert row(made, "cagr")["actual"] == pytest.approx(metrics.cagr(result.returns, periods_per_year=252), rel=1e-6)


def test_the_order_of_trades_changes_drawdowns_only():
    """Shuffled trades keep wealth: what order cannot change is left out with the reason (S1, S2)."""
    x = trade_fractions(simulated())
    made = bootstrap(x, method="trade_order", n_paths=50, seed=2, periods_per_year=20, time_under_water=True)
    assert made.table["statistic"].tolist() == ["max_drawdown", "longest_under_water"]
    assert all("order" in made.reasons[name] for name in ("sharpe", "cagr", "volatility", "final_wealth"))
    for path in range(50):
        order = naive.indices(2, path, len(x), "order", 1)
        assert sorted(order) == list(range(len(x)))
        expected = naive.path_statistics(x.to_numpy()[order].tolist(), 20)
        assert made.samples["max_drawdown"][path] == pytest.approx(expected["max_drawdown"], rel=1e-9)
    assert made.fan().iloc[-1].to_numpy() == pytest.approx(np.prod(1 + x))


def test_trades_as_numbers_need_their_number_per_year():
    """Fractions alone do not say how long they took."""
    with pytest.raises(ConfigError, match="periods_per_year"):
        bootstrap([0.1, -0.05, 0.02], method="trades")


# -- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["permutation", "shuffle", "permute"])
def test_permutations_are_refused(method):
    """A permutation is no distribution of CAGR or Sharpe: it is refused with an explanation (S1)."""
    with pytest.raises(ConfigError, match="same CAGR and the same Sharpe") as caught:
        bootstrap(RETURNS, method=method)
    assert "stationary" in caught.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"n_paths": 0}, {"n_paths": 1.5}, {"n_paths": True}, {"seed": -1}, {"seed": 2**63}, {"seed": 0.5},
        {"level": 1.0}, {"block": 0.5}, {"block": 401.0}, {"block": "long"}, {"block": float("nan")},
        {"method": "wild"}, {"periods_per_year": -252.0}, {"n_jobs": 0}, {"n_jobs": 1.5}, {"risk_free": -1.0},
    ],
)  # fmt: skip
def test_impossible_options_are_refused(options):
    """Options out of range are typed errors."""
    with pytest.raises(ConfigError):
        bootstrap(RETURNS, **options)


@pytest.mark.parametrize("x", [[], [0.1], [0.1, np.nan], [0.1, np.inf]])
def test_returns_that_cannot_be_resampled_are_refused(x):
    """Too few returns, NaN and infinities are typed errors."""
    with pytest.raises(DataInvalid):
        bootstrap(x)


# -- progress, Ctrl-C, memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_rises_to_the_end_on_the_calling_thread(jobs):
    """`on_done` hears of rising numbers of paths, the last of all of them, in the caller's thread."""
    heard = []
    bootstrap(RETURNS, n_paths=5000, n_jobs=jobs, on_done=lambda *at: heard.append((*at, threading.get_ident())))
    done = [one[0] for one in heard]
    assert done == sorted(done)
    assert done[-1] == 5000
    assert len(done) > 3
    assert {one[1:] for one in heard} == {(5000, threading.get_ident())}


def test_an_error_of_the_listener_ends_the_whole():
    """What `on_done` raises is raised, and no thread is left behind."""

    def fail(done, total):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        bootstrap(RETURNS, n_paths=200_000, on_done=fail)
    assert threading.active_count() == before


@pytest.mark.slow
def test_control_c_is_heard():
    """SIGINT ends a long bootstrap within seconds, as KeyboardInterrupt."""
    code = (
        "import numpy as np; from outsample import bootstrap\n"
        "x = np.random.default_rng(0).normal(0, .01, 2500)\n"
        "bootstrap(x, n_paths=20_000_000, block=5.0, on_done=lambda *at: print(*at, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_a_million_paths_in_bounded_memory():
    """A million paths need their five numbers each and a little more; the paths themselves would be 2 GB."""
    code = (
        "import sys, resource, numpy as np; from outsample import bootstrap\n"
        "x = np.random.default_rng(0).normal(0, .01, 252)\n"
        "bootstrap(x, n_paths=100, block=10.0)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "made = bootstrap(x, n_paths=1_000_000, block=10.0)\n"
        "assert len(made.samples['cagr']) == 1_000_000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    assert float(run(code)) < 100.0  # MiB; the samples are 38


def test_a_fan_chart_and_a_static_page_part():
    """The picture holds the actual equity on the fan's dates; the HTML has it, the table, and no script."""
    dates = pd.bdate_range("2020-01-01", periods=600)
    returns = pd.Series(np.random.default_rng(3).normal(0.001, 0.01, 600), index=dates)
    found = bootstrap(returns, n_paths=100, seed=2)
    lines = {line.get_label(): line for line in found.plot().axes[0].lines}
    np.testing.assert_allclose(lines["actual"].get_ydata(), (1 + returns).cumprod().loc[found.fan().index])
    np.testing.assert_allclose(lines["median"].get_ydata(), found.fan()["p50"])
    text = found._repr_html_()
    assert "data:image/png;base64," in text
    assert "max_drawdown" in text
    assert "<script" not in text
    assert ">NaN<" not in text
    assert found._repr_html_() == text


def test_trades_have_a_fan_too():
    """Without dates the chart counts trades."""
    found = bootstrap([0.1, -0.05, 0.02, 0.03] * 5, method="trades", n_paths=50, periods_per_year=10)
    assert len(found.plot().axes[0].lines[0].get_xdata()) == 20
