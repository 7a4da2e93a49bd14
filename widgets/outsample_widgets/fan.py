"""`fan`: how far resampled equity spreads, and where the actual statistics lie in their distributions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.errors import ConfigError
from outsample.report import formats
from outsample.report.figures import png
from outsample.research.bootstrap import Bootstrap
from outsample_widgets.arrays import milliseconds
from outsample_widgets.base import Reply, View, script
from outsample_widgets.pictures import fan_figure
from outsample_widgets.twin import Twin

__all__ = ["Fan", "fan"]

_BINS = 60
_PERCENT = frozenset({"cagr", "volatility", "max_drawdown"})
_LABELS = {
    "sharpe": "Sharpe ratio",
    "cagr": "CAGR",
    "volatility": "Volatility",
    "max_drawdown": "Maximum drawdown",
    "final_wealth": "Final wealth (from 1)",
}


class Fan(View):
    """The widget of `fan`."""

    _esm = script("fan")

    def __init__(self, bootstrap: Bootstrap) -> None:
        super().__init__()
        if not isinstance(bootstrap, Bootstrap):
            raise ConfigError(
                f"fan needs a Bootstrap. Got {type(bootstrap).__name__}.", hint="fan(outsample.bootstrap(result))"
            )
        self._bootstrap = bootstrap
        self._fan = bootstrap.fan()
        wealth = (1.0 + bootstrap.returns).cumprod()
        self._actual = wealth.loc[self._fan.index].to_numpy(dtype=float)
        dated = isinstance(self._fan.index, pd.DatetimeIndex)
        x = milliseconds(self._fan.index) if dated else np.asarray(self._fan.index, dtype=float)
        arrays: dict[str, np.ndarray | pd.Series] = {"x": x, "actual": self._actual}
        arrays |= {str(name): self._fan[name] for name in self._fan.columns}
        statistics = []
        for _, row in bootstrap.table.iterrows():
            name = str(row["statistic"])
            kept = bootstrap.samples[name][np.isfinite(bootstrap.samples[name])]
            counts, edges = np.histogram(kept, bins=_BINS) if len(kept) else (np.zeros(1), np.array([0.0, 1.0]))
            arrays |= {f"{name}.counts": counts, f"{name}.edges": edges}
            share = float((kept <= row["actual"]).mean()) if len(kept) else float("nan")
            statistics.append(_statistic(name, row, share))
        about = {"title": self._title, "dated": dated, "statistics": statistics, "level": bootstrap.level}
        self.put(arrays, about)

    @property
    def _title(self) -> str:
        made = self._bootstrap
        return f"Bootstrap: {made.n_paths:,} {made.method} paths, mean block {made.block:.1f}"

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Refuse: everything has been sent."""
        raise ConfigError(f"A fan does not know the question {question.get('kind')!r}.")

    def twin(self) -> Twin:
        """Return the fan and the table of statistics."""
        rows = tuple(
            tuple(str(entry[name]) for name in ("label", "actual", "low", "high"))
            for entry in self._about["statistics"]
        )
        level = formats.percent(self._bootstrap.level, 0)
        columns = ("Statistic", "Actual", f"{level} from", "to")
        return Twin(
            title=self._title,
            png=png(fan_figure(self._fan, self._actual)),
            alternative="Percentiles of resampled equity, and the actual equity",
            tables=(("Statistics", columns, rows),),
        )


def _statistic(name: str, row: pd.Series, share: float) -> dict[str, object]:
    maker = formats.percent if name in _PERCENT else formats.ratio
    return {
        "name": name,
        "label": _LABELS.get(name, name),
        "percent": name in _PERCENT,
        "actual": maker(row["actual"]),
        "low": maker(row["low"]),
        "high": maker(row["high"]),
        "values": [float(row[key]) if np.isfinite(row[key]) else None for key in ("actual", "low", "high")],
        "share": formats.percent(share, 1),
        "method": str(row["method"]),
    }


def fan(bootstrap: Bootstrap) -> Fan:
    """Return a fan chart of a bootstrap, and the distribution of each statistic with the actual value.

    Parameters
    ----------
    bootstrap : Bootstrap
    """
    return Fan(bootstrap)
