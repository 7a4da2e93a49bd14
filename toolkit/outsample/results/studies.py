"""Studies of many runs: sweeps and walk-forward, as what users call and hold."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from outsample import errors
from outsample.asking import study_request
from outsample.data import Dataset
from outsample.engine import Simulation
from outsample.ledger.sweeps import swept
from outsample.metrics import Metrics
from outsample.report.combinatorial import combinatorial_table
from outsample.report.document import Document
from outsample.report.figures import walk_forward_figure
from outsample.report.lookahead import with_lookahead
from outsample.report.study_figures import heatmap_figure
from outsample.report.sweep import heatmap_table, sweep_document
from outsample.report.walk_forward import walk_forward_document
from outsample.request import Request
from outsample.research.chosen import check_choices, check_chosen, check_mode
from outsample.research.combinatorial import CombinatorialRun, planned_combinatorial, run_combinatorial
from outsample.research.evidence import SelectionEvidence
from outsample.research.grid import Constraint
from outsample.research.lookahead import LookaheadReport
from outsample.research.objective import Objective
from outsample.research.plan import Plan, check_windows
from outsample.research.sweep import Combination, SweepRuns
from outsample.research.walk_forward import WalkForwardRun, run_walk_forward
from outsample.results.shown import Shown
from outsample.store import Store
from outsample.strategy import Literal, Strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Sweep", "WalkForward", "sweep", "sweep_of", "walk_forward", "walk_forward_of"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Sweep(Shown):
    """Every combination of a grid.

    Attributes
    ----------
    runs : SweepRuns
    lookahead : LookaheadReport or None
        Of the best combination; None: not checked.
    """

    runs: SweepRuns
    lookahead: LookaheadReport | None = None

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

    @property
    def evidence(self) -> SelectionEvidence:
        """Deflated Sharpe ratio, PBO and SPA of choosing the best."""
        return self.runs.evidence

    def heatmap(self, x: str | None = None, y: str | None = None) -> Figure:
        """Return the objective over two parameters, the best over the others.

        Parameters
        ----------
        x, y : str, optional
            Parameters of the columns and the rows; the last and the first of the grid by default.

        Raises
        ------
        ConfigError
            No parameter of the grid.
        """
        for name in (x, y):
            if name is not None and name not in self.runs.grid:
                hint = errors.nearest(name, self.runs.grid)
                raise errors.ConfigError(f"{name!r} is no parameter of the sweep.", hint=hint)
        return heatmap_figure(heatmap_table(self.runs, x, y), label=str(self.runs.objective))

    def combinatorial(
        self, n_groups: int = 6, n_test: int = 2, *, purge: int = 0, embargo: int = 0
    ) -> CombinatorialRun:
        """Choose on all but a few groups of bars, many times: a distribution of out-of-sample Sharpe ratios.

        Parameters
        ----------
        n_groups, n_test : int
            Groups of bars, and how many of them test at a time.
        purge, embargo : int
            Bars left out of training around each test segment, and further ones after it.
        """
        return run_combinatorial(self.runs, n_groups=n_groups, n_test=n_test, purge=purge, embargo=embargo)

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value."""
        return with_lookahead(sweep_document(self.runs, pictures=pictures), self.lookahead)

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
    lookahead : LookaheadReport or None
        Of the combinations that the windows chose; None: not checked.
    combinatorial : CombinatorialRun or None
        The paths of combinatorial cross-validation, where it was asked for.
    """

    run: WalkForwardRun
    lookahead: LookaheadReport | None = None
    combinatorial: CombinatorialRun | None = None

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
    def comparison(self) -> pd.DataFrame:
        """The stitched series against hindsight, the default parameters, and buying and holding."""
        return self.run.comparison

    @property
    def stability(self) -> pd.DataFrame:
        """How often each parameter kept its value from window to window."""
        return self.run.stability

    @property
    def evidence(self) -> SelectionEvidence:
        """Deflated Sharpe ratio, PBO and SPA of choosing the best combination on all bars."""
        return self.run.sweep.evidence

    @property
    def deflated_sharpe(self) -> float:
        """Of the stitched returns, every combination counted as a trial."""
        return self.run.deflated_sharpe

    @property
    def n_trials(self) -> int:
        """Combinations that were tried."""
        return len(self.run.sweep.combinations)

    def plot(self) -> Figure:
        """Return the stitched equity over the test windows."""
        table = self.windows
        best = self.run.sweep.best.simulation
        assert best is not None
        tests = list(zip(table["test_start"], table["test_end"], strict=True))
        return walk_forward_figure(self.equity, tests, best.equity)

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value; `report` renders it."""
        document = walk_forward_document(self.run, self.plot() if pictures else None)
        if self.combinatorial is not None:
            document = dataclasses.replace(document, tables=(*document.tables, combinatorial_table(self.combinatorial)))
        return with_lookahead(document, self.lookahead)

    def __repr__(self) -> str:
        return (
            f"<WalkForward: {len(self.windows)} windows, {self.n_trials} combinations, "
            f"out-of-sample Sharpe {self.metrics.sharpe:.2f}, efficiency {self.efficiency:.2f}>"
        )


def sweep_of(
    request: Request,
    grid: Mapping[str, Sequence[Literal]],
    *,
    lookahead: bool | str = "auto",
    **options: object,
) -> Sweep:
    """Sweep a request; everything else as in `outsample.sweep`."""
    check_mode(lookahead)
    runs = swept(request, grid, **options)  # type: ignore[arg-type]
    judged = any(not math.isnan(one.value) for one in runs.combinations)
    return Sweep(runs=runs, lookahead=check_chosen(runs.best if judged else None, lookahead))


