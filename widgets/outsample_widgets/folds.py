"""`folds`: the windows of a walk-forward on a time line, what each chose, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.errors import ConfigError
from outsample.report import formats
from outsample.report.figures import png
from outsample.research.objective import objective_function
from outsample.results import WalkForward
from outsample_widgets.arrays import milliseconds
from outsample_widgets.base import Arrays, Reply, View, script
from outsample_widgets.twin import Twin

__all__ = ["Folds", "folds"]


class Folds(View):
    """The widget of `folds`."""

    _esm = script("folds")

    def __init__(self, walk: WalkForward) -> None:
        super().__init__()
        if not isinstance(walk, WalkForward):
            raise ConfigError(
                f"folds needs a WalkForward. Got {type(walk).__name__}.", hint="folds(result.walk_forward(grid, ...))"
            )
        self._walk = walk
        equity = walk.equity / float(walk.equity.iloc[0])
        arrays: Arrays = {"x": milliseconds(equity.index), "equity": equity}
        about = {
            "title": self._title,
            "windows": [self._window(place) for place in range(len(walk.run.choices))],
            "objective": self._objective,
            "efficiency": formats.ratio(walk.efficiency),
            "sharpe": formats.ratio(walk.metrics.sharpe),
        }
        self.put(arrays, about)

    @property
    def _title(self) -> str:
        return f"{self._walk.run.sweep.request.strategy.name}: walk-forward, {len(self._walk.run.choices)} windows"

    @property
    def _objective(self) -> str:
        chosen = self._walk.run.sweep.objective
        return chosen if isinstance(chosen, str) else getattr(chosen, "__name__", "objective")

    def _window(self, place: int) -> dict[str, object]:
        row = self._walk.windows.iloc[place]
        names = list(self._walk.run.sweep.grid)
        moments = {
            name: float(milliseconds(pd.DatetimeIndex([row[name]]))[0])
            for name in ("train_start", "train_end", "test_start", "test_end")
        }
        chosen = self._walk.run.choices[place].chosen
        return {
            **moments,
            "chosen": "cash" if chosen is None else ", ".join(f"{name}={row[name]}" for name in names),
            "inside": _number(row["in_sample_sharpe"]),
            "outside": _number(row["out_of_sample_sharpe"]),
            "texts": [
                formats.ratio(row["in_sample_sharpe"]),
                formats.ratio(row["out_of_sample_sharpe"]),
                formats.percent(row["out_of_sample_cagr"]),
                formats.percent(row["out_of_sample_max_drawdown"]),
            ],
        }

    def heatmap(self, place: int, *, sample: str = "in") -> pd.DataFrame:
        """Return the objective of every combination in one window.

        Parameters
        ----------
        place : int
            Of the window, from 0.
        sample : {"in", "out"}
            Over its training or its test returns; out of sample nothing was chosen with it.

        Returns
        -------
        DataFrame
            Values of the first parameter x values of the second; of further parameters, the chosen ones.
            NaN where a combination failed or the objective is undefined.

        Raises
        ------
        ConfigError
            There is no such window.
        """
        run = self._walk.run
        if not 0 <= place < len(run.choices):
            raise ConfigError(f"There are {len(run.choices)} windows, from 0. Got {place}.")
        choice, sweep = run.choices[place], run.sweep
        window = choice.window.train if sample == "in" else choice.window.test
        score = objective_function(sweep.objective, sweep.request.periods_per_year)
        names = list(sweep.grid)
        held = {} if choice.chosen is None else {name: choice.chosen.params[name] for name in names[2:]}
        rows = [str(value) for value in sweep.grid[names[0]]]
        columns = [str(value) for value in sweep.grid[names[1]]] if len(names) > 1 else [self._objective]
        table = pd.DataFrame(math.nan, index=pd.Index(rows, name=names[0]), columns=columns)
        table.columns.name = names[1] if len(names) > 1 else None
        for combination in sweep.combinations:
            params = combination.params
            if combination.returns is None or any(params[name] != value for name, value in held.items()):
                continue
            column = str(params[names[1]]) if len(names) > 1 else columns[0]
            returns = combination.returns.iloc[window.start : window.stop]
            table.loc[str(params[names[0]]), column] = score(returns) if len(returns) > 1 else math.nan
        return table

    def _place(self, place: object) -> int:
        if isinstance(place, int) and not isinstance(place, bool):
            return place
        raise ConfigError(f"There are {len(self._walk.run.choices)} windows, from 0. Got {place!r}.")

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "window": the two heat maps of one window."""
        if question.get("kind") != "window":
            raise ConfigError(f"This widget does not know the question {question.get('kind')!r}.")
        place = self._place(question.get("place"))
        inside, outside = self.heatmap(place), self.heatmap(place, sample="out")
        chosen = self._walk.run.choices[place].chosen
        names = list(self._walk.run.sweep.grid)
        at = None
        if chosen is not None:
            column = str(chosen.params[names[1]]) if len(names) > 1 else inside.columns[0]
            row = list(inside.index).index(str(chosen.params[names[0]]))
            at = [row, list(inside.columns).index(column)]
        content: dict[str, object] = {
            "place": place,
            "rows": list(inside.index),
            "columns": list(inside.columns),
            "names": [names[0], names[1] if len(names) > 1 else ""],
            "chosen": at,
        }
        arrays: dict[str, np.ndarray] = {"inside": inside.to_numpy(), "outside": outside.to_numpy()}
        return content, arrays

    def twin(self) -> Twin:
        """Return the stitched equity and the table of windows."""
        columns = ("Test", "Chosen", "Sharpe in sample", "out of sample", "CAGR out of sample", "Maximum drawdown")
        rows = tuple(
            (
                f"{formats.date(row['test_start'])} to {formats.date(row['test_end'])}",
                str(self._window(place)["chosen"]),
                *(str(text) for text in self._window(place)["texts"]),  # type: ignore[attr-defined]
            )
            for place, (_, row) in enumerate(self._walk.windows.iterrows())
        )
        sharpe, efficiency = formats.ratio(self._walk.metrics.sharpe), formats.ratio(self._walk.efficiency)
        return Twin(
            title=self._title,
            lines=(f"Out of sample: Sharpe ratio {sharpe}, efficiency {efficiency}.",),
            png=png(self._walk.plot()),
            alternative="Stitched out-of-sample equity over its test windows",
            tables=(("Windows", columns, rows),),
        )


def _number(value: object) -> float | None:
    number = float(str(value))
    return number if math.isfinite(number) else None


def folds(walk_forward: WalkForward) -> Folds:
    """Return a widget of a walk-forward: windows on a time line, chosen parameters, in against out of sample.

    Choosing a window shows the objective of every combination in its training and in its test period.

    Parameters
    ----------
    walk_forward : WalkForward
    """
    return Folds(walk_forward)
