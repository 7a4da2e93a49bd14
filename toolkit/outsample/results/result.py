"""What users hold: thin faces over the values of the layers below."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
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
from outsample.ledger.saving import Savable
from outsample.metrics import Metrics
from outsample.model import SandboxReport, Verdict
from outsample.pipeline import Outcome, weights_of
from outsample.report.alpha import alpha_tables
from outsample.report.backtest import backtest_document
from outsample.report.document import Document
from outsample.report.figures import equity_figure, png
from outsample.research.lookahead import LookaheadReport
from outsample.results.shown import Shown
from outsample.results.studies import Sweep, WalkForward, walk_forward_of
from outsample.strategy import Literal, Strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Result", "Shown", "Sweep", "WalkForward", "walk_forward_of"]


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


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
