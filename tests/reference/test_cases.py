"""Metrics and statistics against published numbers and other libraries; the cases name their sources."""

import functools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, stats, walk_forward
from outsample import metrics as m
from outsample.metrics.trading import trade_metrics
from outsample.research.bootstrap import bootstrap

CASES = {
    case["id"]: case
    for file in ("cases.json", "statistics.json")
    for case in json.loads((Path(__file__).parent / file).read_text(encoding="utf-8"))["cases"]
}


class Recorder:
    """`outsample.stats`, noting which of its names were used."""

    def __init__(self):
        self.used = set()

    def __getattr__(self, name):
        self.used.add(name)
        return getattr(stats, name)


s = Recorder()
BACON = CASES["BACON-downside_deviation_MAR.5%"]["inputs"]


def psr(i, variant):
    return s.probabilistic_sharpe(
        i["sr"], i["T"], benchmark=i["sr_benchmark"], skewness=i["skew"], kurtosis=i["kurt"], variant=variant
    )


def mintrl(i):
    p = i.get("periods", 1)
    sharpe = i["sr"] if "sr" in i else i["sr_annual"] / p**0.5
    bench = i["sr_benchmark"] if "sr" in i else i["sr_benchmark_annual"] / p**0.5
    found = s.min_track_record_length(
        sharpe, benchmark=bench, skewness=i["skew"], kurtosis=i["kurt"], confidence=1 - i["alpha"]
    )
    return found / p


def dsr_bar(i):
    return s.expected_maximum_sharpe(i["N"], i["var_trials_annual"] / i["periods"])


def dsr(i):
    return s.deflated_sharpe(
        i["sr_annual"] / i["periods"] ** 0.5,
        i["T"],
        n_trials=i["N"],
        trials_variance=i["var_trials_annual"] / i["periods"],
        skewness=i["skew"],
        kurtosis=i["kurt"],
    )


def stocks():
    from skfolio.datasets import load_sp500_dataset

    return load_sp500_dataset().loc["2014":].pct_change().dropna()


def french():
    from arch.data import frenchdata

    return frenchdata.load()


def google():
    from backtesting.test import GOOG

    return GOOG.Close.pct_change().dropna()


def lo(i):
    return s.sharpe_standard_error(i["sr"], i["T"], method="lo")


def mertens(i):
    return s.sharpe_standard_error(i["sr"], i["T"], skewness=i["skew"], kurtosis=i["kurt"])


def eta(i):
    return s.autocorrelation_factor(i["q"], i["rho"])


def pbo_real(i):
    found = s.probability_of_backtest_overfitting(stocks().to_numpy()[:2256], n_splits=i["S"])
    return {"pbo": found.pbo, "mean_logit": found.mean_logit}


def pbo_dominant(i):
    x = np.tile([[0.02, 0.01, 0], [0, -0.01, -0.02]], (8, 1)) + np.random.default_rng(4).normal(0, 1e-6, (16, 3))
    return s.probability_of_backtest_overfitting(x, n_splits=i["S"]).pbo


def cscv(i):
    x = np.random.default_rng(0).normal(size=(64, 3))
    return [s.probability_of_backtest_overfitting(x, n_splits=n).n_combinations for n in i["S"]]


def cpcv(i):
    made = [s.combinatorial_purged(60, n_groups=n, n_test=k) for n, k in i["N_k"]]
    return [[len(x.splits), len(x.paths)] for x in made]


def ar1(i):
    rs = np.random.RandomState(0)
    e = rs.standard_normal(10100)
    y = np.zeros(10100)
    for t in range(1, 10100):
        y[t] = 0.3 * y[t - 1] + e[t]
    found = s.optimal_block_length(y[100:])
    return {"stationary": found.stationary, "circular": found.circular}


def blocks(i):
    found = [s.optimal_block_length(french()[c]) for c in ("Mkt-RF", "SMB", "HML", "RF")]
    return [[x.stationary, x.circular] for x in found]


def block_ratio(i):
    found = s.optimal_block_length(french()["SMB"])
    return found.circular / found.stationary


