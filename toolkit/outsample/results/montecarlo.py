"""Monte Carlo with re-run, as what users call and hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from outsample import errors
from outsample.asking import make_request
from outsample.data import Dataset
from outsample.report.document import Document
from outsample.report.montecarlo import montecarlo_document
from outsample.report.study_figures import histogram_figure
from outsample.research.montecarlo import STATISTICS, MonteCarloRun, run_monte_carlo
from outsample.results.shown import Shown
from outsample.strategy import Literal, Strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MonteCarlo", "monte_carlo"]


@dataclass(frozen=True, kw_only=True, repr=False)
class MonteCarlo(Shown):
    """The replicates of a Monte Carlo study.

    Attributes
    ----------
    run : MonteCarloRun
    """

    run: MonteCarloRun

    @property
    def kind(self) -> str:
        """What was different in each replicate."""
        return self.run.kind

    @property
    def table(self) -> pd.DataFrame:
        """A row per statistic: actual, mean, Monte Carlo error, percentiles, rank, p-value against luck."""
        return self.run.table

    @property
    def samples(self) -> pd.DataFrame:
        """A row per replicate: its statistics, what was changed, its error."""
        return self.run.samples

    @property
    def p_value(self) -> float:
        """Of the Sharpe ratio against luck, (1 + k) / (1 + B); NaN where the replicates are not luck."""
        return float(self.table.set_index("statistic").loc["sharpe", "p_value"])  # type: ignore[arg-type]

    def plot(self, statistic: str = "sharpe") -> Figure:
        """Return the distribution of a statistic, with the actual value."""
        if statistic not in STATISTICS:
            hint = errors.nearest(statistic, STATISTICS)
            raise errors.ConfigError(f"statistic must be one of {STATISTICS}. Got {statistic!r}.", hint=hint)
        actual = float(getattr(self.run.outcome.metrics, statistic))
        return histogram_figure(list(self.samples[statistic]), actual, label=statistic.replace("_", " "))

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value."""
        return montecarlo_document(self.run, pictures=pictures)

    def __repr__(self) -> str:
        return f"<MonteCarlo: {self.run.n} replicates of {self.kind!r}, {self.run.failed} failed>"


def monte_carlo(  # noqa: PLR0913 - pinned by the public interface
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    kind: str,
    n: int = 200,
    seed: int = 0,
    scale: float | None = None,
    n_jobs: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
    params: Mapping[str, Literal] | None = None,
    **options: object,
) -> MonteCarlo:
    """Run a strategy many times in a world, or with luck, that is a little different.

    Parameters
    ----------
    strategy, data, params, **options
        As in `backtest`.
    kind : str
        "noise" (on open, high, low and close, keeping their order), "price_path" (block-bootstrapped bars),
        "parameters" (each number moved), "delay" (decisions come late), "costs" (multiples), "missed_fills",
        "random_entry" (the same spells in random order), "position_shift" (positions moved in a circle).
        The last two are luck, against which there is a p-value.
    n : int
        Replicates.
    seed : int
        Replicate i draws from stream i.
    scale : float, optional
        How much, in the unit of the kind: noise 0.25 deviations, price_path 20 bars a block, parameters 0.2,
        delay 3 bars, costs up to 5 times, missed_fills 0.05.
    n_jobs : int, optional
        Sandboxes at once; never changes a number.
    on_done : callable, optional
        Called with (done, total).

    Returns
    -------
    MonteCarlo
        Replicates are no trials: nothing is chosen among them, and nothing is recorded.

    Raises
    ------
    ConfigError
        An unknown kind, a permutation of returns, or numbers out of range.
    """
    request = make_request(strategy, data, params=params, options=options, store=False)
    run = run_monte_carlo(request, kind=kind, n=n, seed=seed, scale=scale, n_jobs=n_jobs, on_done=on_done)
    return MonteCarlo(run=run)
