"""`explain_day`: click a date and see what was wanted, held, ordered and paid, and why a name was not bought."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from outsample.engine import Simulation
from outsample.errors import ConfigError, DataInvalid
from outsample.report import formats
from outsample.report.figures import equity_figure, png
from outsample_widgets.arrays import milliseconds
from outsample_widgets.base import Arrays, Reply, View, script
from outsample_widgets.chart import headline, simulation_of
from outsample_widgets.days import Day, day_of
from outsample_widgets.twin import Twin

__all__ = ["ExplainDay", "explain_day"]

_FORMATS = {
    "target": formats.percent,
    "before": formats.percent,
    "units": formats.number,
    "price": formats.number,
    "value": formats.number,
    "costs": formats.number,
    "weight": formats.percent,
}
_LABELS = {
    "symbol": "Symbol",
    "target": "Target",
    "before": "Weight before",
    "units": "Units ordered",
    "price": "Price",
    "value": "Value",
    "costs": "Costs",
    "weight": "Weight at close",
    "why": "Why",
}
_LIMIT = 500


class ExplainDay(View):
    """The widget of `explain_day`."""

    _esm = script("explain")

    def __init__(self, result: object) -> None:
        super().__init__()
        self._simulation: Simulation = simulation_of(result, "explain_day")
        self._title = f"{getattr(result, 'name', 'Backtest')}: what happened on a day"
        simulation = self._simulation
        growth = simulation.equity / float(simulation.equity.iloc[0])
        traded = simulation.dates[simulation.turnover.to_numpy() > 0]
        first = traded[0] if len(traded) else simulation.dates[0]
        self._first = first
        names = simulation.exposure["names"]
        arrays: Arrays = {"x": milliseconds(simulation.dates), "equity": growth, "names": names}
        self.put(arrays, {"title": self._title, "first": self._shown(day_of(simulation, first))})

    def day(self, date: object, *, every: bool = False) -> Day:
        """Return the explanation of a day as a value; see `outsample_widgets.days.day_of`."""
        return day_of(self._simulation, date, every=every)

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "day"."""
        if question.get("kind") != "day":
            raise ConfigError(f"This widget does not know the question {question.get('kind')!r}.")
        return self._shown(self.day(_moment(question.get("at")), every=bool(question.get("every")))), {}

    def _shown(self, day: Day) -> dict[str, object]:
        rows = [
            {str(name): _FORMATS.get(str(name), str)(value) for name, value in row.items()}
            for row in day.table.head(_LIMIT).to_dict("records")
        ]
        columns = [{"name": name, "label": label, "numeric": name in _FORMATS} for name, label in _LABELS.items()]
        at = float(milliseconds(pd.DatetimeIndex([day.date]))[0])
        caption = f"{formats.date(day.date)}: {len(day.table)} names"
        return {"at": at, "caption": caption, "sentences": list(day.sentences), "columns": columns, "rows": rows}

    def twin(self) -> Twin:
        """Return equity and the first day with a trade."""
        found = self._shown(day_of(self._simulation, self._first))
        rows = tuple(tuple(str(row[name]) for name in _LABELS) for row in found["rows"][:20])  # type: ignore[index]
        return Twin(
            title=self._title,
            lines=(headline(self._simulation), *day_of(self._simulation, self._first).sentences),
            png=png(equity_figure(self._simulation.equity)),
            alternative="Equity and drawdown",
            tables=((str(found["caption"]), tuple(_LABELS.values()), rows),),
        )


def _moment(at: object) -> pd.Timestamp:
    """The date of a place on the axis, in milliseconds."""
    try:
        return pd.Timestamp(float(str(at)), unit="ms")
    except ValueError as error:  # the bounds of pandas too
        raise DataInvalid(f"{at!r} is not a date.", hint="Choose a day of the result.") from error


def explain_day(result: object) -> ExplainDay:
    """Return a widget that explains any day of a result.

    Click a date, or move with the arrow keys and press enter: targets, drifted weights, orders, costs, and
    for each name why it was or was not bought.

    Parameters
    ----------
    result : Result, WalkForward or Simulation

    Returns
    -------
    ExplainDay
        `ExplainDay.day(date)` gives the same as a value.
    """
    return ExplainDay(result)
