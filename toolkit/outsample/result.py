"""What users hold: thin faces over the values of the layers below."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from outsample.alpha import AlphaResult, analyse_signal
from outsample.classify import Judgement
from outsample.data import Dataset
from outsample.engine import Simulation
from outsample.engine.scores import scores_of
from outsample.interop.qlib import QlibReports, write_qlib_reports
from outsample.metrics import Metrics
from outsample.model import SandboxReport, Verdict
from outsample.pipeline import Outcome, weights_of
from outsample.report.alpha import alpha_tables
from outsample.report.backtest import backtest_document
from outsample.report.document import Document
from outsample.report.figures import equity_figure, png, walk_forward_figure
from outsample.report.html import fragment, page
from outsample.report.text import markdown, plain
from outsample.report.walk_forward import walk_forward_document
from outsample.request import Request
from outsample.research.lookahead import LookaheadReport
from outsample.research.objective import Objective
from outsample.research.sweep import Combination, SweepRuns
from outsample.research.walk_forward import Plan, WalkForwardRun, run_walk_forward
from outsample.saving import Savable
from outsample.store import Store
from outsample.strategy import Literal, Strategy
from outsample.trials import swept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Result", "Shown", "Sweep", "WalkForward", "walk_forward_of"]


class Shown:
    """Display in notebooks: HTML where there is a page, aligned text where there is none."""

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value."""
        raise NotImplementedError

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the report as a self-contained HTML page, and write it to `path` if one is given."""
        text = page(self.document())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        return markdown(self.document(pictures=False))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        document = self.document()
        bundle = {"text/plain": plain(document), "text/html": fragment(document)}
        if document.pictures:
            bundle["image/png"] = base64.b64encode(document.pictures[0].png).decode("ascii")
        return bundle

    def __str__(self) -> str:
        return plain(self.document(pictures=False))


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(Savable, Shown):
    """One backtest.

    Attributes
    ----------
    name : str
    outcome : Outcome
        What follows from the key.
    judgement : Judgement
        What a person is told: the level after caps, trials and deflated Sharpe, as of a moment.
    lookahead : LookaheadReport or None
        None: not checked.
    usage : mapping
        Seconds of each stage, CPU seconds and peak memory of the strategy.
    """

    name: str
    outcome: Outcome
    judgement: Judgement
    lookahead: LookaheadReport | None
    usage: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    # -- identity and inputs

    @property
    def key(self) -> str:
        """Result key: the same inputs have the same key."""
        return self.outcome.key

    @property
    def snapshot_id(self) -> str:
        """Content id of the data."""
        return self.outcome.request.data.id

    @property
    def strategy(self) -> Strategy:
        """The strategy, with the parameters of this run."""
        return self.outcome.request.strategy

    @property
    def params(self) -> Mapping[str, Literal]:
        """Resolved parameters."""
        return self.strategy.values

    @property
    def config(self) -> Mapping[str, Any]:
        """Every resolved option, by name."""
        values = (self.outcome.execution_options, self.outcome.costs)
        return {field.name: getattr(value, field.name) for value in values for field in dataclasses.fields(value)}

    @property
    def data(self) -> Dataset:
        """The dataset."""
        return self.outcome.request.data

    # -- numbers

    @property
    def simulation(self) -> Simulation:
        """The simulation."""
        return self.outcome.simulation

    @property
    def equity(self) -> pd.Series:
        """Equity by date; the initial capital stands on the first."""
        return self.simulation.equity

    @property
    def returns(self) -> pd.Series:
        """Simple net returns by date, one bar shorter than the equity."""
        return self.simulation.returns

    @property
    def trades(self) -> pd.DataFrame:
        """A row per holding from flat to flat."""
        return self.simulation.trades

    @property
    def weights(self) -> pd.DataFrame:
        """Held (drifted) weights [date x symbol]."""
        return self.simulation.weights

    @property
    def metrics(self) -> Metrics:
        """Metrics, net of costs."""
        return self.outcome.metrics

    @cached_property
    def alpha(self) -> AlphaResult | None:
        """What the signal said about later returns; None for a strategy that gave positions."""
        positions = self.outcome.positions
        if positions.kind != "signal":
            return None
        scores = scores_of(positions.frame, self.simulation.problem.market)
        return analyse_signal(scores, weights_of(self.outcome.request, positions), self.simulation)

    @property
    def verdict(self) -> Verdict:
        """Level 0-3 without caps: it follows from the key."""
        return self.outcome.verdict

    @property
    def stdout(self) -> str:
        """What the strategy printed."""
        return self.outcome.execution.stdout

    @property
    def sandbox(self) -> SandboxReport | None:
        """What protected the run."""
        return self.outcome.execution.sandbox

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything that was odd and not an error."""
        return (*self.outcome.warnings, *self.notes)

    @property
    def canonical_bytes(self) -> bytes:
        """The canonical text of the result: same key, same bytes."""
        return self.outcome.canonical_bytes

    # -- what can be done with it

    def plot(self) -> Figure:
        """Return the picture of equity, benchmark and drawdown."""
        other = self.outcome.benchmark
        return equity_figure(
            self.equity,
            None if other is None else other.equity,
            benchmark_name=self.outcome.benchmark_name,
            title=self.name,
        )

    def to_json(self, path: str | Path | None = None) -> str:
        """Return key, inputs, metrics (null with a reason where undefined), verdict and judgement as JSON."""
        evidence = self.judgement.evidence
        value = {
            "version": 1,
            "name": self.name,
            "key": self.key,
            "snapshot_id": self.snapshot_id,
            "dataset_version_ids": dict(self.data.frame_ids),
            "inputs": self.outcome.parts,
            "config": {name: str(v) if isinstance(v, pd.Timestamp) else v for name, v in self.config.items()},
            "metrics": self.metrics.to_dict(),
            "verdict": {"level": int(self.verdict.level), "reasons": self.verdict.reasons},
            "judgement": {
                "level": int(self.judgement.level),
                "reasons": self.judgement.reasons,
                "n_trials": evidence.n_trials,
                "deflated_sharpe": _finite(evidence.deflated_sharpe),
                "as_of": evidence.as_of,
            },
            "lookahead": None if self.lookahead is None else self.lookahead.summary,
            "warnings": self.warnings,
        }
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def walk_forward(self, grid: Mapping[str, Sequence[Literal]], **options: object) -> WalkForward:
        """Walk this strategy forward on the same data and options; see `outsample.walk_forward`."""
        return walk_forward_of(self.outcome.request, grid, **options)  # type: ignore[arg-type]

    def bootstrap(self, **options: object) -> object:
        """Resample the returns of this result; see `outsample.bootstrap`."""
        from outsample.research.bootstrap import bootstrap

        return bootstrap(self, **options)  # type: ignore[arg-type]

    def to_qlib_reports(self, folder: str | Path) -> QlibReports:
        """Write Qlib's numbers and charts of this result; see `outsample.interop.qlib`."""
        return write_qlib_reports(self.outcome, folder, picture=png(self.plot()))

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value; `report` renders it."""
        found = backtest_document(self.name, self.outcome, self.judgement, self.lookahead, pictures=pictures)
        signal = () if self.alpha is None else alpha_tables(self.alpha)
        return dataclasses.replace(found, warnings=self.warnings, tables=(*signal, *found.tables))

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"<Result {self.name!r}: {self.judgement.level.name}, total return {m.total_return:.2%}, "
            f"Sharpe {m.sharpe:.2f}, {self.key[:12]}>"
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Sweep:
    """Every combination of a grid.

    Attributes
    ----------
    runs : SweepRuns
    """

    runs: SweepRuns

    @property
    def table(self) -> pd.DataFrame:
        """A row per combination, in grid order."""
        return self.runs.table

    @property
    def best(self) -> Combination:
        """The combination with the largest objective."""
        return self.runs.best

    @property
    def objective(self) -> Objective:
        """What was maximised."""
        return self.runs.objective

    def __len__(self) -> int:
        return len(self.runs.combinations)

    def __repr__(self) -> str:
        return f"<Sweep of {len(self)} combinations over {', '.join(self.runs.grid)}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class WalkForward(Shown):
    """A walk-forward: parameters chosen on the past, judged on what came next.

    Attributes
    ----------
    run : WalkForwardRun
    """

    run: WalkForwardRun

    @cached_property
    def windows(self) -> pd.DataFrame:
        """A row per window: dates, chosen parameters, in-sample and out-of-sample numbers."""
        return self.run.table

    @property
    def simulation(self) -> Simulation:
        """The stitched decisions, simulated once."""
        return self.run.simulation

    @property
    def equity(self) -> pd.Series:
        """Stitched out-of-sample equity."""
        return self.run.simulation.equity

    @property
    def returns(self) -> pd.Series:
        """Stitched out-of-sample returns."""
        return self.run.simulation.returns

    @property
    def metrics(self) -> Metrics:
        """Metrics of the stitched returns."""
        return self.run.metrics

    @property
    def efficiency(self) -> float:
        """Out-of-sample CAGR over mean in-sample CAGR; NaN when that is not positive."""
        return self.run.efficiency

    @property
    def n_trials(self) -> int:
        """Combinations that were tried."""
        return len(self.run.sweep.combinations)

    def plot(self) -> Figure:
        """Return the stitched equity over the test windows."""
        table = self.windows
        best = self.run.sweep.best.outcome
        assert best is not None
        tests = list(zip(table["test_start"], table["test_end"], strict=True))
        return walk_forward_figure(self.equity, tests, best.simulation.equity)

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value; `report` renders it."""
        return walk_forward_document(self.run, self.plot() if pictures else None)

    def __repr__(self) -> str:
        return (
            f"<WalkForward: {len(self.windows)} windows, {self.n_trials} combinations, "
            f"out-of-sample Sharpe {self.metrics.sharpe:.2f}, efficiency {self.efficiency:.2f}>"
        )


def walk_forward_of(  # noqa: PLR0913 - the arguments of walk_forward, for a request
    request: Request,
    grid: Mapping[str, Sequence[Literal]],
    *,
    plan: Plan | None = None,
    objective: Objective = "sharpe",
    n_jobs: int | None = None,
    store: Store | bool | None = None,
    on_done: Callable[[int, int], None] | None = None,
    **windows: object,
) -> WalkForward:
    """Walk a request forward: sweep it, choose per window, simulate the stitched decisions once.

    Parameters
    ----------
    request : Request
    grid : mapping of parameter name to values
    plan : Plan, optional
        The windows; or their parts as keywords (train, test, step, anchored, ...).
    objective, n_jobs, store
        As in `outsample.walk_forward`.
    on_done : callable, optional
        Called with (done, total) after each combination.
    """
    chosen = plan or Plan(**windows)  # type: ignore[arg-type]
    runs = swept(request, grid, objective=objective, n_jobs=n_jobs, store=store, on_done=on_done)
    return WalkForward(run=run_walk_forward(runs, chosen))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
