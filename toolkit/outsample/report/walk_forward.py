"""From a walk-forward to its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outsample.metrics import measure
from outsample.report import formats
from outsample.report.document import Document, Picture, Table, table_of
from outsample.report.figures import png
from outsample.research.walk_forward import WalkForwardRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["walk_forward_document"]


def walk_forward_document(run: WalkForwardRun, figure: Figure | None) -> Document:
    """Return the report of a walk-forward.

    Parameters
    ----------
    run : WalkForwardRun
    figure : Figure or None
        The stitched equity; None: without a picture.
    """
    measured = run.metrics
    positive = measured.sharpe > 0
    sign = "positive" if positive else "not positive"
    dates = run.simulation.equity.index
    return Document(
        title=f"{run.sweep.request.strategy.name}: walk-forward",
        facts=(
            ("Out of sample", f"{formats.date(dates[0])} to {formats.date(dates[-1])}"),
            ("Windows", str(len(run.choices))),
            ("Combinations", str(len(run.sweep.combinations))),
            ("Efficiency", formats.ratio(run.efficiency)),
            ("Train, test", f"{run.plan.train}, {run.plan.test}{', anchored' if run.plan.anchored else ''}"),
        ),
        level="OUT OF SAMPLE",
        reasons=(f"the stitched out-of-sample Sharpe ratio is {sign}: {formats.ratio(measured.sharpe)}",),
        metrics=_against_hindsight(run),
        pictures=()
        if figure is None
        else (Picture(title="Stitched equity", png=png(figure), alternative="Stitched out-of-sample equity."),),
        tables=(_windows(run),),
        warnings=run.simulation.warnings,
    )


def _against_hindsight(run: WalkForwardRun) -> Table:
    best = run.sweep.best.outcome
    assert best is not None
    # On the same bars as the stitched series: another period would compare two markets.
    held = best.simulation.returns.reindex(run.simulation.returns.index)
    static = measure(held, nan_policy="zero", periods_per_year=run.sweep.request.periods_per_year)
    rows = [
        (label, maker(getattr(run.metrics, name)), maker(getattr(static, name)))
        for label, name, maker in (
            ("Total return", "total_return", formats.percent),
            ("CAGR", "cagr", formats.percent),
            ("Sharpe ratio", "sharpe", formats.ratio),
            ("Maximum drawdown", "max_drawdown", formats.percent),
        )
    ]
    return Table(
        title="Out of sample against hindsight",
        columns=("Metric", "Stitched, out of sample", "Best combination, with hindsight"),
        rows=tuple(rows),
        numeric=frozenset({1, 2}),
        note="Net of costs, on the same bars. The hindsight column chose its parameters on all the data.",
    )


def _windows(run: WalkForwardRun) -> Table:
    makers: dict[str, object] = {
        name: formats.percent if name.endswith(("cagr", "max_drawdown")) else formats.ratio
        for name in run.table.columns
        if name.startswith(("in_sample", "out_of_sample")) or name in {"efficiency", "objective"}
    }
    makers |= dict.fromkeys(("train_start", "train_end", "test_start", "test_end"), formats.date)
    return table_of("Windows", run.table, formats=makers)
