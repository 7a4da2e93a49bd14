"""From a Monte Carlo study to its document."""

from __future__ import annotations

from outsample.report import formats
from outsample.report.document import Document, Picture, table_of
from outsample.report.figures import png
from outsample.report.study_figures import histogram_figure
from outsample.research.montecarlo import KINDS, MonteCarloRun

__all__ = ["montecarlo_document"]


def montecarlo_document(run: MonteCarloRun, *, pictures: bool = True) -> Document:
    """Return the report of a Monte Carlo study.

    Parameters
    ----------
    run : MonteCarloRun
    pictures : bool
        Draw the distribution of the Sharpe ratio.
    """
    actual = run.outcome.metrics.sharpe
    meaning = KINDS[run.kind][1]
    sharpe = run.table.set_index("statistic").loc["sharpe"]
    said = (
        f"the actual Sharpe ratio {formats.ratio(actual)} is above {formats.percent(sharpe['rank'], 0)} of replicates"
    )
    if run.against_luck:
        said = f"{said}, p = {float(str(sharpe['p_value'])):.3f} against luck"
    makers: dict[str, object] = {name: formats.ratio for name in run.table.columns if name != "statistic"}
    makers |= {"se": formats.number, "p_value": formats.number}
    picture = Picture(
        title="Sharpe ratio",
        png=png(histogram_figure(list(run.samples["sharpe"]), actual, label="Sharpe ratio")) if pictures else b"",
        alternative=f"Distribution of the Sharpe ratio over {run.n} replicates; the actual one is "
        f"{formats.ratio(actual)}.",
    )
    return Document(
        title=f"{run.outcome.request.strategy.name}: Monte Carlo, {run.kind}",
        facts=(
            ("Replicates", f"{run.n}, {run.failed} failed"),
            ("Seed", str(run.seed)),
            *((("Scale", f"{run.scale:g}: {meaning}"),) if meaning else ()),
        ),
        level="MONTE CARLO",
        reasons=(said,),
        metrics=table_of("Replicates", run.table, formats=makers, note="se: Monte Carlo error of the mean."),
        pictures=(picture,) if pictures else (),
    )