def exact_variance(i):
    x = french()["Mkt-RF"]
    return math.sqrt(s.stationary_mean_variance(x, 1 / i["p"]) / len(x))


def bca(i):
    x = np.array(i["x"], dtype=float)
    found = s.jackknife(x, np.var)
    return {"theta": found.estimate, "accel": found.acceleration}


def law(i):
    found = s.jackknife(i["x"], lambda x: np.corrcoef(x, rowvar=False)[0, 1])
    return {"theta": found.estimate, "se": found.standard_error, "bias": found.bias}


def difference(i, method):
    x = stocks()
    found = s.sharpe_difference(x["LLY"], x["XOM"], method=method, lags=i.get("lags"))
    return {"diff": found.difference, "se": found.standard_error, "z": found.z, "p": found.p_value}


def excess_of_stocks():
    x = stocks()
    return x.sub(x.mean(axis=1), axis=0).to_numpy()


def reality(i):
    x, excess = stocks(), excess_of_stocks()
    p = s.reality_check(excess, block=i["block"], n_bootstrap=i["B"])
    return {"stat": excess.mean(axis=0).max() * math.sqrt(len(x)), "p_upper": p}


def superior(i):
    found = s.spa(excess_of_stocks(), block=i["block"], n_bootstrap=i["B"])
    # The statistic has no Monte Carlo error.
    assert found.statistic == pytest.approx(CASES["SPA-STUDENTISED"]["expected"]["statistic"], abs=1e-9)
    return {name: getattr(found, name) for name in ("statistic", "lower", "consistent", "upper")}


def stepwise(i):
    x = np.random.default_rng(8).normal(size=(500, 10)) * np.tile(np.arange(1.0, 6.0), 2)
    x[:, [0, 3, 6, 7]] += [0.25, 0.9, 0.15, -1.0]
    return s.step_m(x, block=i["block"], alpha=i["alpha"])


def correlated(i):
    n = i["N"]
    parts = np.linalg.qr(np.random.default_rng(0).normal(size=(50, n + 2)))[0]
    parts = np.linalg.qr(parts - parts.mean(axis=0))[0][:, : n + 1]
    return s.effective_trials(math.sqrt(i["rho"]) * parts[:, :1] + math.sqrt(1 - i["rho"]) * parts[:, 1:])


def intervals(i):
    x = np.array(CASES["BCA-SPATIAL"]["inputs"]["x"], dtype=float)
    found = {
        method: s.bootstrap_interval(x, np.var, method=method, level=i["level"], n_bootstrap=i["B"])
        for method in ("percentile", "basic", "bca")
    }
    return {
        **{method: [one.low, one.high] for method, one in found.items()},
        "standard_error": found["bca"].standard_error,
    }


def market_point(i):
    x = french()["Mkt-RF"]
    return {
        "mu": x.mean() * 12,
        "sigma": m.volatility(x, periods_per_year=12),
        "SR": bootstrap(x / 100, n_paths=1, periods_per_year=12).table.set_index("statistic").loc["sharpe", "actual"],
    }


def market_errors(i):
    x = french()["Mkt-RF"].to_numpy()
    made = bootstrap(x / 100, block=float(i["block"]), n_paths=10 * i["B"], periods_per_year=12)
    errors = made.table.set_index("statistic")["se"]
    mean = s.bootstrap_interval(x, lambda v: v.mean() * 12, block=float(i["block"]), n_bootstrap=2 * i["B"])
    return {"mu": mean.standard_error, "sigma": errors["volatility"] * 100, "SR": errors["sharpe"]}


def reflected(i):
    # Two replicates whose .25 and .75 quantiles are the percentile interval of the case.
    low, high = i["percentile"]
    draws = [i["theta"], 1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low]
    basic, percentile = (
        s.bootstrap_interval([0.0, 1.0], functools.partial(_next, iter(draws)), method=name, level=0.5, n_bootstrap=2)
        for name in ("basic", "percentile")
    )
    assert [percentile.low, percentile.high] == pytest.approx([low, high], abs=1e-12)
    return [basic.low, basic.high]


def _next(values, _):
    return next(values)


