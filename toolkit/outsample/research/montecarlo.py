"""Monte Carlo with re-run: what becomes of a strategy when the world, or its luck, is a little different.

Replicate i draws from stream i of a counter-based generator, so neither the number of workers nor the order
in which they finish changes a number. Where positions are moved in time ("position_shift", "random_entry")
the distribution is that of luck, and p = (1 + k) / (1 + B) with k replicates at least as good as the actual.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from outsample import errors
from outsample.model import ExecutionResult
from outsample.pipeline import Outcome, evaluate, execute, raise_for_status, run
from outsample.request import Request
from outsample.research.futures import noisy, resampled
from outsample.research.parallel import pmap_cancellable
from outsample.research.shuffles import delayed, missed, reordered, rotated
from outsample.strategy import Literal

__all__ = ["KINDS", "STATISTICS", "MonteCarloRun", "run_monte_carlo"]

# What `scale` means for each kind, and its default.
KINDS: Mapping[str, tuple[float, str]] = {
    "noise": (0.25, "noise on every price, in deviations of the symbol's bar returns"),
    "price_path": (20.0, "mean length of the bootstrapped blocks, in bars"),
    "parameters": (0.2, "largest relative change of a numeric parameter"),
    "delay": (3.0, "most bars by which a decision comes late"),
    "costs": (5.0, "largest multiple of the costs"),
    "missed_fills": (0.05, "share of the changes of position that do not happen"),
    "random_entry": (math.nan, ""),
    "position_shift": (math.nan, ""),
}
AGAINST_LUCK = frozenset({"random_entry", "position_shift"})
STATISTICS = ("sharpe", "cagr", "total_return", "volatility", "max_drawdown")
PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True, kw_only=True)
class MonteCarloRun:
    """The replicates of one kind.

    Parameters
    ----------
    kind : str
    n, seed : int
    scale : float
        NaN where the kind has none.
    outcome : Outcome
        The strategy as it is.
    samples : DataFrame [replicate]
        Columns sharpe, cagr, total_return, volatility, max_drawdown, changed (what was different), error.
    """

    kind: str
    n: int
    seed: int
    scale: float
    outcome: Outcome
    samples: pd.DataFrame

    @property
    def failed(self) -> int:
        """Replicates that ended with an error; they are in no percentile."""
        return int((self.samples["error"] != "").sum())

    @property
    def against_luck(self) -> bool:
        """Whether the replicates are luck, against which a p-value says something."""
        return self.kind in AGAINST_LUCK

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per statistic: actual, mean, se (Monte Carlo error of the mean), percentiles, rank, p_value.

        `rank` is the share of replicates below the actual value; `p_value` is NaN unless the replicates are luck.
        """
        rows = []
        for name in STATISTICS:
            actual = float(getattr(self.outcome.metrics, name))
            values = self.samples[name].dropna().to_numpy(dtype=np.float64)
            several = len(values) > 1
            row: dict[str, object] = {
                "statistic": name,
                "actual": actual,
                "mean": float(values.mean()) if len(values) else math.nan,
                "se": float(values.std(ddof=1) / math.sqrt(len(values))) if several else math.nan,
            }
            for percent in PERCENTILES:
                row[f"p{percent}"] = float(np.percentile(values, percent)) if len(values) else math.nan
            row["rank"] = float((values < actual).mean()) if len(values) and not math.isnan(actual) else math.nan
            row["p_value"] = self._p_value(name, actual, values)
            rows.append(row)
        return pd.DataFrame(rows)

    def _p_value(self, name: str, actual: float, values: np.ndarray) -> float:
        if not self.against_luck or math.isnan(actual) or name == "volatility":
            return math.nan
        # Rounding must not decide whether a replicate is as good as the actual.
        as_good = values >= actual - 1e-12 * max(abs(actual), 1.0)
        return float((1 + int(as_good.sum())) / (1 + len(values)))


