"""Bootstrap of returns: one pass per path gives every statistic; paths are never kept unless asked for."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.checks import check_choice
from outsample.errors import ConfigError, DataInvalid
from outsample.research.bootstrap_kernel import METHODS, equity_paths, path_statistics
from outsample.stats import optimal_block_length, sharpe_standard_error
from outsample.stats.moments import normal_quantile

__all__ = ["Bootstrap", "bootstrap"]

_NAMES = ("sharpe", "cagr", "volatility", "max_drawdown", "final_wealth")
_PERCENTILES = (5, 25, 50, 75, 95)
_FAN_PATHS, _FAN_DATES, _CHUNKS = 2_000, 256, 20


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Bootstrap:
    """Resampled statistics.

    Parameters
    ----------
    table : DataFrame
        statistic, actual, mean, se, low, high, p5..p95, each percentile's Monte Carlo error (mc_p5..), level (of
        the two-sided interval low..high) and the method of the interval.
    samples : mapping of str to array [path]
        sharpe, cagr, volatility, max_drawdown, final_wealth; NaN where a path is undefined.
    method, block, n_paths, seed, level
        What was asked; `block` as used.
    reasons : mapping
        Statistic -> why its interval or some of its paths are undefined.
    """

    table: pd.DataFrame
    samples: Mapping[str, np.ndarray]
    method: str
    block: float
    n_paths: int
    seed: int
    level: float
    reasons: Mapping[str, str] = field(default_factory=dict)
    returns: pd.Series = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"<Bootstrap: {self.n_paths:,} {self.method} paths, mean block {self.block:.1f}, seed {self.seed}>\n"
            f"{self.table.iloc[:, :6].to_string(index=False)}"
        )

    def fan(self) -> pd.DataFrame:
        """Return percentiles of equity (from 1) of the first 2,000 paths on at most 256 dates."""
        n = len(self.returns)
        places = np.unique(np.linspace(0, n - 1, min(_FAN_DATES, n)).round().astype(np.int64))
        paths = equity_paths(
            self.returns.to_numpy(dtype=float),
            places,
            n_paths=min(self.n_paths, _FAN_PATHS),
            settings=(self.seed, self.block, METHODS[self.method]),
        )
        columns = {f"p{p}": np.percentile(paths, p, axis=0) for p in _PERCENTILES}
        return pd.DataFrame(columns, index=self.returns.index[places])


def bootstrap(  # noqa: PLR0913 - pinned
    returns_or_result: object,
    *,
    n_paths: int = 10_000,
    method: str = "stationary",
    block: float | str = "auto",
    seed: int = 0,
    level: float = 0.95,
    n_jobs: int | None = None,
    periods_per_year: float | None = None,
) -> Bootstrap:
    """Resample returns and say how uncertain their statistics are.

    Parameters
    ----------
    returns_or_result : Series, array-like or what has `returns`
        Net returns, without NaN, at least two.
    n_paths : int
    method : {"stationary", "circular", "moving", "iid"}
        Politis and Romano (1994, 1992); Kuensch (1989); Efron (1979).
    block : float or "auto"
        Mean block; "auto" is the larger optimum of the returns and of their squares (Patton, Politis and
        White, 2009).
    seed : int
        Path i always draws from stream i, whatever `n_jobs`.
    level : float
        Of the two-sided intervals. The Sharpe ratio's is HAC, the others' percentile.
    n_jobs : int, optional
        Threads; None: one per core.
    periods_per_year : float, optional
        None: what the argument says, or 252.

    Raises
    ------
    ConfigError
        An option is not allowed; a permutation is refused, because order changes neither CAGR nor Sharpe.

    Examples
    --------
    >>> made = bootstrap([0.01, -0.005, 0.002, 0.004] * 10, n_paths=50)
    >>> list(made.table["statistic"])[:2]
    ['sharpe', 'cagr']
    """
    source: Any = returns_or_result
    _check(method, n_paths, level, seed)
    year = periods_per_year or float(getattr(getattr(source, "simulation", source), "periods_per_year", 252.0))
    held = getattr(source, "returns", source)
    returns = held if isinstance(held, pd.Series) else pd.Series(np.asarray(held, dtype=float))
    x = returns.to_numpy(dtype=float)
    if len(x) < 2 or not np.isfinite(x).all():
        raise DataInvalid(f"At least two finite returns are needed. Got {len(x)}, {int(np.isnan(x).sum())} NaN.")
    length = 1.0 if method == "iid" else _block(x, block)
    drawn = _run(x, (seed, length, METHODS[method]), n_paths, n_jobs, year)
    samples = dict(zip(_NAMES, drawn.T, strict=True))
    table, reasons = _table(x, samples, level, year)
    return Bootstrap(
        table=table,
        samples=samples,
        method=method,
        block=length,
        n_paths=n_paths,
        seed=seed,
        level=level,
        reasons=reasons,
        returns=returns,
    )


def _check(method: str, n_paths: int, level: float, seed: int) -> None:
    if method in {"permutation", "shuffle", "permute"}:
        raise ConfigError(
            "A permutation of returns has the same CAGR and the same Sharpe ratio as the returns themselves: its "
            "'distribution' is a single point and says nothing about uncertainty.",
            hint="Use method='stationary'.",
        )
    check_choice("method", method, tuple(METHODS))
    if isinstance(n_paths, bool) or not isinstance(n_paths, int | np.integer) or n_paths < 1:
        raise ConfigError(f"n_paths must be a whole number >= 1. Got {n_paths!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be a whole number in [0, 2^63). Got {seed!r}.")
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level must be in (0, 1). Got {level!r}.")


def _block(x: np.ndarray, block: float | str) -> float:
    if block == "auto":
        return max(optimal_block_length(x).stationary, optimal_block_length(x**2).stationary)
    if isinstance(block, str | bool) or not 1.0 <= float(block) <= len(x):
        raise ConfigError(f"block must be 'auto' or a number in [1, {len(x)}]. Got {block!r}.")
    return float(block)


def _run(x: np.ndarray, settings: tuple[int, float, int], n_paths: int, n_jobs: int | None, year: float) -> np.ndarray:
    out = np.empty((n_paths, len(_NAMES)))
    edges = np.unique(np.linspace(0, n_paths, _CHUNKS + 1).astype(int))
    threads = max(1, n_jobs or os.cpu_count() or 1)

    def work(place: int) -> None:
        path_statistics(x, out[edges[place] : edges[place + 1]], first=int(edges[place]), settings=settings, year=year)

    work(0)  # compiles before the threads start
    if threads == 1:
        for place in range(1, len(edges) - 1):
            work(place)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(1, len(edges) - 1)))
    return out


def _table(
    x: np.ndarray, samples: Mapping[str, np.ndarray], level: float, year: float
) -> tuple[pd.DataFrame, dict[str, str]]:
    actual = {
        "sharpe": metrics.sharpe(x, periods_per_year=year),
        "cagr": metrics.cagr(x, periods_per_year=year),
        "volatility": metrics.volatility(x, periods_per_year=year),
        "max_drawdown": metrics.max_drawdown(x),
        "final_wealth": float(metrics.wealth(x)[-1]),
    }
    rows, reasons = [], {}
    for name, values in samples.items():
        kept = values[np.isfinite(values)]
        if len(kept) < len(values):
            reasons[name] = f"no_variance: {len(values) - len(kept)} of {len(values)} paths are undefined"
        row: dict[str, object] = {"statistic": name, "actual": actual[name], **_spread(kept, level)}
        if name == "sharpe":
            error = sharpe_standard_error(returns=x, method="hac") * math.sqrt(year)
            margin = normal_quantile((1.0 + level) / 2.0) * error
            row |= {"low": actual[name] - margin, "high": actual[name] + margin, "method": "hac"}
        rows.append(row)
    return pd.DataFrame(rows), reasons


def _spread(kept: np.ndarray, level: float) -> dict[str, object]:
    if not len(kept):
        kept = np.array([np.nan])
    low, high = np.quantile(kept, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]).tolist()
    row: dict[str, object] = {
        "mean": float(kept.mean()),
        "se": float(kept.std(ddof=1)) if len(kept) > 1 else math.nan,
        "low": low,
        "high": high,
    }
    row |= {f"p{p}": float(np.percentile(kept, p)) for p in _PERCENTILES}
    for p in _PERCENTILES:
        # Half the distance of the quantiles one binomial deviation to either side: no density is needed.
        margin = 100.0 * math.sqrt(p / 100.0 * (1.0 - p / 100.0) / len(kept))
        below, above = np.percentile(kept, [max(p - margin, 0.0), min(p + margin, 100.0)])
        row[f"mc_p{p}"] = float(above - below) / 2.0
    return {**row, "level": level, "method": "percentile"}
