"""`chart`: equity, drawdown, exposure and a price with its trades, to zoom, pan and measure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.engine import Simulation
from outsample.errors import ConfigError, DataInvalid
from outsample.report import formats
from outsample.report.figures import equity_figure, png
from outsample_widgets.arrays import milliseconds
from outsample_widgets.base import Reply, View, script
from outsample_widgets.twin import Twin

__all__ = ["Chart", "chart", "headline", "simulation_of"]

# Above this ratio of the largest to the smallest equity the first picture has a log scale.
_LOG_FROM = 4.0
_ROWS = (
    ("Total return", "total_return", formats.percent),
    ("CAGR", "cagr", formats.percent),
    ("Volatility", "volatility", formats.percent),
    ("Sharpe ratio", "sharpe", formats.ratio),
    ("Sortino ratio", "sortino", formats.ratio),
    ("Maximum drawdown", "max_drawdown", formats.percent),
)


def simulation_of(result: object, widget: str = "chart") -> Simulation:
    """Return the simulation of a Result, a WalkForward, or a Simulation itself, for a widget of that name.

    Raises
    ------
    ConfigError
        It is none of them.
    """
    found = result if isinstance(result, Simulation) else getattr(result, "simulation", None)
    if not isinstance(found, Simulation):
        raise ConfigError(
            f"{widget} needs a Result, a WalkForward or a Simulation. Got {type(result).__name__}.",
            hint=f"result = outsample.backtest(...); {widget}(result)",
        )
    return found


class Chart(View):
    """The widget of `chart`."""

    _esm = script("chart")

    def __init__(self, result: object) -> None:
        super().__init__()
        self._simulation = simulation_of(result)
        self._title = str(getattr(result, "name", "Backtest"))
        outcome: Any = getattr(result, "outcome", None)
        other = None if outcome is None else outcome.benchmark
        self._benchmark = None if other is None else other.equity.reindex(self._simulation.dates)
        self._benchmark_name = "" if outcome is None else outcome.benchmark_name
        self._closes = self._simulation.problem.market
        traded = self._simulation.trades["symbol"].value_counts(sort=True)
        self._symbols = [str(name) for name in traded.index]
        self._send_data()

    def _send_data(self) -> None:
        simulation = self._simulation
        equity = simulation.equity.to_numpy() / float(simulation.equity.iloc[0])
        arrays: dict[str, np.ndarray] = {
            "x": milliseconds(simulation.dates),
            "equity": equity,
            "drawdown": equity / np.maximum.accumulate(equity) - 1.0,
            "exposure": simulation.exposure["gross"].to_numpy(),
        }
        if self._benchmark is not None:
            arrays["benchmark"] = self._benchmark.to_numpy() / float(self._benchmark.dropna().iloc[0])
        symbol = self._symbols[0] if self._symbols else ""
        if symbol:
            arrays |= self._price(symbol)
        low = float(equity.min())
        about = {
            "title": f"{self._title}: equity, drawdown, exposure, price",
            "benchmark": self._benchmark_name,
            "symbols": self._symbols,
            "symbol": symbol,
            "log": low > 0 and float(equity.max()) / low > _LOG_FROM,
        }
        self.put(arrays, about)

    def _price(self, symbol: str) -> dict[str, np.ndarray]:
        """The closes of one symbol, and where it was bought and sold."""
        market, plan = self._closes, self._simulation.problem.plan
        place = [str(name) for name in market.symbols].index(symbol)
        trades = self._simulation.trades
        own = trades[trades["symbol"].astype(str) == symbol]
        closed = own[~own["open"].astype(bool)]
        return {
            "close": market.close[plan.first : plan.last + 1, place],
            "entry_x": milliseconds(pd.DatetimeIndex(own["entry_date"])),
            "entry_y": own["entry_price"].to_numpy(dtype=float),
            "exit_x": milliseconds(pd.DatetimeIndex(closed["exit_date"])),
            "exit_y": closed["exit_price"].to_numpy(dtype=float),
        }

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "range" (metrics between two moments) and "price" (another symbol)."""
        if question.get("kind") == "price":
            symbol = str(question.get("symbol"))
            if symbol not in self._symbols:
                raise ConfigError(f"{symbol!r} was not traded.", hint=f"Traded: {', '.join(self._symbols[:10])}.")
            return {"symbol": symbol}, self._price(symbol)
        if question.get("kind") == "range":
            return self._range(float(str(question.get("from"))), float(str(question.get("to")))), {}
        raise ConfigError(f"A chart does not know the question {question.get('kind')!r}.")

    def measure(self, first: object, last: object) -> pd.DataFrame:
        """Return metrics between two dates, both inclusive: a row per metric, a column per line.

        The equity at the first bar is the base; returns count from the bar after it.

        Parameters
        ----------
        first, last : date

        Raises
        ------
        DataInvalid
            Fewer than two bars lie between them.
        """
        dates = self._simulation.dates
        a, b = (
            pd.Timestamp(moment).tz_localize(dates.tz) if pd.Timestamp(moment).tzinfo is None else pd.Timestamp(moment)  # type: ignore[arg-type]
            for moment in (first, last)
        )
        inside = (dates >= a) & (dates <= b)
        if inside.sum() < 2:
            raise DataInvalid(f"There are {int(inside.sum())} bars from {a.date()} to {b.date()}; two are needed.")
        columns = {"strategy": self._simulation.equity[inside]}
        if self._benchmark is not None:
            columns[self._benchmark_name or "benchmark"] = self._benchmark[inside]
        year = self._simulation.periods_per_year
        return pd.DataFrame({name: _measured(equity, year) for name, equity in columns.items()})

    def _range(self, first: float, last: float) -> dict[str, object]:
        a, b = (pd.Timestamp(moment, unit="ms") for moment in (first, last))
        table = self.measure(a, b)
        dates = self._simulation.dates.tz_localize(None)
        shown = dates[(dates >= a) & (dates <= b)]
        columns = [{"name": "metric", "label": "Metric"}]
        columns += [{"name": str(name), "label": str(name), "numeric": True} for name in table.columns]  # type: ignore[dict-item]
        rows = [
            {"metric": label, **{str(name): maker(table.loc[key, name]) for name in table.columns}}
            for label, key, maker in _ROWS
        ]
        caption = f"{formats.date(shown[0])} to {formats.date(shown[-1])}, {len(shown)} bars, net of costs"
        return {"caption": caption, "columns": columns, "rows": rows}

    def twin(self) -> Twin:
        """Return picture and headline."""
        figure = equity_figure(self._simulation.equity, self._benchmark, benchmark_name=self._benchmark_name)
        return Twin(
            title=self._title,
            lines=(headline(self._simulation),),
            png=png(figure),
            alternative=f"Equity and drawdown. {headline(self._simulation)}",
        )


