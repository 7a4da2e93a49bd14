"""From a bootstrap to its document."""

from __future__ import annotations

import math

from outsample.report import formats
from outsample.report.document import Document, Picture, Table
from outsample.report.figures import png
from outsample.report.study_figures import histogram_figure
from outsample.research.bootstrap import Bootstrap

__all__ = ["bootstrap_document"]

_PERCENT = frozenset({"cagr", "volatility", "max_drawdown"})


def bootstrap_document(found: Bootstrap, *, pictures: bool = True) -> Document:
    """Return the report of a bootstrap.

    Parameters
    ----------
    found : Bootstrap
    pictures : bool
        Draw the distribution of the Sharpe ratio, where the method has one, and the fan of equity.
    """
    named = found.table.set_index("statistic")
    rows = []
    for name, row in named.iterrows():
        show = formats.percent if name in _PERCENT else formats.ratio
        cells = [show(_number(row[column])) for column in ("actual", "low", "high", "p5", "p50", "p95")]
        rows.append((str(name).replace("_", " "), *cells))
    level = formats.percent(found.level, 0)
    return Document(
        title="Bootstrap",
        facts=(
            ("Paths", formats.count(found.n_paths)),
            ("Method", found.method.replace("_", " ")),
            ("Mean block", formats.ratio(found.block, 1)),
            ("Seed", str(found.seed)),
        ),
        level="BOOTSTRAP",
        reasons=_reasons(found, level),
        metrics=Table(
            title="Statistics",
            columns=("Statistic", "Actual", f"{level} from", "to", "5th percentile", "Median", "95th percentile"),
            rows=tuple(rows),
            numeric=frozenset(range(1, 7)),
            note="The interval of the Sharpe ratio is HAC, the others are percentiles of the paths.",
        ),
        pictures=_pictures(found) if pictures else (),
        warnings=tuple(f"{name}: {reason}" for name, reason in found.reasons.items()),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _reasons(found: Bootstrap, level: str) -> tuple[str, ...]:
    """Whether the Sharpe ratio can be told from zero."""
    rows = found.table[found.table["statistic"] == "sharpe"]
    if rows.empty:
        return ()
    low, high = float(rows["low"].iloc[0]), float(rows["high"].iloc[0])
    if math.isnan(low) or math.isnan(high):
        return ()
    says = "it cannot be told from 0" if low <= 0.0 <= high else "0 is outside"
    return (f"the Sharpe ratio is between {formats.ratio(low)} and {formats.ratio(high)} ({level}): {says}",)


def _pictures(found: Bootstrap) -> tuple[Picture, ...]:
    fan = Picture(
        title="Resampled equity",
        png=png(found.plot()),
        alternative=f"Percentiles of the equity of {found.n_paths} paths, with the actual one.",
    )
    samples = found.samples.get("sharpe")
    if samples is None or len(samples) < 2:
        return (fan,)
    actual = float(found.table.set_index("statistic").loc["sharpe", "actual"])  # type: ignore[arg-type]
    figure = histogram_figure(list(samples), actual, label="Sharpe ratio")
    text = f"Distribution of the Sharpe ratio over {found.n_paths} paths; the actual one is {formats.ratio(actual)}."
    return (Picture(title="Sharpe ratio over the paths", png=png(figure), alternative=text), fan)
