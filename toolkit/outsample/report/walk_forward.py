"""From a walk-forward to its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outsample.report import formats
from outsample.report.document import Document, Picture, Table, table_of
from outsample.report.figures import png
from outsample.report.study_figures import heatmap_figure, parameter_figure, scatter_figure
from outsample.report.sweep import evidence_table, heatmap_table
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
        metrics=_beside(run),
        pictures=_pictures(run, figure),
        tables=(
            evidence_table(run.sweep.evidence, stitched=run.deflated_sharpe),
            _windows(run),
            table_of("Stability of the parameters", run.stability, formats={"share": formats.percent}),
        ),
        warnings=run.warnings,
    )


def _beside(run: WalkForwardRun) -> Table:
    makers: dict[str, object] = dict.fromkeys(("total_return", "cagr", "volatility"), formats.percent)
    makers |= {"max_drawdown": formats.percent, "sharpe": formats.ratio}
    return table_of(
        "Out of sample against hindsight",
        run.comparison,
        formats=makers,
        note="Net of costs, on the same bars. The hindsight row chose its parameters on all the data.",
    )


def _pictures(run: WalkForwardRun, figure: Figure | None) -> tuple[Picture, ...]:
    if figure is None:
        return ()
    table, names = run.table, list(run.sweep.grid)
    drawn = [
        ("Stitched equity", figure, "Stitched out-of-sample equity over the test windows."),
        (
            "In and out of sample",
            scatter_figure(list(table["in_sample_sharpe"]), list(table["out_of_sample_sharpe"])),
            "Sharpe ratio of each window, out of sample against in sample.",
        ),
        ("Chosen parameters", parameter_figure(table, names), f"{', '.join(names)} from window to window."),
        (
            "Heatmap",
            heatmap_figure(heatmap_table(run.sweep), label="objective, all bars"),
            "Objective of the combinations over all bars.",
        ),
    ]
    return tuple(Picture(title=title, png=png(one), alternative=text) for title, one, text in drawn)


def _windows(run: WalkForwardRun) -> Table:
    makers: dict[str, object] = {
        name: formats.percent if name.endswith(("cagr", "max_drawdown")) else formats.ratio
        for name in run.table.columns
        if name.startswith(("in_sample", "out_of_sample")) or name in {"efficiency", "objective", "turnover"}
    }
    makers |= dict.fromkeys(("train_start", "train_end", "test_start", "test_end"), formats.date)
    return table_of("Windows", run.table, formats=makers)
