"""A batch in numbers: counts, times, metrics over all strategies, errors by kind."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from outsample.batch.rows import KEPT_METRICS, Row
from outsample.classify import shape_of, suggestion
from outsample.model import ErrorCategory, SuccessLevel

__all__ = ["STAGES", "aggregated", "grouped_errors", "grouped_meta", "summarised", "timing"]

STAGES = ("load", "validate", "sandbox", "simulate", "measure", "look-ahead", "store", "report")
_EXAMPLES = 3
# Of these a smaller value is the better one.
_SMALLER = frozenset({"volatility", "annual_turnover", "cost_drag"})


def timing(values: Iterable[float]) -> dict[str, float | None]:
    """Return total, mean, median, min and max; None where there are no values."""
    numbers = list(values)
    if not numbers:
        return {"total": 0.0, "mean": None, "median": None, "min": None, "max": None}
    return {
        "total": sum(numbers),
        "mean": statistics.fmean(numbers),
        "median": statistics.median(numbers),
        "min": min(numbers),
        "max": max(numbers),
    }


def summarised(rows: Sequence[Row], *, total: int, parallel: int, seconds: float) -> dict[str, Any]:
    """Return the summary of a batch.

    Parameters
    ----------
    rows : sequence of Row
        Those that are done.
    total : int
        Strategies of the batch.
    parallel : int
        Sandboxes at once.
    seconds : float
        Wall-clock time of the whole batch.
    """
    n = len(rows)
    levels = Counter(row.level for row in rows)
    ran = [row for row in rows if row.wall_seconds > 0.0 and not row.cached]
    at_least = {level: sum(row.level >= level for row in rows) for level in SuccessLevel}
    wall = timing(row.wall_seconds for row in ran)
    looking = sum(row.stages.get("look-ahead", 0.0) for row in rows)
    busy = parallel * seconds
    return {
        "total": total,
        "done": n,
        "executed": at_least[SuccessLevel.EXECUTED],
        "failed": levels[SuccessLevel.FAILED],
        "by_level": {level.name: levels[level] for level in SuccessLevel},
        "rates": {
            level.name: at_least[level] / n if n else None for level in SuccessLevel if level is not SuccessLevel.FAILED
        },
        "by_category": {
            category.value: count
            for category in ErrorCategory
            if (count := sum(row.category is category for row in rows))
        },
        "timeouts": sum(row.category is ErrorCategory.TIMEOUT for row in rows),
        "cached": sum(row.cached for row in rows),
        "retried": sum(row.attempts > 1 for row in rows),
        "wall_seconds": wall,
        "cpu_seconds": timing(row.cpu_seconds for row in ran),
        "peak_memory_mb": timing(row.peak_memory_mb for row in ran) | {"total": None},
        "stages": {
            stage: sum(row.stages.get(stage, 0.0) for row in rows)
            for stage in STAGES
            if any(stage in row.stages for row in rows)
        },
        "seconds": seconds,
        "parallel": parallel,
        # Time in which a sandbox could have run and none did, as a share of what could have been used.
        "overhead": 1.0 - min((wall["total"] or 0.0) + looking, busy) / busy if busy > 0 and ran else None,
    }


def aggregated(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Return mean, median, best and worst of each metric, with the number of strategies behind them.

    Infinite and undefined values are left out, and counted by the difference of ``n`` and ``of``.
    """
    executed = [row for row in rows if row.executed]
    found = {}
    for name in KEPT_METRICS:
        values = [
            value
            for row in executed
            if (value := row.metrics.get(name)) is not None and value not in {float("inf"), float("-inf")}
        ]
        best, worst = (min, max) if name in _SMALLER else (max, min)
        found[name] = {
            "n": len(values),
            "of": len(rows),
            "mean": statistics.fmean(values) if values else None,
            "median": statistics.median(values) if values else None,
            "best": best(values) if values else None,
            "worst": worst(values) if values else None,
        }
    return found


def grouped_errors(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the errors by category, and within it by the shape of the message; the most frequent first."""
    by_category: dict[ErrorCategory, list[Row]] = {}
    for row in rows:
        if row.category is not None:
            by_category.setdefault(row.category, []).append(row)
    ordered = sorted(by_category.items(), key=lambda item: (-len(item[1]), item[0].value))
    return [
        {
            "category": category.value,
            "count": len(found),
            "suggestion": suggestion(category),
            "shapes": _shapes(found),
        }
        for category, found in ordered
    ]


def _shapes(rows: Iterable[Row]) -> list[dict[str, Any]]:
    by_shape: dict[str, list[Row]] = {}
    for row in rows:
        shape = shape_of(row.message or " ".join(row.reasons))
        if shape in {"<name>", "<n>", ""} and row.error_type:
            shape = f"{row.error_type}: {shape}"  # a KeyError says only the key
        by_shape.setdefault(shape, []).append(row)
    return [
        {
            "shape": shape,
            "count": len(found),
            "examples": [
                {"place": row.place, "name": row.name, "line": row.line, "message": row.message[:500]}
                for row in found[:_EXAMPLES]
            ],
        }
        for shape, found in sorted(by_shape.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def grouped_meta(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return counts by each key and value of ``# meta:``, in the order of keys and values."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for pair in row.meta.items():
            groups.setdefault(pair, []).append(row)
    return [_group(key, value, groups[key, value]) for key, value in sorted(groups)]


def _group(key: str, value: str, rows: Sequence[Row]) -> dict[str, Any]:
    sharpes = [number for row in rows if (number := row.metrics.get("sharpe")) is not None]
    return {
        "key": key,
        "value": value,
        "count": len(rows),
        "executed": sum(row.executed for row in rows),
        "profitable": sum(row.level >= SuccessLevel.PROFITABLE for row in rows),
        "median_sharpe": statistics.median(sharpes) if sharpes else None,
    }