def headline(simulation: Simulation) -> str:
    """Return period and result of a simulation in one sentence."""
    returns, dates = simulation.returns, simulation.dates
    if len(returns) < 2:
        return f"{formats.date(dates[0])}: fewer than two returns."
    year = simulation.periods_per_year
    return (
        f"{formats.date(dates[0])} to {formats.date(dates[-1])}: total return "
        f"{formats.percent(metrics.total_return(returns))}, Sharpe ratio "
        f"{formats.ratio(metrics.sharpe(returns, periods_per_year=year))}, maximum drawdown "
        f"{formats.percent(metrics.max_drawdown(returns))}, {len(simulation.trades)} trades."
    )


def _measured(equity: pd.Series, year: float) -> dict[str, float]:
    values = equity.dropna().to_numpy(dtype=float)
    if len(values) < 2:
        return dict.fromkeys((key for _, key, _ in _ROWS), math.nan)
    returns = values[1:] / values[:-1] - 1.0
    found = {
        "total_return": metrics.total_return(returns),
        "max_drawdown": metrics.max_drawdown(returns),
        "cagr": metrics.cagr(returns, periods_per_year=year),
    }
    for name in ("volatility", "sharpe", "sortino"):
        found[name] = getattr(metrics, name)(returns, periods_per_year=year)
    return found


def chart(result: object) -> Chart:
    """Return an interactive chart of a result: equity, benchmark, drawdown, exposure, price with trades.

    Zoom with plus and minus, the buttons, or the wheel; pan by dragging; select a range by dragging with
    shift (or with shift and the arrow keys) to see its metrics, which are computed in Python.

    Parameters
    ----------
    result : Result, WalkForward or Simulation

    Returns
    -------
    Chart
        Displays itself; `Chart.measure` gives the metrics of a range in Python.
    """
    return Chart(result)
