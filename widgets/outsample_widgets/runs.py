"""`runs`: recorded results to sort and filter; two or more laid over each other and compared."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from outsample.archive import Store
from outsample.errors import ConfigError, DataInvalid
from outsample.model import SuccessLevel
from outsample.report import formats
from outsample.report.document import Table
from outsample.results import Comparison, Result, compare
from outsample.stats import bootstrap_interval, optimal_block_length
from outsample_widgets.arrays import milliseconds
from outsample_widgets.base import Reply, View, script
from outsample_widgets.twin import Twin

__all__ = ["Runs", "compared", "paired_interval", "runs", "table_json"]

_MOST = 5
_PATHS = 1_000
_COLUMNS: tuple[tuple[str, str, bool], ...] = (
    ("created", "Recorded", False),
    ("name", "Name", False),
    ("dataset", "Dataset", False),
    ("parameters", "Parameters", False),
    ("sharpe", "Sharpe", True),
    ("total_return", "Total return", True),
    ("max_drawdown", "Max. drawdown", True),
    ("level", "Level", False),
    ("saved", "Saved", False),
)


class Runs(View):
    """The widget of `runs`."""

    _esm = script("runs")

    def __init__(self, store: Store, *, limit: int = 200, on_open: Callable[[Result], None] | None = None) -> None:
        super().__init__()
        self._store = store
        self._on_open = on_open
        self._limit = limit
        columns = [{"name": name, "label": label, "numeric": numeric} for name, label, numeric in _COLUMNS]
        about = {"title": "Results in the store", "columns": columns, "rows": self._rows()}
        self.put({}, {**about, "opens": on_open is not None})

    def _rows(self) -> list[dict[str, object]]:
        return [_row(row) for row in self._store.runs(limit=self._limit).to_dict("records")]

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "list", "open" and "compare"."""
        if question.get("kind") == "list":
            return {"rows": self._rows()}, {}
        if question.get("kind") == "open" and self._on_open is not None:
            self._on_open(self._store.load(str(question.get("key"))))
            return {}, {}
        if question.get("kind") != "compare":
            raise ConfigError(f"This widget does not know the question {question.get('kind')!r}.")
        keys = question.get("keys")
        if not isinstance(keys, list) or not 2 <= len(keys) <= _MOST:
            raise ConfigError(f"Two to {_MOST} results can be compared. Got {keys!r:.80}.")
        return compared([self._store.load(str(key)) for key in keys])

    def twin(self) -> Twin:
        """Return the newest rows."""
        rows = tuple(tuple(str(row[name]) for name, _, _ in _COLUMNS) for row in self._rows()[:20])
        columns = tuple(label for _, label, _ in _COLUMNS)
        return Twin(title="Results in the store", tables=((f"The newest {len(rows)}", columns, rows),))


def compared(results: Sequence[Result]) -> Reply:
    """Return growth of each result on the common bars; of the first two also how they differ."""
    names = _names(results)
    dates = results[0].equity.index
    for other in results[1:]:
        dates = dates.intersection(other.equity.index)
    if len(dates) < 2:
        raise DataInvalid("The selected results have no two bars in common.", hint="Compare results of one period.")
    arrays: dict[str, np.ndarray | pd.Series] = {"x": milliseconds(dates)}
    for place, one in enumerate(results):
        equity = one.equity.loc[dates]
        arrays[f"y{place}"] = equity / float(equity.iloc[0])
    made = compare(results[0], results[1])
    tables = [table_json(table) for table in (made.document().metrics, *made.document().tables)]
    return {"names": names, "sentences": _sentences(made, names), "tables": tables}, arrays


