"""From a sweep to its document."""

from __future__ import annotations

import math

import pandas as pd

from outsample.report import formats
from outsample.report.document import Document, Picture, Table, table_of
from outsample.report.figures import png
from outsample.report.study_figures import heatmap_figure
from outsample.research.evidence import SelectionEvidence
from outsample.research.sweep import SweepRuns

__all__ = ["evidence_table", "heatmap_table", "sweep_document"]

_PERCENT = ("total_return", "cagr", "max_drawdown", "volatility")


def sweep_document(runs: SweepRuns, *, pictures: bool = True) -> Document:
    """Return the report of a sweep: the best combination with the evidence about choosing it, and the table.

    Parameters
    ----------
    runs : SweepRuns
    pictures : bool
        Draw the heatmap.
    """
    table = runs.table
    failed = int((table["error"] != "").sum())
    defined = table["objective"].notna().any()
    chosen = ", ".join(f"{name}={value!r}" for name, value in runs.best.params.items()) if defined else "none"
    shown = heatmap_table(runs)
    drawn = (
        (
            Picture(
                title="Heatmap",
                png=png(heatmap_figure(shown, label=_label(runs))),
                alternative=f"Objective over {' and '.join(runs.grid)}; the best is {chosen}.",
            ),
        )
        if pictures and defined
        else ()
    )
    return Document(
        title=f"{runs.request.strategy.name}: sweep",
        facts=(
            ("Combinations", f"{len(table)}, {failed} failed"),
            ("Parameters", ", ".join(runs.grid)),
            ("Objective", _label(runs)),
            ("Best", chosen),
        ),
        level="IN SAMPLE",
        reasons=("the best of many trials, chosen on the data that it is shown on",),
        metrics=evidence_table(runs.evidence) if defined else Table(title="Selection", columns=("",), rows=()),
        pictures=drawn,
        tables=(_ranked(table),),
        warnings=("Runs influenced each other in one process; each was run again in its own.",)
        if runs.stateful
        else (),
    )


def heatmap_table(runs: SweepRuns, x: str | None = None, y: str | None = None) -> pd.DataFrame:
    """Return the objective over two parameters; of the others the best is taken.

    Parameters
    ----------
    runs : SweepRuns
    x, y : str, optional
        Parameters of the columns and the rows; the last and the first of the grid by default.
    """
    names = list(runs.grid)
    across = x or names[-1]
    down = y or next((name for name in names if name != across), None)
    rows: dict[object, dict[object, float]] = {}
    for one in runs.combinations:
        row = rows.setdefault("" if down is None else one.params[down], {})
        before = row.get(one.params[across], math.nan)
        row[one.params[across]] = one.value if math.isnan(before) else max(before, _low(one.value))
    table = pd.DataFrame.from_dict(rows, orient="index").sort_index(axis=1)
    table.index.name, table.columns.name = down or "", across
    return table


def evidence_table(evidence: SelectionEvidence, *, stitched: float | None = None) -> Table:
    """Return what selection among the trials leaves, as a table.

    Parameters
    ----------
    evidence : SelectionEvidence
    stitched : float, optional
        Deflated Sharpe ratio of a stitched out-of-sample series.
    """
    rows = [
        ("Trials (N)", str(evidence.n_trials)),
        ("Effective trials", formats.ratio(evidence.effective_trials)),
        ("Deflated Sharpe ratio of the best (DSR)", formats.ratio(evidence.deflated_sharpe)),
        ("Probability of backtest overfitting (PBO)", formats.ratio(evidence.pbo)),
        ("p-value that none beats cash (SPA)", formats.ratio(evidence.spa)),
    ]
    if stitched is not None:
        rows.insert(3, ("Deflated Sharpe ratio of the stitched series", formats.ratio(stitched)))
    return Table(
        title="Selection",
        columns=("Evidence", "Value"),
        rows=tuple(rows),
        numeric=frozenset({1}),
        note="DSR above 0.95, PBO below 0.5 and a small p-value speak for a real effect.",
    )


def _low(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _label(runs: SweepRuns) -> str:
    return runs.objective if isinstance(runs.objective, str) else getattr(runs.objective, "__name__", "objective")


def _ranked(table: pd.DataFrame) -> Table:
    ordered = table.sort_values("objective", ascending=False, kind="stable", na_position="last")
    makers: dict[str, object] = {name: formats.percent for name in _PERCENT if name in ordered}
    makers |= {name: formats.ratio for name in ("objective", "sharpe") if name in ordered}
    return table_of("Combinations, best first", ordered, formats=makers)