def efficiency(i):
    inside = np.full(i["is_years"], (1 + i["is_total"]) ** (1 / i["is_years"]) - 1)
    outside = m.cagr([i["oos_total"]], periods_per_year=1)
    return {"compound": outside / m.cagr(inside, periods_per_year=1)}


def children(i):
    made = np.random.SeedSequence(i["seed"]).spawn(i["n"])
    return [child.generate_state(2).tolist() for child in made]


def corrections(i):
    p = i["p"]
    return {
        "bonferroni": int(np.sum(np.array(p) * len(p) <= i["q"])),
        "holm": int(np.sum(s.holm(p) <= i["q"])),
        "fdr_bh": int(np.sum(s.benjamini_hochberg(p) <= i["q"])),
    }


def emp(function):
    return lambda i: function(np.array(i["returns"][1:], dtype=float))


def bacon(function):
    return lambda i: function(np.array(BACON["returns"]))


def goog(function):
    return lambda i: function(google())


def exact_sharpe(i):
    return {"ddof1": m.sharpe([0.02, -0.01] * 126)}


def spx(i):
    from arch.data import sp500

    returns = sp500.load()["Adj Close"].pct_change().dropna()
    row = m.drawdowns(returns, 1).iloc[0]
    dates = {name: str(row[name].date()) for name in ("peak", "trough", "recovery")}
    places = returns.index.get_indexer([row["peak"], row["trough"]])
    return {
        "depth": row["depth"],
        **dates,
        "bars_peak_trough": int(places[1] - places[0]),
        "bars_peak_recovery": row["bars"],
        "days_peak_recovery": row["days"],
    }


def toy_drawdown(i):
    returns = pd.Series(i["equity"]).pct_change().dropna().to_numpy()
    row = m.drawdowns(returns).iloc[0]
    # Arrays count returns, from 0; the case counts equity points.
    places = {name: int(row[name]) + 1 for name in ("peak", "trough", "recovery")}
    return {
        "mdd": m.max_drawdown(returns),
        **places,
        "last_dd": m.drawdown_path(returns)[-1],
        "ulcer": m.ulcer_index(returns),
    }