def run_monte_carlo(  # noqa: PLR0913 - the arguments of monte_carlo, for a request
    request: Request,
    *,
    kind: str,
    n: int = 200,
    seed: int = 0,
    scale: float | None = None,
    n_jobs: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> MonteCarloRun:
    """Run the replicates of one kind.

    Parameters
    ----------
    request : Request
    kind : str
        One of `KINDS`.
    n : int
        Replicates.
    seed : int
        Replicate i draws from stream i.
    scale : float, optional
        See `KINDS`.
    n_jobs : int, optional
        Sandboxes at once; never changes a number.
    on_done : callable, optional
        Called with (done, total).

    Raises
    ------
    ConfigError
        An unknown kind, or numbers out of range.
    OutsampleError
        The strategy does not run as it is; a replicate that fails is a row with its error.
    """
    size = _checked(kind, n, seed, scale)
    actual = run(request)
    make = _REPLICATES[kind]
    if kind == "parameters" and not _numeric(request):
        raise errors.ConfigError(
            "The strategy has no numeric parameter to perturb.", hint="Top-level names with numbers are parameters."
        )

    def one(place: int, cancel: threading.Event | None) -> dict[str, object]:
        random = np.random.Generator(np.random.Philox(key=np.array([seed, place], dtype=np.uint64)))
        changed = ""
        try:
            outcome, changed = make(actual, random, size, cancel)
        except errors.OutsampleError as error:
            return {**dict.fromkeys(STATISTICS, math.nan), "changed": changed, "error": str(error)}
        return {**{name: getattr(outcome.metrics, name) for name in STATISTICS}, "changed": changed, "error": ""}

    rows = pmap_cancellable(one, range(n), n_jobs=n_jobs, on_done=on_done)
    return MonteCarloRun(kind=kind, n=n, seed=seed, scale=size, outcome=actual, samples=pd.DataFrame(rows))


def _checked(kind: str, n: int, seed: int, scale: float | None) -> float:
    if kind in {"permutation", "shuffle"}:
        raise errors.ConfigError(
            "Permuting returns leaves CAGR and the Sharpe ratio as they are: their 'distribution' is one number.",
            hint="kind='position_shift' compares with luck; bootstrap() resamples returns.",
        )
    if kind not in KINDS:
        raise errors.ConfigError(
            f"kind must be one of {', '.join(map(repr, KINDS))}. Got {kind!r}.", hint=errors.nearest(kind, KINDS)
        )
    for name, value, low in (("n", n, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise errors.ConfigError(f"{name} must be a whole number >= {low}. Got {value!r}.")
    default, meaning = KINDS[kind]
    size = default if scale is None else float(scale)
    if scale is not None and math.isnan(default):
        raise errors.ConfigError(f"kind={kind!r} has no scale. Got {scale!r}.")
    largest = 1.0 if kind in {"missed_fills", "parameters"} else math.inf
    if not math.isnan(default) and not 0 < size <= largest:
        limit = f" and <= {largest:g}" if math.isfinite(largest) else ""
        raise errors.ConfigError(f"scale ({meaning}) must be > 0{limit}. Got {scale!r}.")
    if kind == "delay" and size != int(size):
        raise errors.ConfigError(f"scale ({meaning}) must be a whole number. Got {scale!r}.")
    return size


# -- replicates: the actual outcome, a generator and the scale become another outcome and what was different

_Cancel = threading.Event | None
_Replicate = Callable[[Outcome, np.random.Generator, float, _Cancel], tuple[Outcome, str]]


def _again(request: Request, cancel: _Cancel) -> Outcome:
    request = dataclasses.replace(request, validate=False)
    execution = execute(request, cancel)
    raise_for_status(execution, request.policy)
    return evaluate(request, execution)


def _noise(actual: Outcome, random: np.random.Generator, scale: float, cancel: _Cancel) -> tuple[Outcome, str]:
    request = dataclasses.replace(actual.request, data=noisy(actual.request.data, random, scale))
    return _again(request, cancel), ""


def _price_path(actual: Outcome, random: np.random.Generator, scale: float, cancel: _Cancel) -> tuple[Outcome, str]:
    request = dataclasses.replace(actual.request, data=resampled(actual.request.data, random, scale))
    return _again(request, cancel), ""


def _parameters(actual: Outcome, random: np.random.Generator, scale: float, cancel: _Cancel) -> tuple[Outcome, str]:
    values: dict[str, Literal] = {}
    for name, value in _numeric(actual.request).items():
        moved = value * (1.0 + random.uniform(-scale, scale))
        if isinstance(value, int):
            moved = round(moved)
            moved = max(moved, 1) if value > 0 else moved
        values[name] = moved
    strategy = actual.request.strategy.with_params(**values)
    told = ", ".join(f"{name}={value:g}" for name, value in values.items() if isinstance(value, int | float))
    return _again(dataclasses.replace(actual.request, strategy=strategy), cancel), told


def _costs(actual: Outcome, random: np.random.Generator, scale: float, _: _Cancel) -> tuple[Outcome, str]:
    multiple = float(random.uniform(0.0, scale))
    numbers = {
        field.name: getattr(actual.costs, field.name) * multiple
        for field in dataclasses.fields(actual.costs)
        if isinstance(getattr(actual.costs, field.name), float)
    }
    options = {**actual.request.options, **numbers}
    return evaluate(dataclasses.replace(actual.request, options=options), actual.execution), f"x{multiple:.3f}"


def _moved(change: Callable[[np.ndarray, np.random.Generator, float], np.ndarray]) -> _Replicate:
    """A replicate that keeps the strategy's run and changes what it decided."""

    def replicate(actual: Outcome, random: np.random.Generator, scale: float, _: _Cancel) -> tuple[Outcome, str]:
        frame = actual.positions.frame
        values = np.nan_to_num(frame.to_numpy(dtype=np.float64), nan=0.0)
        moved = pd.DataFrame(change(values, random, scale), index=frame.index, columns=frame.columns)
        positions = dataclasses.replace(actual.positions, frame=moved)
        execution: ExecutionResult = dataclasses.replace(actual.execution, positions=positions)
        return evaluate(actual.request, execution), ""

    return replicate


def _numeric(request: Request) -> dict[str, int | float]:
    values = request.strategy.values.items()
    return {name: value for name, value in values if isinstance(value, int | float) and not isinstance(value, bool)}


_REPLICATES: Mapping[str, _Replicate] = {
    "noise": _noise,
    "price_path": _price_path,
    "parameters": _parameters,
    "costs": _costs,
    "delay": _moved(lambda values, random, scale: delayed(values, random, int(scale))),
    "missed_fills": _moved(missed),
    "random_entry": _moved(lambda values, random, _: reordered(values, random)),
    "position_shift": _moved(lambda values, random, _: rotated(values, random)),
}
