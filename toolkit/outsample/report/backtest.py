"""From a backtest to its document: what a person is shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.classify import Judgement
from outsample.pipeline import Outcome
from outsample.report import formats
from outsample.report.capacity import capacity_table
from outsample.report.document import Document, Picture, Table, table_of
from outsample.report.figures import equity_figure, png
from outsample.report.intervals import N_PATHS, key_intervals
from outsample.research.lookahead import LookaheadReport

__all__ = ["backtest_document", "drawdown_table", "monthly", "trade_table"]

_ROWS: tuple[tuple[str, str, Callable[[object], str]], ...] = (
    ("Total return", "total_return", formats.percent),
    ("CAGR", "cagr", formats.percent),
    ("Volatility", "volatility", formats.percent),
    ("Sharpe ratio", "sharpe", formats.ratio),
    ("Sortino ratio", "sortino", formats.ratio),
    ("Maximum drawdown", "max_drawdown", formats.percent),
    ("Calmar ratio", "calmar", formats.ratio),
    ("Trades", "n_trades", formats.count),
    ("Win rate", "win_rate", formats.percent),
    ("Turnover a year", "annual_turnover", formats.ratio),
    ("Time in market", "time_in_market", formats.percent),
)
_Maker = Callable[[object], str]
_P, _R, _N, _C = formats.percent, formats.ratio, formats.number, formats.count
# Folded tables: what belongs together stands in one cell.
_RETURNS: tuple[tuple[str, _Maker, tuple[str, ...]], ...] = (
    ("Best / worst bar", _P, ("best_bar", "worst_bar")),
    ("Best / worst month", _P, ("best_month", "worst_month")),
    ("Best / worst year", _P, ("best_year", "worst_year")),
    ("Worst 6 / 12 / 36 months", _P, ("worst_6_months", "worst_12_months", "worst_36_months")),
    ("Best 6 / 12 / 36 months", _P, ("best_6_months", "best_12_months", "best_36_months")),
    ("Positive bars / months", _P, ("positive_bars", "positive_months")),
    ("Sharpe ratio corrected for autocorrelation", _R, ("lo_sharpe",)),
    ("Probability that it is above 0", _P, ("probabilistic_sharpe",)),
    ("Omega / gain to pain", _R, ("omega", "gain_to_pain")),
    ("Value at risk: historical / normal / Cornish-Fisher", _P,
     ("value_at_risk", "parametric_value_at_risk", "cornish_fisher_value_at_risk")),
    ("Mean beyond it", _P,
     ("conditional_value_at_risk", "parametric_conditional_value_at_risk", "cornish_fisher_conditional_value_at_risk")),
    ("Average drawdown / drawdown at risk", _P, ("average_drawdown", "conditional_drawdown_at_risk")),
    ("Longest drawdown (bars)", _C, ("longest_drawdown",)),
    ("Time under water", _P, ("time_under_water",)),
    ("Ulcer / pain index", _P, ("ulcer_index", "pain_index")),
    ("Martin ratio / stability", _R, ("martin", "stability")),
    ("Skewness / kurtosis / autocorrelation", _R, ("skewness", "kurtosis", "autocorrelation")),
)  # fmt: skip
_TRADING: tuple[tuple[str, _Maker, tuple[str, ...]], ...] = (
    ("Profit factor / payoff", _R, ("profit_factor", "payoff")),
    ("Mean result / win / loss of a trade", _N, ("expectancy", "average_win", "average_loss")),
    ("SQN / Kelly fraction", _R, ("sqn", "kelly")),
    ("Longest run of wins / losses", _C, ("max_consecutive_wins", "max_consecutive_losses")),
    ("Largest win of all wins", _P, ("largest_win_share",)),
    ("Bars held: average / longest", _R, ("average_bars_held", "max_bars_held")),
    ("Excursion: average against / worst / average in favour", _P, ("average_mae", "worst_mae", "average_mfe")),
    ("Long / short trades", _C, ("n_long", "n_short")),
    ("Win rate of longs / shorts", _P, ("long_win_rate", "short_win_rate")),
    ("Result of longs / shorts", _N, ("long_pnl", "short_pnl")),
    ("Gross exposure: average / largest", _P, ("average_gross", "max_gross")),
    ("Net exposure: average", _P, ("average_net",)),
    ("Position: average / largest", _P, ("average_position", "max_position")),
    ("Effective names / HHI", _R, ("effective_names", "hhi")),
    ("Holding period (bars)", _R, ("holding_period",)),
    ("Total return before costs", _P, ("gross_total_return",)),
    ("Costs a year / break-even per unit of turnover", _P, ("cost_drag", "break_even_cost")),
)
_AGAINST: tuple[tuple[str, _Maker, tuple[str, ...]], ...] = (
    ("Active return / tracking error", _P, ("active_return", "tracking_error")),
    ("Information / Treynor ratio", _R, ("information_ratio", "treynor")),
    ("Beta / R\u00b2", _R, ("beta", "r_squared")),
    ("Alpha / specific risk", _P, ("alpha", "specific_risk")),
    ("Up / down capture", _R, ("up_capture", "down_capture")),
)


def backtest_document(
    name: str, outcome: Outcome, judgement: Judgement, lookahead: LookaheadReport | None, *, pictures: bool = True
) -> Document:
    """Return the report of one backtest.

    Parameters
    ----------
    name : str
    outcome : Outcome
    judgement : Judgement
        The level that is shown, after caps.
    lookahead : LookaheadReport or None
        None: not checked.
    pictures : bool
        Draw them (matplotlib is imported only then).
    """
    simulation, benchmark = outcome.simulation, outcome.benchmark
    theirs = None if benchmark is None else metrics.measure(benchmark, conventions=outcome.request.resolved_conventions)
    shown: tuple[Picture, ...] = ()
    if pictures and len(simulation.equity) > 1:
        figure = equity_figure(
            simulation.equity, None if benchmark is None else benchmark.equity, benchmark_name=outcome.benchmark_name
        )
        shown = (Picture(title="Equity and drawdown", png=png(figure), alternative=_words(outcome)),)
    alarm = ""
    if lookahead is not None and lookahead.clean is False:
        where = f" Line {lookahead.line}." if lookahead.line else ""
        alarm = f"These numbers use the future: {lookahead.summary}.{where} {lookahead.hint}".strip()
    return Document(
        title=name,
        facts=_facts(outcome, judgement, lookahead),
        level=judgement.level.name,
        reasons=judgement.reasons,
        alarm=alarm,
        metrics=_metrics(outcome, theirs),
        pictures=shown,
        tables=(
            monthly(outcome),
            drawdown_table(outcome),
            _more("More about the returns", _RETURNS, outcome, theirs),
            _more(f"Against {outcome.benchmark_name}", _AGAINST, outcome),
            _more("Trading and exposure", _TRADING, outcome),
            _cost_table(outcome),
            capacity_table(outcome),
            _reason_table(outcome),
            trade_table(outcome),
        ),
        warnings=outcome.warnings,
        output=outcome.execution.stdout,
    )


def _words(outcome: Outcome) -> str:
    m = outcome.metrics
    return (
        f"Equity from {formats.date(outcome.simulation.equity.index[0])} to "
        f"{formats.date(outcome.simulation.equity.index[-1])}: total return {formats.percent(m.total_return)}, "
        f"maximum drawdown {formats.percent(m.max_drawdown)}."
    )


def _facts(outcome: Outcome, judgement: Judgement, lookahead: LookaheadReport | None) -> tuple[tuple[str, str], ...]:
    data, equity = outcome.request.data, outcome.simulation.equity
    params = ", ".join(f"{name}={value}" for name, value in outcome.request.strategy.values.items())
    survivors = " (likely survivors only)" if data.survivors_only else ""
    sandbox, bars = outcome.execution.sandbox, formats.counted(len(equity), "bar")
    return tuple(
        (label, text)
        for label, text in (
            ("Period", f"{formats.date(equity.index[0])} to {formats.date(equity.index[-1])}, {bars}"),
            ("Data", f"{data.name}{survivors}, snapshot {data.id[:12]}"),
            ("Parameters", params),
            ("Costs", _costs(outcome)),
            ("Out of sample", _out_of_sample(judgement)),
            ("Trials", _trials(judgement)),
            ("Look-ahead", "not checked" if lookahead is None else lookahead.summary),
            ("Benchmark", outcome.benchmark_name),
            ("Conventions", _conventions(outcome)),
            ("Sandbox", "" if sandbox is None else sandbox.level),
            ("Accounting residual", f"{outcome.simulation.residual:.1e} of equity"),
            ("Key", outcome.key[:12]),
        )
        if text
    )


def _out_of_sample(judgement: Judgement) -> str:
    """What a walk-forward said, or that there was none."""
    sharpe = judgement.evidence.out_of_sample_sharpe
    if sharpe is None:
        return "not tested yet (--walk-forward, or result.walk_forward)"
    return f"Sharpe ratio {formats.ratio(sharpe)} over the test windows of the walk-forward (the table: whole period)"


def _trials(judgement: Judgement) -> str:
    evidence = judgement.evidence
    if not evidence.as_of:
        return "not recorded"
    scope = "pinned by this report" if evidence.as_of == "pinned" else "on this dataset"
    if evidence.deflated_sharpe is None:
        return f"{evidence.n_trials} {scope}"
    said = f"deflated Sharpe {formats.ratio(evidence.deflated_sharpe)}"
    return f"{evidence.n_trials} {scope}; {said} is how sure it is that luck is not all of it"


def _costs(outcome: Outcome) -> str:
    rates = outcome.costs
    parts = [f"fee {_rate(rates.fee_ratio)}", f"tax {_rate(rates.tax_ratio)}", f"slippage {_rate(rates.slippage)}"]
    return f"{', '.join(parts)} of what is traded: {formats.percent(outcome.metrics.cost_drag)} a year"


def _rate(value: float) -> str:
    """A rate as it was given, without zeros behind it."""
    return f"{100 * value:.6g} %"


def _conventions(outcome: Outcome) -> str:
    used = outcome.request.resolved_conventions
    parts = [f"{used.periods_per_year:g} bars a year", f"risk-free rate {_risk_free(used.risk_free)}"]
    parts += [] if used.nan_policy == "raise" else [f"NaN: {used.nan_policy}"]
    return ", ".join([*parts, "spans under a year annualised"] if used.annualise_short else parts)


def _risk_free(rate: object) -> str:
    if not isinstance(rate, tuple):
        return formats.percent(rate)
    rates = [float(one) for _, one in rate]
    return f"by date, {formats.percent(min(rates))} to {formats.percent(max(rates))}"


def _metrics(outcome: Outcome, other: metrics.Metrics | None) -> Table:
    measured, between = outcome.metrics, key_intervals(outcome)
    rows = []
    for label, attribute, maker in _ROWS:
        value = getattr(measured, attribute, None)
        theirs = "" if other is None else maker(getattr(other, attribute, None))
        rows.append((label, maker(value), _interval(between.get(attribute), maker), theirs))
    return Table(
        title="Key metrics",
        columns=("Metric", "Strategy", "95 % interval", outcome.benchmark_name or "Benchmark"),
        rows=tuple(rows),
        numeric=frozenset({1, 2, 3}),
        foreign=frozenset({3}),
        note="Net of costs; turnover is one-way. Intervals: HAC standard error for the Sharpe ratio, "
        f"{N_PATHS:,} paths of the stationary bootstrap for the others.",
    )


def _interval(pair: tuple[float, float] | None, maker: Callable[[object], str]) -> str:
    return "" if pair is None else f"{maker(pair[0])} to {maker(pair[1])}"


def _more(
    title: str,
    lines: tuple[tuple[str, _Maker, tuple[str, ...]], ...],
    outcome: Outcome,
    other: metrics.Metrics | None = None,
) -> Table:
    """A folded table of statistics; lines of which nothing is defined are left out."""
    rows = []
    for label, maker, names in lines:
        if all(np.isnan(getattr(outcome.metrics, name)) for name in names):
            continue
        cells = [
            " / ".join(maker(getattr(measured, name)) for name in names)
            for measured in (outcome.metrics, other)
            if measured is not None
        ]
        rows.append((label, *cells))
    columns = ("Metric", "Strategy") if other is None else ("Metric", "Strategy", outcome.benchmark_name)
    return Table(title=title, columns=columns, rows=tuple(rows), numeric=frozenset(range(1, len(columns))), folded=True)


def _reason_table(outcome: Outcome) -> Table:
    """The trades by why they ended."""
    frame = metrics.by_exit_reason(outcome.simulation.trades).reset_index()
    percents = dict.fromkeys(("share", "win_rate", "average_return"), formats.percent)
    return table_of("Trades by exit", frame, formats=dict(percents), folded=True)


def monthly(outcome: Outcome) -> Table:
    """Return the table of monthly returns: a row per year, a column per month, and the year."""
    returns = outcome.simulation.returns
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    index = returns.index
    assert isinstance(index, pd.DatetimeIndex)
    factors = 1.0 + returns
    grown = {
        (int(year), int(month)): float(np.prod(part.to_numpy())) - 1.0 for (year, month), part in _by_month(factors)
    }
    rows = []
    for year in sorted({year for year, _ in grown}):
        cells = [formats.percent(grown[year, month], 1) if (year, month) in grown else "" for month in range(1, 13)]
        whole = float(np.prod(factors.to_numpy()[index.year == year])) - 1.0
        rows.append((str(year), *cells, formats.percent(whole, 1)))
    return Table(
        title="Monthly returns",
        columns=("Year", *names, "Year total"),
        rows=tuple(rows),
        numeric=frozenset(range(1, 14)),
        folded=True,
    )


def _by_month(series: pd.Series) -> Iterator[tuple[tuple[int, int], pd.Series]]:
    index = series.index
    assert isinstance(index, pd.DatetimeIndex)
    yield from series.groupby([index.year, index.month])  # type: ignore[misc]


def drawdown_table(outcome: Outcome) -> Table:
    """Return the five deepest drawdowns."""
    frame = metrics.drawdowns(outcome.simulation.returns, 5)
    columns = [name for name in ("depth", "peak", "trough", "recovery", "bars", "days") if name in frame.columns]
    return table_of("Drawdowns", frame[columns], formats={"depth": formats.percent})


def _cost_table(outcome: Outcome) -> Table:
    paid = outcome.simulation.costs.sum()
    average = float(outcome.simulation.equity.mean())
    rows = tuple(
        (str(name), formats.number(value), formats.percent(value / average)) for name, value in paid.items() if value
    )
    return Table(
        title="Costs paid",
        columns=("Kind", "Amount", "Of average equity"),
        rows=rows or (("none", formats.number(0.0), formats.percent(0.0)),),
        numeric=frozenset({1, 2}),
        note="Amounts over the whole period; the capital at its start is 1 unless it was given.",
    )


def trade_table(outcome: Outcome) -> Table:
    """Return the last trades, the newest first."""
    frame = outcome.simulation.trades
    columns = ["symbol", "entry_date", "exit_date", "weight", "entry_price", "exit_price", "return_net", "bars"]
    columns = [name for name in (*columns, "exit_reason") if name in frame.columns]
    return table_of(
        f"Trades ({len(frame)})",
        frame[columns].iloc[::-1],
        formats={"weight": formats.percent, "return_net": formats.percent},
        limit=20,
        folded=True,
    )