def msft(i):
    import bokeh_sampledata

    frame = pd.read_csv(Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz")
    x = frame[frame["Ticker"] == "MSFT"]["Adj Close"].pct_change().dropna()
    names = {"total": m.total_return, "cagr": m.cagr, "vol": m.volatility, "sharpe": m.sharpe, "sortino": m.sortino}
    names |= {"mdd": m.max_drawdown, "calmar": m.calmar, "tail": m.tail_ratio}
    names |= {"var5": m.value_at_risk, "cvar5": m.conditional_value_at_risk}
    return {name: function(x) for name, function in names.items()}


def nan_cagr(i):
    x = pd.Series(i["returns"], dtype=float)
    return {"cagr_zero_fill": m.cagr(x.fillna(0)), "cagr_dropna": m.cagr(x.dropna())}


def trades(i):
    found = trade_metrics(i["pnl"])
    return {**found, "n": len(i["pnl"]), "max_consec_losses": found["max_consecutive_losses"]}


def ic(i):
    one, two = pd.DataFrame([i["factor"]]), pd.DataFrame([i["fwd_return"]])
    value = m.information_coefficient
    return {"ic": value(one, two, "pearson")[0], "rank_ic": value(one, two)[0]}


def windows(**options):
    def found(i):
        train, test = i.get("train", i.get("max_train_size")), i.get("test", i.get("test_size"))
        made = s.walk_forward_windows(i["n"], train=train, test=test, partial="drop", **options)
        return [[w.train[0], w.train[-1], w.test[0], w.test[-1]] for w in made]

    return found


def walked(i):
    """Its conventions in ours: a decision that earns the next return is filled at an open equal to the last close."""
    from arch.data import sp500

    whole_windows = (len(sp500.load()) - 1 - i["train"]) // i["test"]
    close = sp500.load()["Adj Close"].astype(float).iloc[: i["train"] + whole_windows * i["test"] + 1].to_frame("SPX")
    walk = walk_forward(
        "fast = 5\nslow = 50\nclose = data.get('close')\n"
        "position = close.rolling(fast).mean() > close.rolling(slow).mean()\n",
        Dataset.from_frames({"open": close.shift(1), "close": close}, name="sp500"),
        {"fast": [5, 10, 20], "slow": [50, 100, 200]},
        train=i["train"],
        test=i["test"],
        trade_at_price="open",
        fee_ratio=i["cost"],
        tax_ratio=0.0,
        store=False,
    )
    columns = ["fast", "slow", "in_sample_sharpe", "out_of_sample_sharpe"]
    table = walk.windows[columns].fillna(0.0)  # there the Sharpe ratio of never being invested is 0
    return {
        "n_windows": len(table),
        "windows": table.to_numpy().tolist(),
        "oos_total": walk.metrics.total_return,
        "oos_sharpe": walk.metrics.sharpe,
        "oos_mdd": walk.metrics.max_drawdown,
        "mean_is_sharpe": float(table["in_sample_sharpe"].mean()),
    }


def specific_risk(i):
    return m.benchmark_metrics(BACON["returns"], BACON["benchmark"], periods_per_year=12)["specific_risk"]


CHECKS = {
    "LO-SE-0.5-12": lo, "LO-SE-0.5-60": lo, "LO-SE-1.0-500": lo, "LO-SE-3.0-12": lo,
    "LO-ETA-12-0.0": eta, "LO-ETA-12-0.9": eta, "LO-ETA-250-0.1": eta,
    "PSR-2012-normal": lambda i: psr(i, "bailey2012"), "PSR-2025-0": lambda i: psr(i, "lopezdeprado2025"),
    "MINTRL-2012-252": mintrl, "MINTRL-2012-12": mintrl, "MINTRL-R": mintrl,
    "SE-2025-nonnormal": mertens, "SE-2025-normal": mertens,
    "POWER-2025": lambda i: 1 - s.sharpe_power(i["sr1"], i["T"], skewness=i["skew"], kurtosis=i["kurt"]),
    "PFDR-2025": lambda i: s.planned_fdr(i["p_H1"], alpha=i["alpha"], power=1 - i["beta"]),
    "EMAX-10": lambda i: s.expected_maximum_sharpe(i["N"]),
    "EMAX-EXACT-10": lambda i: s.expected_maximum_sharpe(i["N"], method="exact"),
    "EMAX-EXACT-1000": lambda i: s.expected_maximum_sharpe(i["N"], method="exact"),
    "MINBTL-45": lambda i: s.min_backtest_length(i["N"], i["target_sr"]),
    "DSR-2014-SR0": dsr_bar, "DSR-2014-N46": dsr,
    "CSCV-COUNT": cscv, "CPCV-COUNT": cpcv, "PBO-REAL-8": pbo_real, "PBO-DOMINANT": pbo_dominant,
    "BLOCK-AR1": ar1, "BLOCK-FF-ALL": blocks, "BLOCK-RATIO": block_ratio, "SB-EXACT-VAR": exact_variance,
    "BCA-SPATIAL": bca, "LAW-JACK": law,
    "JKM-REAL": lambda i: difference(i, "jkm"), "LW-IID": lambda i: difference(i, "ledoit_wolf"),
    "RC-REAL": reality, "BH-1995": corrections,
    "EMP-sharpe": emp(m.sharpe), "EMP-annual_volatility": emp(m.volatility),
    "EMP-max_drawdown": emp(m.max_drawdown), "EMP-cum_return": emp(m.total_return),
    "SHARPE-EXACT": exact_sharpe,
    "BACON-downside_deviation_MAR.5%": bacon(
        lambda x: m.downside_deviation(x, periods_per_year=1, risk_free=0.005)),
    "BACON-downside_potential": bacon(lambda x: m.downside_potential(x, threshold=0.005)),
    "BACON-upside_risk": bacon(lambda x: m.upside_risk(x, threshold=0.005)),
    "BACON-omega0_bernardo_ledoit": bacon(m.omega), "BACON-d_ratio": bacon(m.d_ratio),
    "BACON-pain_index": bacon(m.pain_index), "BACON-mean_abs_dev": bacon(m.mean_absolute_deviation),
    "BACON-specific_risk": specific_risk,
    "BACON-skew_kurt_ratio": bacon(lambda x: m.skewness(x) / m.kurtosis(x)),
    "BACON-upside_frequency": bacon(lambda x: float((x > 0.005).mean())),
    "GOOG-total": goog(m.total_return), "GOOG-vol": goog(m.volatility), "GOOG-sharpe": goog(m.sharpe),
    "GOOG-mdd": goog(m.max_drawdown), "GOOG-calmar": goog(m.calmar), "GOOG-tail": goog(m.tail_ratio),
    "DD-SPX": spx, "DD-TOY": toy_drawdown, "EDGE-NAN-CAGR": nan_cagr, "TRADES-TOY": trades, "IC-TOY": ic,
    "IC-HALFLIFE": lambda i: m.half_life(i["ic_by_horizon"]), "BK-MSFT": msft,
    "WF-ROLL": windows(), "WF-ANCHORED": windows(anchored=True), "WF-SKLEARN": windows(align="end"),
    "WF-E2E-0.0": walked,
    "WF-STITCH": lambda i: m.total_return(i["window_returns"]),
    "MC-PVALUE": lambda i: [s.monte_carlo_p_value(i["null"], o) for o in i["obs"]],
    "GOOG-CVAR": goog(lambda x: {
        "hist": m.conditional_value_at_risk(x), "param": m.parametric_conditional_value_at_risk(x)}),
    "FF-SR-POINT": market_point, "FF-SR-SE": market_errors, "CI-IDENTITY": reflected, "WFE-PARDO": efficiency,
    "SEED-SPAWN": children, "SPA-STUDENTISED": superior, "STEPM-PLANTED": stepwise, "EFFECTIVE-HALF": correlated,
    "INTERVALS-SPATIAL": intervals,
}  # fmt: skip

# Cases of cases.json that no number of this module answers, and why.
ELSEWHERE = {
    "EMP-annual_return": "for comparison only: empyrical counts the row of NaN",
    "BACON-fama_beta": "for comparison only: a ratio of standard deviations, not a beta",
    "BK-SPLIT": "tests/data/test_dataset.py",
    **{name: "look-ahead, tests/research/test_lookahead.py" for name in CASES if name.startswith("LEAK-")},
}
# What a function returns is covered by the function.
RETURNED_BY = {
    "PBO": "probability_of_backtest_overfitting", "SPA": "spa", "BlockLength": "optimal_block_length",
    "Interval": "bootstrap_interval", "Jackknife": "jackknife", "SharpeDifference": "sharpe_difference",
    "Window": "walk_forward_windows", "CombinatorialPurged": "combinatorial_purged", "Split": "combinatorial_purged",
}  # fmt: skip


def agree(got, want, tol):
    if isinstance(want, dict):
        shared = set(want) & set(got)
        assert shared, "nothing to compare"
        for name in shared:
            agree(got[name], want[name], tol)
    elif isinstance(want, list):
        assert len(got) == len(want)
        for one, two in zip(got, want, strict=True):
            agree(one, two, tol)
    elif isinstance(want, str):
        assert got == want
    else:
        assert got == pytest.approx(want, abs=tol.get("abs", 0), rel=tol.get("rel", 0))


@functools.cache
def answer(name):
    """What we compute for a case, and the statistics that it took."""
    s.used = set()
    return CHECKS[name](CASES[name]["inputs"]), frozenset(s.used)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHECKS)
def test_published_values(name):
    """Each case is met within its own tolerance."""
    agree(answer(name)[0], CASES[name]["expected"], CASES[name]["tol"])


def test_no_case_is_left_out():
    """Every case is met here, or says where or why not."""
    assert set(CASES) == set(CHECKS) | set(ELSEWHERE)
    assert not set(CHECKS) & set(ELSEWHERE)


@pytest.mark.filterwarnings("ignore")
def test_every_statistic_has_a_reference_value():
    """No public name of `outsample.stats` is without a number from elsewhere."""
    used = set().union(*(answer(name)[1] for name in CHECKS))
    missing = {name for name in stats.__all__ if RETURNED_BY.get(name, name) not in used}
    assert not missing
