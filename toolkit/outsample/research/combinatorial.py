"""Combinatorial purged cross-validation of a sweep: many out-of-sample paths instead of one.

Lopez de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12: the bars are cut into N
contiguous groups; each choice of k groups tests a combination that was chosen on the bars of the others, less
the purge on both sides of every contiguous test segment and the embargo after it. Each group is tested in
C(N-1, k-1) of the C(N, k) splits, which make up that many paths over all bars: a distribution of the Sharpe
ratio out of sample. Training bars lie after the test, too: paths say how far a choice depends on its sample,
and are no record that anybody could have traded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from outsample import errors, metrics
from outsample.engine import Simulation
from outsample.research.choosing import choose_rows
from outsample.research.combination import Combination
from outsample.research.plan import Plan, check_groups
from outsample.research.stitching import Span, bar_before, reference, stitched
from outsample.research.sweep import SweepRuns
from outsample.stats import Split, combinatorial_purged

__all__ = ["CombinatorialRun", "SplitChoice", "planned_combinatorial", "run_combinatorial"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitChoice:
    """One split and the combination that was chosen for it.

    Parameters
    ----------
    split : Split
        Places in the returns.
    chosen : Combination or None
        None if no combination has a defined objective: its test groups stay in cash.
    objective : float
        Of the chosen one, in training.
    """

    split: Split
    chosen: Combination | None
    objective: float


@dataclass(frozen=True, kw_only=True, eq=False)
class CombinatorialRun:
    """The paths of combinatorial purged cross-validation.

    Parameters
    ----------
    sweep : SweepRuns
    choices : tuple of SplitChoice
        The C(N, k) splits.
    suppliers : tuple of tuple of int
        ``suppliers[j][g]`` is the split that decides in group g of path j.
    paths : tuple of Simulation
        The C(N-1, k-1) paths, each the decisions of all groups, simulated once.
    purge, embargo : int
        Bars.
    """

    sweep: SweepRuns
    choices: tuple[SplitChoice, ...]
    suppliers: tuple[tuple[int, ...], ...]
    paths: tuple[Simulation, ...]
    purge: int = 0
    embargo: int = 0

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Net returns [bar x path], out of sample on every bar."""
        return pd.DataFrame({place: path.returns for place, path in enumerate(self.paths)})

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per path: Sharpe ratio (annual), CAGR, volatility, maximum drawdown, total return."""
        periods = self.sweep.request.periods_per_year
        rows = [
            {
                "sharpe": metrics.sharpe(path.returns, periods_per_year=periods),
                "cagr": metrics.cagr(path.returns, periods_per_year=periods),
                "volatility": metrics.volatility(path.returns, periods_per_year=periods),
                "max_drawdown": metrics.max_drawdown(path.returns),
                "total_return": metrics.total_return(path.returns),
            }
            for path in self.paths
        ]
        return pd.DataFrame(rows).rename_axis("path")

    @cached_property
    def splits(self) -> pd.DataFrame:
        """A row per split: its test groups, bars of training and test, chosen parameters, objective."""
        rows = []
        for choice in self.choices:
            row: dict[str, object] = {
                "groups": ", ".join(map(str, choice.split.groups)),
                "train_bars": len(choice.split.train),
                "test_bars": len(choice.split.test),
            }
            row |= dict.fromkeys(self.sweep.grid) if choice.chosen is None else dict(choice.chosen.params)
            rows.append({**row, "objective": choice.objective})
        return pd.DataFrame(rows).rename_axis("split")

    @property
    def sharpes(self) -> pd.Series:
        """Annual Sharpe ratio of each path; NaN for a path that was never invested."""
        return self.table["sharpe"]

    @cached_property
    def distribution(self) -> pd.Series:
        """Distribution of the paths' Sharpe ratios: count, mean, deviation, quantiles, share that is not positive.

        Paths share bars, so they are not independent: the deviation is no standard error.
        """
        found = self.sharpes.dropna()
        values: dict[str, float] = {
            "paths": float(len(found)),
            "mean": float(found.mean()),
            "deviation": float(found.std(ddof=1)) if len(found) > 1 else math.nan,
        }
        values |= {f"p{100 * q:.0f}": float(found.quantile(q)) if len(found) else math.nan for q in QUANTILES}
        values["not_positive"] = float((found <= 0).mean()) if len(found) else math.nan
        return pd.Series(values, name="sharpe")

    def __repr__(self) -> str:
        median = self.distribution["p50"]
        return f"<CombinatorialRun: {len(self.choices)} splits, {len(self.paths)} paths, median Sharpe {median:.2f}>"


def run_combinatorial(  # noqa: PLR0913 - one argument for each number of the scheme
    sweep: SweepRuns,
    *,
    n_groups: int = 6,
    n_test: int = 2,
    purge: int = 0,
    embargo: int = 0,
    min_trades: int = 0,
    boundary: str = "carry",
) -> CombinatorialRun:
    """Choose on the training bars of every split, and simulate every path.

    A group's choice governs the decisions from the bar before its first return to the last one before the
    next group; each path is simulated once, with what the seams cost.

    Parameters
    ----------
    sweep : SweepRuns
        Every combination over the whole history.
    n_groups, n_test : int
        Groups, and how many of them are tested at a time.
    purge : int
        Bars left out of training on both sides of each contiguous test segment.
    embargo : int
        Further bars left out after each.
    min_trades : int
        A combination with fewer trades that begin on the training bars is never chosen.
    boundary : {"carry", "flat"}
        At a seam holdings are carried over, or sold first.

    Returns
    -------
    CombinatorialRun

    Raises
    ------
    ConfigError
        The groups do not fit the data, purge and embargo leave no bar to train on, or options of ``sim``
        differ between combinations.
    """
    run = reference(sweep).run
    assert run is not None
    dates = run.dates
    check_groups(n_groups, n_test)
    made = combinatorial_purged(len(dates), n_groups=n_groups, n_test=n_test, purge=purge, embargo=embargo)
    for split in made.splits:
        if not len(split.train):
            raise errors.ConfigError(
                f"purge={purge} and embargo={embargo} leave no bar to train on beside the groups {split.groups}.",
                hint=f"The {len(dates)} bars make groups of about {len(dates) // n_groups}.",
            )
    choices = []
    for split in made.splits:
        place, value = choose_rows(sweep, split.train, min_trades)
        chosen = None if place is None else sweep.combinations[place]
        choices.append(SplitChoice(split=split, chosen=chosen, objective=value))
    begins = [bar_before(sweep, dates[first]) for first in made.edges[:-1]]
    paths = []
    for suppliers in made.paths:
        spans = [
            Span(chosen=choices[supplier].chosen, begin=begin)
            for supplier, begin in zip(suppliers, begins, strict=True)
        ]
        paths.append(stitched(sweep, spans, start=begins[0], end=dates[-1], boundary=boundary))
    return CombinatorialRun(
        sweep=sweep, choices=tuple(choices), suppliers=made.paths, paths=tuple(paths), purge=purge, embargo=embargo
    )


def planned_combinatorial(sweep: SweepRuns, plan: Plan) -> CombinatorialRun | None:
    """Return what a walk-forward's plan asks for beside its windows, with the purge and embargo of those."""
    if plan.combinatorial is None:
        return None
    n_groups, n_test = plan.combinatorial
    return run_combinatorial(
        sweep,
        n_groups=n_groups,
        n_test=n_test,
        purge=plan.purge,
        embargo=plan.embargo,
        min_trades=plan.min_trades,
        boundary=plan.boundary,
    )
