"""Slow and obvious twins of what the package computes fast; for tests only."""

import math
from collections.abc import Sequence

# -- metrics: loops over bars, written from the definitions


def equity_path(returns: Sequence[float]) -> list[float]:
    """Equity from 1, bar by bar; nothing is left after a return of -100 % or less."""
    path = [1.0]
    for r in returns:
        path.append(path[-1] * (1.0 + r) if r > -1.0 else 0.0)
    return path


def worst_fall(returns: Sequence[float]) -> float:
    """The worst fall between any earlier and later point of the equity: all pairs."""
    path = equity_path(returns)
    worst = 0.0
    for i, before in enumerate(path):
        for after in path[i + 1 :]:
            if before > 0.0:
                worst = min(worst, after / before - 1.0)
    return worst


def episodes(returns: Sequence[float]) -> list[dict[str, float]]:
    """Drawdowns in time order: peak, trough and recovery as places of the equity, depth; recovery None if open."""
    path, found = equity_path(returns), []
    peak, current = 0, None
    for place, value in enumerate(path):
        if value >= path[peak]:
            if current is not None:
                found.append({**current, "recovery": place})
                current = None
            peak = place
        elif current is None:
            current = {"peak": peak, "trough": place, "recovery": None}
        elif value < path[current["trough"]]:
            current["trough"] = place
    if current is not None:
        found.append(current)
    return [{**one, "depth": path[one["trough"]] / path[one["peak"]] - 1.0} for one in found]


def lo_factor(q: int, rho: float) -> float:
    """Lo's eta from the variance of a sum of q values: the whole matrix of their correlations."""
    total = sum(rho ** abs(i - j) for i in range(q) for j in range(q))
    return q / math.sqrt(total)


def by_month(dates: Sequence[object], returns: Sequence[float]) -> dict[tuple[int, int], float]:
    """Compounded return of each month with bars."""
    grown: dict[tuple[int, int], float] = {}
    for date, r in zip(dates, returns, strict=True):
        key = (date.year, date.month)
        grown[key] = grown.get(key, 1.0) * (1.0 + r)
    return {key: value - 1.0 for key, value in grown.items()}


def last_months(dates: Sequence[object], returns: Sequence[float], length: int) -> dict[tuple[int, int], float]:
    """Return over the last `length` calendar months, at each month with bars, once that many have passed."""
    grown, found = by_month(dates, returns), {}
    first = min(year * 12 + month for year, month in grown)
    for year, month in grown:
        end = year * 12 + month
        if end - first + 1 >= length:
            inside = [v for (y, m), v in grown.items() if end - length < y * 12 + m <= end]
            found[year, month] = math.prod(1.0 + v for v in inside) - 1.0
    return found


def longest_run(flags: Sequence[bool]) -> int:
    """The longest run of True."""
    best = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        best = max(best, run)
    return best


def herfindahl(weights: Sequence[float]) -> float:
    """Sum of squared shares of gross exposure; NaN without any."""
    gross = sum(abs(w) for w in weights)
    return sum((abs(w) / gross) ** 2 for w in weights) if gross else math.nan


def groups_of(values: Sequence[float], quantiles: int) -> list[int]:
    """Group of each value among those known, 1 the lowest, by its average rank; 0 for NaN."""
    known = [v for v in values if v == v]
    found = []
    for v in values:
        if v != v:
            found.append(0)
            continue
        rank = sum(o < v for o in known) + (sum(o == v for o in known) + 1) / 2
        found.append(math.ceil(round(rank / len(known) * quantiles, 9)))
    return found


def newey_west(x: Sequence[float], lags: int) -> float:
    """Bartlett long-run variance, lag by lag."""
    n, mean = len(x), sum(x) / len(x)
    total = 0.0
    for i in range(n):
        for j in range(n):
            weight = 1.0 - abs(i - j) / (lags + 1)
            if weight > 0.0:
                total += weight * (x[i] - mean) * (x[j] - mean) / n
    return total


def rate_on(rates: dict[object, float], date: object) -> float:
    """The last rate on or before a date."""
    return rates[max(day for day in rates if day <= date)]