def paired_interval(a: pd.Series, b: pd.Series, *, periods_per_year: float = 252.0, seed: int = 0) -> tuple[float, ...]:
    """Return a 95 % interval of the difference of two annual Sharpe ratios by the paired block bootstrap.

    Both series are resampled by the same blocks, so that their correlation is kept; the block is the larger
    of the two optimal ones.

    Parameters
    ----------
    a, b : Series [date]
        Returns on the same bars.
    periods_per_year : float
    seed : int

    Returns
    -------
    (difference, low, high)
        Of a - b; NaN where a series has no variance.

    Notes
    -----
    Politis and Romano (1994); the block by Patton, Politis and White (2009).
    """
    both = np.column_stack([a.to_numpy(dtype=float), b.to_numpy(dtype=float)])
    if len(both) < 3 or not (both.std(axis=0) > 0).all():
        return (math.nan, math.nan, math.nan)
    block = min(max(optimal_block_length(column).stationary for column in both.T), len(both))

    def gap(rows: np.ndarray) -> float:
        deviation = rows.std(axis=0, ddof=1)
        ratios = np.divide(rows.mean(axis=0), deviation, out=np.full(2, math.nan), where=deviation > 0)
        return float(ratios[0] - ratios[1]) * math.sqrt(periods_per_year)

    found = bootstrap_interval(both, gap, n_bootstrap=_PATHS, block=block, seed=seed)
    return (found.estimate, found.low, found.high)


def _sentences(made: Comparison, names: Sequence[str]) -> list[str]:
    returns = made.returns
    year = made.a.simulation.periods_per_year
    # The second minus the first, as the differences of the table of metrics are.
    difference, low, high = paired_interval(returns["b"], returns["a"], periods_per_year=year)
    found = [f"{len(returns):,} common bars."]
    if made.first_difference is None:
        found.append("The returns are the same on every common bar.")
    else:
        found.append(f"The returns first differ on {formats.date(made.first_difference)}.")
    if not math.isnan(low):
        verdict = "does not contain 0" if low > 0 or high < 0 else "contains 0: luck can explain the difference"
        found.append(
            f"Annual Sharpe ratio of {names[1]} minus {names[0]}: {difference:+.2f}; 95 % interval by the paired block "
            f"bootstrap ({_PATHS:,} paths) {low:+.2f} to {high:+.2f}, which {verdict}."
        )
    if made.sharpe is not None and not math.isnan(made.sharpe.p_value):
        found.append(f"Ledoit and Wolf's test of equal Sharpe ratios: p = {made.sharpe.p_value:.3f}.")
    return found


def _names(results: Sequence[Result]) -> list[str]:
    """Names of lines: of results of one name, with the letter and the parameters that differ."""
    plain = [one.name for one in results]
    if len(set(plain)) == len(plain):
        return plain
    made = []
    for letter, one in zip("ABCDE", results, strict=False):
        differing = [
            f"{name}={value}"
            for name, value in one.params.items()
            if any(other.params.get(name) != value for other in results)
        ]
        made.append(f"{one.name} ({', '.join([letter, *differing])})")
    return made


def table_json(table: Table) -> dict[str, object]:
    """Return a table of a report as the browser lays it out."""
    columns = [
        {"name": str(place), "label": name, "numeric": place in table.numeric}
        for place, name in enumerate(table.columns)
    ]
    rows = [{str(place): text for place, text in enumerate(row)} for row in table.rows]
    return {"caption": table.title, "columns": columns, "rows": rows}


def _row(row: Mapping[object, object]) -> dict[str, object]:
    """A run as text, with the values that its columns are sorted by."""
    parameters = row["parameters"]
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    words = ", ".join(f"{name}={value}" for name, value in dict(parameters or {}).items())  # type: ignore[call-overload]
    failed = row["status"] == "failed"
    found: dict[str, object] = {
        "key": row["result_key"],
        "title": f"{row['name']} {words}".strip(),
        "created": formats.date_time(row["created_at"]),
        "name": row["name"],
        "dataset": row["dataset"],
        "parameters": words,
        "level": str(row["error_category"] or "FAILED")
        if failed
        else SuccessLevel(int(str(row["success_level"]))).name,
        "saved": "yes" if isinstance(row["result_path"], str) else "no",
    }
    makers = {"sharpe": formats.ratio, "total_return": formats.percent, "max_drawdown": formats.percent}
    for name, maker in makers.items():
        value = row[name]
        number = float(value) if isinstance(value, int | float) and math.isfinite(value) else None
        found[name], found[f"{name}_"] = maker(number), number
    return found


def runs(store: Store | None = None, *, limit: int = 200) -> Runs:
    """Return a table of recorded results; select two or more to compare them.

    Parameters
    ----------
    store : Store, optional
        None: the configured one.
    limit : int
        The newest so many.
    """
    return Runs(Store.open() if store is None else store, limit=limit)
