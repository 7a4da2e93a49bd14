"""Compute the same series with this package and with others, and write docs/explanation/conventions.md.

Run: python docs/scripts/compare_conventions.py
Needs the development dependencies; a library that is not installed gets an empty column.
"""
# ruff: noqa: ARG005 - the functions of a row share one signature, whether they need the benchmark or not

import importlib
import importlib.metadata
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from outsample import load, stats
from outsample import metrics as m

TARGET = Path(__file__).parents[1] / "explanation" / "conventions.md"
PEERS = {"empyrical-reloaded": "empyrical", "quantstats": "quantstats.stats", "skfolio": "skfolio.measures"}
SYMBOL, BENCHMARK, RISK_FREE = "AAPL", "IBM", 0.02
DAY = {"periods_per_year": 252}
# Two numbers are the same when they agree to this share.
CLOSE = 1e-6

Series = pd.Series
Function = Callable[..., float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One statistic: our function of (returns, benchmark), theirs of (module, returns, benchmark), and why."""

    name: str
    ours: Function
    empyrical: Function | None = None
    quantstats: Function | None = None
    skfolio: Function | None = None
    why: str = ""

    def peers(self) -> Mapping[str, Function | None]:
        """Functions by the name of the distribution."""
        return dict(zip(PEERS, (self.empyrical, self.quantstats, self.skfolio), strict=True))


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One statistic of a short series, for which libraries part ways."""

    name: str
    returns: tuple[float, ...]
    row: str
    why: str = ""
    first: str = field(default="2024-01-01")


def _bar_rate(rate: float) -> float:
    return (1 + rate) ** (1 / 252) - 1


def _psr(x: Series) -> float:
    shape = {"skewness": m.skewness(x), "kurtosis": m.kurtosis(x)}
    return stats.probabilistic_sharpe(m.sharpe(x, periods_per_year=1), len(x), **shape)


def _against(name: str, **options: float) -> Function:
    return lambda x, b: m.benchmark_metrics(x, b, **DAY, **options)[name]


def _drawdowns(k: ModuleType, x: Series) -> np.ndarray:
    return k.get_drawdowns(x.to_numpy(), compounded=True)


def _portfolio(x: Series) -> object:
    from skfolio.portfolio import BasePortfolio

    return BasePortfolio(returns=x.to_numpy(), observations=np.arange(len(x)), annualization_factor=252)


RETURNS = (
    Row(
        name="total return",
        ours=lambda x, b: m.total_return(x),
        empyrical=lambda e, x, b: e.cum_returns_final(x),
        quantstats=lambda q, x, b: q.comp(x),
        skfolio=lambda k, x, b: k.get_cumulative_returns(x.to_numpy(), compounded=True)[-1] - 1,
    ),
    Row(
        name="CAGR",
        ours=lambda x, b: m.cagr(x, **DAY),
        empyrical=lambda e, x, b: e.annual_return(x),
        quantstats=lambda q, x, b: q.cagr(x),
    ),
    Row(
        name="arithmetic annual mean",
        ours=lambda x, b: m.annual_mean(x, **DAY),
        skfolio=lambda k, x, b: _portfolio(x).annualized_mean,
    ),
    Row(
        name="best month",
        ours=lambda x, b: m.calendar_returns(x).max(),
        quantstats=lambda q, x, b: q.best(x, aggregate="ME"),
    ),
    Row(
        name="share of positive bars",
        ours=lambda x, b: float((x > 0).mean()),
        quantstats=lambda q, x, b: q.win_rate(x),
        why="quantstats leaves flat bars out of the count; here they count.",
    ),
)
RISK = (
    Row(
        name="volatility",
        ours=lambda x, b: m.volatility(x, **DAY),
        empyrical=lambda e, x, b: e.annual_volatility(x),
        quantstats=lambda q, x, b: q.volatility(x),
        skfolio=lambda k, x, b: _portfolio(x).annualized_standard_deviation,
    ),
    Row(
        name="downside deviation",
        ours=lambda x, b: m.downside_deviation(x, **DAY),
        empyrical=lambda e, x, b: e.downside_risk(x),
        skfolio=lambda k, x, b: k.semi_deviation(x.to_numpy()) * math.sqrt(252),
        why="skfolio measures below the mean by default and divides by N - 1; here below the risk-free rate, over N.",
    ),
    Row(
        name="Sharpe ratio",
        ours=lambda x, b: m.sharpe(x, **DAY),
        empyrical=lambda e, x, b: e.sharpe_ratio(x),
        quantstats=lambda q, x, b: q.sharpe(x),
        skfolio=lambda k, x, b: _portfolio(x).annualized_sharpe_ratio,
    ),
    Row(
        name="Sharpe ratio, risk-free rate 2 %",
        ours=lambda x, b: m.sharpe(x, **DAY, risk_free=RISK_FREE),
        empyrical=lambda e, x, b: e.sharpe_ratio(x, risk_free=RISK_FREE),
        quantstats=lambda q, x, b: q.sharpe(x, rf=RISK_FREE),
        why="empyrical takes the rate per bar: 0.02 means 2 % a day there.",
    ),
    Row(
        name="Sharpe ratio, risk-free rate 2 %, as empyrical wants it",
        ours=lambda x, b: m.sharpe(x, **DAY, risk_free=RISK_FREE),
        empyrical=lambda e, x, b: e.sharpe_ratio(x, risk_free=_bar_rate(RISK_FREE)),
    ),
    Row(
        name="Sharpe ratio corrected for autocorrelation",
        ours=lambda x, b: m.lo_sharpe(x, **DAY),
        quantstats=lambda q, x, b: q.smart_sharpe(x),
        why="Lo's factor for an AR(1) over a year here, which may raise the ratio; quantstats takes the size of rho "
        "and sums over the whole sample, which never does.",
    ),
    Row(
        name="probabilistic Sharpe ratio",
        ours=lambda x, b: _psr(x),
        quantstats=lambda q, x, b: q.probabilistic_sharpe_ratio(x),
        skfolio=lambda k, x, b: k.probabilistic_sharpe_ratio(x.to_numpy()),
        why="quantstats corrects skewness and kurtosis for the sample size; the formula takes population moments.",
    ),
    Row(
        name="Sortino ratio",
        ours=lambda x, b: m.sortino(x, **DAY),
        empyrical=lambda e, x, b: e.sortino_ratio(x),
        quantstats=lambda q, x, b: q.sortino(x),
        skfolio=lambda k, x, b: _portfolio(x).annualized_sortino_ratio,
        why="skfolio divides by the deviation below the mean.",
    ),
    Row(
        name="Omega",
        ours=lambda x, b: m.omega(x, **DAY),
        empyrical=lambda e, x, b: e.omega_ratio(x),
        quantstats=lambda q, x, b: q.omega(x),
    ),
    Row(
        name="gain to pain",
        ours=lambda x, b: m.gain_to_pain(x),
        quantstats=lambda q, x, b: q.gain_to_pain_ratio(x),
    ),
    Row(
        name="stability",
        ours=lambda x, b: m.stability(x),
        empyrical=lambda e, x, b: e.stability_of_timeseries(x),
    ),
    Row(
        name="value at risk, 95 %, historical",
        ours=lambda x, b: m.value_at_risk(x),
        empyrical=lambda e, x, b: e.value_at_risk(x, 0.05),
        quantstats=lambda q, x, b: q.value_at_risk(x),
        skfolio=lambda k, x, b: -k.value_at_risk(x.to_numpy()),
        why="quantstats' is parametric; skfolio takes an order statistic, here the quantile is interpolated. "
        "skfolio reports losses as positive numbers (sign changed here).",
    ),
    Row(
        name="value at risk, 95 %, parametric",
        ours=lambda x, b: m.parametric_value_at_risk(x),
        quantstats=lambda q, x, b: q.value_at_risk(x),
    ),
    Row(
        name="conditional value at risk, 95 %, historical",
        ours=lambda x, b: m.conditional_value_at_risk(x),
        empyrical=lambda e, x, b: e.conditional_value_at_risk(x, 0.05),
        quantstats=lambda q, x, b: q.conditional_value_at_risk(x),
        skfolio=lambda k, x, b: -k.cvar(x.to_numpy()),
        why="quantstats averages below its parametric value at risk by default; skfolio weights the observation at the "
        "boundary by the part of it that is in the tail.",
    ),
    Row(
        name="tail ratio",
        ours=lambda x, b: m.tail_ratio(x),
        empyrical=lambda e, x, b: e.tail_ratio(x),
        quantstats=lambda q, x, b: q.tail_ratio(x),
    ),
    Row(
        name="skewness",
        ours=lambda x, b: m.skewness(x),
        quantstats=lambda q, x, b: q.skew(x),
        skfolio=lambda k, x, b: k.skew(x.to_numpy()),
        why="quantstats corrects for the sample size; here, as in the formula of the PSR, population moments.",
    ),
    Row(
        name="kurtosis",
        ours=lambda x, b: m.kurtosis(x),
        quantstats=lambda q, x, b: q.kurtosis(x),
        skfolio=lambda k, x, b: k.kurtosis(x.to_numpy()),
        why="quantstats reports excess over 3, corrected for the sample size; here raw.",
    ),
)
FALLS = (
    Row(
        name="maximum drawdown",
        ours=lambda x, b: m.max_drawdown(x),
        empyrical=lambda e, x, b: e.max_drawdown(x),
        quantstats=lambda q, x, b: q.max_drawdown(x),
        skfolio=lambda k, x, b: -k.max_drawdown(_drawdowns(k, x)),
    ),
    Row(
        name="average drawdown",
        ours=lambda x, b: m.average_drawdown(x),
        quantstats=lambda q, x, b: q.drawdown_details(q.to_drawdown_series(x))["max drawdown"].mean() / 100,
        skfolio=lambda k, x, b: -k.average_drawdown(_drawdowns(k, x)),
        why="skfolio averages over bars (the pain index here); the others over episodes.",
    ),
    Row(
        name="pain index",
        ours=lambda x, b: m.pain_index(x),
        skfolio=lambda k, x, b: k.average_drawdown(_drawdowns(k, x)),
    ),
    Row(
        name="Calmar ratio",
        ours=lambda x, b: m.calmar(x, **DAY),
        empyrical=lambda e, x, b: e.calmar_ratio(x),
        quantstats=lambda q, x, b: q.calmar(x),
        skfolio=lambda k, x, b: _portfolio(x).calmar_ratio,
        why="skfolio divides the mean of a bar, not annualised, by the drawdown of summed returns.",
    ),
    Row(
        name="ulcer index",
        ours=lambda x, b: m.ulcer_index(x),
        quantstats=lambda q, x, b: q.ulcer_index(x),
        skfolio=lambda k, x, b: k.ulcer_index(_drawdowns(k, x)),
        why="quantstats divides by N - 1; a drawdown is measured, not estimated: N here.",
    ),
    Row(
        name="Martin ratio",
        ours=lambda x, b: m.martin(x, **DAY),
        quantstats=lambda q, x, b: q.ulcer_performance_index(x),
        why="quantstats divides the total return of the whole span, here the CAGR.",
    ),
    Row(
        name="conditional drawdown at risk, 95 %",
        ours=lambda x, b: m.conditional_drawdown_at_risk(x),
        skfolio=lambda k, x, b: -k.cdar(_drawdowns(k, x)),
        why="the boundary of the tail, as for the conditional value at risk.",
    ),
)
AGAINST = (
    Row(
        name="beta",
        ours=_against("beta"),
        empyrical=lambda e, x, b: e.beta(x, b),
        quantstats=lambda q, x, b: q.greeks(x, b)["beta"],
    ),
    Row(
        name="alpha, annual",
        ours=_against("alpha"),
        empyrical=lambda e, x, b: e.alpha(x, b),
        quantstats=lambda q, x, b: q.greeks(x, b)["alpha"],
        why="empyrical compounds the alpha of a bar over a year; the intercept of a regression is arithmetic: x 252.",
    ),
    Row(
        name="R^2",
        ours=_against("r_squared"),
        quantstats=lambda q, x, b: q.r_squared(x, b),
    ),
    Row(
        name="information ratio",
        ours=_against("information_ratio"),
        quantstats=lambda q, x, b: q.information_ratio(x, b),
        why="quantstats' is per bar; times sqrt(252) here.",
    ),
    Row(
        name="Treynor ratio",
        ours=_against("treynor"),
        quantstats=lambda q, x, b: q.treynor_ratio(x, b),
        why="quantstats divides the total return of the whole span, here the annual mean.",
    ),
    Row(
        name="up capture",
        ours=_against("up_capture"),
        empyrical=lambda e, x, b: e.up_capture(x, b),
        why="empyrical divides compounded annual returns of the rising bars, ours are means of a bar.",
    ),
    Row(
        name="down capture",
        ours=_against("down_capture"),
        empyrical=lambda e, x, b: e.down_capture(x, b),
        why="as for the up capture.",
    ),
)
SECTIONS = {"Returns": RETURNS, "Risk": RISK, "Drawdown": FALLS, "Against a benchmark": AGAINST}
EDGES = (
    Edge(
        name="Sharpe ratio of 0.01, 252 times",
        returns=(0.01,) * 252,
        row="Sharpe ratio",
        why="Without variance there is no ratio; dividing by rounding noise gives a number of any size.",
    ),
    Edge(
        name="maximum drawdown of -50 %, 0, 0",
        returns=(-0.5, 0.0, 0.0),
        row="maximum drawdown",
    ),
    Edge(
        name="total return of 10 %, -120 %, 50 %",
        returns=(0.1, -1.2, 0.5),
        row="total return",
        why="Below -100 % nothing is left, and nothing can be earned on it.",
    ),
    Edge(
        name="maximum drawdown of 10 %, -120 %, 50 %",
        returns=(0.1, -1.2, 0.5),
        row="maximum drawdown",
        why="A drawdown ends at -100 %.",
    ),
    Edge(
        name="Omega of 1 %, 2 %",
        returns=(0.01, 0.02),
        row="Omega",
    ),
    Edge(
        name="Sortino ratio of 1 %, 2 %",
        returns=(0.01, 0.02),
        row="Sortino ratio",
        why="Gain without any loss is infinite here, with a reason in JSON; undefined in quantstats.",
    ),
)


def shown(value: float) -> str:
    """Return a number with six significant digits."""
    return "NaN" if math.isnan(value) else f"{value:.6g}"


def series() -> tuple[Series, Series]:
    """Return the two series of the comparison: daily returns of the shipped sample."""
    close = load("sample").frame("close")
    pair = close[[SYMBOL, BENCHMARK]].pct_change().dropna()
    return pair[SYMBOL].rename(SYMBOL), pair[BENCHMARK].rename(BENCHMARK)


def edge_series(edge: Edge) -> tuple[Series, Series]:
    """Return the short series of an edge, and zeros as its benchmark."""
    index = pd.date_range(edge.first, periods=len(edge.returns), freq="D")
    return pd.Series(edge.returns, index=index), pd.Series(0.0, index=index)


def ours() -> dict[str, str]:
    """Return our column: the name of each row, as it is written, and our number."""
    pair = series()
    rows = {row.name: row for rows in SECTIONS.values() for row in rows}
    found = {name: shown(row.ours(*pair)) for name, row in rows.items()}
    return found | {edge.name: shown(rows[edge.row].ours(*edge_series(edge))) for edge in EDGES}


def _line(name: str, row: Row, pair: tuple[Series, Series], peers: Mapping[str, ModuleType | None], why: str) -> str:
    mine = row.ours(*pair)
    cells = [name, shown(mine)]
    differs = False
    for peer, function in row.peers().items():
        value = theirs(function, peers[peer], pair)
        cells.append("" if value is None else shown(value))
        differs |= value is not None and not _same(mine, value)
    return f"| {' | '.join([*cells, why if differs else ''])} |"


def theirs(function: Function | None, module: ModuleType | None, pair: tuple[Series, Series]) -> float | None:
    """Return what a library computes; None where it has no such function or is not installed."""
    if function is None or module is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return float(function(module, *pair))


def _same(one: float, two: float) -> bool:
    return (math.isnan(one) and math.isnan(two)) or one == two or abs(one - two) <= CLOSE * abs(one)


def modules() -> dict[str, ModuleType | None]:
    """Return the libraries that are installed, None for the others."""
    found: dict[str, ModuleType | None] = {}
    for peer, name in PEERS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[peer] = importlib.import_module(name)
        except ImportError:
            found[peer] = None
    return found


def document() -> str:
    """Return the page."""
    found, pair = modules(), series()
    names = [f"{peer} {importlib.metadata.version(peer)}" if found[peer] else peer for peer in PEERS]
    head = f"| statistic | outsample | {' | '.join(names)} | why they differ |\n|{' --- |' * 6}"
    rows = {row.name: row for rows in SECTIONS.values() for row in rows}
    parts = [_INTRODUCTION.format(n=len(pair[0]), first=pair[0].index[0].date(), last=pair[0].index[-1].date())]
    for title, section in SECTIONS.items():
        lines = [_line(row.name, row, pair, found, row.why) for row in section]
        parts.append(f"## {title}\n\n{head}\n" + "\n".join(lines))
    lines = [_line(edge.name, rows[edge.row], edge_series(edge), found, edge.why) for edge in EDGES]
    parts.append(f"## Short series\n\n{head}\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = f"""# Conventions: who computes what

The same series computed by this package and by others: {{n}} daily returns of {SYMBOL} in the shipped sample, {{first}}
to {{last}}, with {BENCHMARK} as the benchmark, 252 bars a year, no risk-free rate unless a row says so. An empty cell
means that the library has no such function. Where numbers differ, the last column says why; where it is empty, all
agree to six digits. The table is written by `docs/scripts/compare_conventions.py`; our formulas are in
[Statistics](statistics.md)."""


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