def walk_forward_of(  # noqa: PLR0913 - the arguments of walk_forward, for a request
    request: Request,
    grid: Mapping[str, Sequence[Literal]],
    *,
    plan: Plan | None = None,
    objective: Objective = "sharpe",
    n_jobs: int | None = None,
    store: Store | bool | None = None,
    on_done: Callable[[int, int], None] | None = None,
    constraint: Constraint | None = None,
    lookahead: bool | str = "auto",
    **windows: object,
) -> WalkForward:
    """Walk a request forward: sweep it, choose per window, simulate the stitched decisions once.

    Parameters
    ----------
    request : Request
    grid : mapping of parameter name to values
    plan : Plan, optional
        The windows; or their parts as keywords (train, test, step, anchored, ...).
    objective, n_jobs, store, on_done, constraint, lookahead
        As in `outsample.walk_forward`.
    """
    check_mode(lookahead)
    chosen = plan or Plan(**windows)  # type: ignore[arg-type]
    check_windows(request.data.dates, chosen)  # what fits no data is refused before anything runs
    runs = swept(request, grid, objective=objective, n_jobs=n_jobs, store=store, on_done=on_done, constraint=constraint)
    run = run_walk_forward(runs, chosen, n_jobs=n_jobs)
    paths = planned_combinatorial(runs, chosen)
    checked = check_choices((choice.chosen for choice in reversed(run.choices)), lookahead, n_jobs=n_jobs)
    return WalkForward(run=run, lookahead=checked, combinatorial=paths)


def sweep(  # noqa: PLR0913 - pinned by the public interface
    strategy: Strategy | str,
    data: Dataset | str,
    grid: Mapping[str, Sequence[Literal]],
    *,
    objective: Objective = "sharpe",
    n_jobs: int | None = None,
    constraint: Constraint | None = None,
    on_done: Callable[[int, int], None] | None = None,
    lookahead: bool | str = "auto",
    store: Store | bool | None = None,
    params: Mapping[str, Literal] | None = None,
    **options: object,
) -> Sweep:
    """Run every combination of a grid of parameter values.

    Parameters
    ----------
    strategy, data, params, store, **options
        As in `backtest`.
    grid : mapping of parameter name to values
    objective : str or callable
        "sharpe", "sortino", "calmar", "cagr", "total_return", "psr", "plateau" (median of the neighbourhood),
        or a function of returns.
    n_jobs : int, optional
        Sandboxes at once; never changes a number.
    constraint : str or callable, optional
        Combinations that it does not allow are left out: "fast < slow", or a function of the parameters.
    on_done : callable, optional
        Called with (done, total) after each combination.
    lookahead : {"auto", "full", True, False}
        Check the best combination for look-ahead; "auto": until three times its own time + 2 s are used up.

    Returns
    -------
    Sweep
        Every combination is recorded as a trial. What is not in the table of a combination (`Combination.outcome`:
        all metrics, trades, positions) is computed when it is asked for.
    """
    check_mode(lookahead)
    request = study_request(strategy, data, params=params, options=options, store=store)
    return sweep_of(
        request,
        grid,
        lookahead=lookahead,
        objective=objective,
        n_jobs=n_jobs,
        store=store,
        on_done=on_done,
        constraint=constraint,
    )


def walk_forward(  # noqa: PLR0913 - pinned by the public interface
    strategy: Strategy | str,
    data: Dataset | str,
    grid: Mapping[str, Sequence[Literal]],
    *,
    train: int | str,
    test: int | str,
    step: int | str | None = None,
    anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
    objective: Objective = "sharpe",
    min_trades: int = 0,
    boundary: str = "carry",
    strict: bool = False,
    combinatorial: tuple[int, int] | None = None,
    n_jobs: int | None = None,
    constraint: Constraint | None = None,
    on_done: Callable[[int, int], None] | None = None,
    lookahead: bool | str = "auto",
    store: Store | bool | None = None,
    params: Mapping[str, Literal] | None = None,
    **options: object,
) -> WalkForward:
    """Choose parameters on past windows and judge them on what came next.

    Parameters
    ----------
    strategy, data, params, store, **options
        As in `backtest`.
    grid : mapping of parameter name to values
    train, test, step : int or str
        Bars, or calendar spans ("3Y", "6M"); step is test by default.
    anchored : bool
        Training always begins with the first bar.
    purge, embargo : int
        Bars between the end of training and the start of the test.
    objective : str or callable
        Maximised on the training returns.
    min_trades : int
        A combination with fewer trades in training is never chosen.
    boundary : {"carry", "flat"}
        Holdings at a seam are carried, or sold first.
    strict : bool
        Run every combination again for each window on data that end with it: the same numbers for a strategy
        without look-ahead, at many times the cost.
    combinatorial : tuple of int, optional
        (6, 2): combinatorial purged cross-validation beside the windows, 6 groups of bars of which 2 test at a
        time, with the same purge and embargo around each test; see `WalkForward.combinatorial`.
    n_jobs : int, optional
    constraint, on_done, lookahead
        As in `sweep`; every combination that a window chose is checked, the last window's first.

    Returns
    -------
    WalkForward
    """
    request = study_request(strategy, data, params=params, options=options, store=store)
    plan = Plan(
        train=train,
        test=test,
        step=step,
        anchored=anchored,
        purge=purge,
        embargo=embargo,
        min_trades=min_trades,
        boundary=boundary,
        strict=strict,
        combinatorial=combinatorial,
    )
    return walk_forward_of(
        request,
        grid,
        plan=plan,
        objective=objective,
        n_jobs=n_jobs,
        store=store,
        on_done=on_done,
        constraint=constraint,
        lookahead=lookahead,
    )
