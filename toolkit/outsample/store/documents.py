"""What a run's folder says: ``run.json`` to make the outcome again, ``summary.json`` for people and programs.

An outcome is made again from what the sandbox returned (positions, printed text) by the same code that made
it first: simulation and metrics follow from positions, data and options. Its canonical bytes are then
compared with those that were stored, so that a number that moved is noticed and never shown.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from outsample.config import option_names
from outsample.data import Dataset
from outsample.errors import DataInvalid, StoreError
from outsample.model import SEMANTICS, ExecutionResult, Positions, Status
from outsample.pipeline import Outcome, evaluate
from outsample.request import Request
from outsample.store.codec import loads
from outsample.store.parquet import read_wide, wide_shape
from outsample.strategy import Strategy

__all__ = [
    "CANONICAL",
    "SIGNALS",
    "canonical_sha",
    "finite",
    "moved_numbers",
    "read_document",
    "rebuild_outcome",
    "request_of",
    "run_document",
    "summary_document",
]

SIGNALS = "daily_signals.parquet"
CANONICAL = "canonical.json"
# Numbers that are columns of the table of runs, too.
NUMBERS = (
    *("mean_ic", "icir", "hit_rate", "coverage", "long_short_spread", "average_turnover", "decay_half_life"),
    *("sharpe", "total_return", "max_drawdown"),
)
_KEPT = ("stdout", "output_bytes", "warnings", "findings", "wall_seconds", "cpu_seconds", "peak_memory_mb", "sandbox")


def canonical_sha(outcome: Outcome) -> str:
    """Return the sha256 of an outcome's canonical bytes."""
    return hashlib.sha256(outcome.canonical_bytes).hexdigest()


def run_document(outcome: Outcome) -> dict[str, Any]:
    """Return everything but tables that making the outcome again needs."""
    request, positions = outcome.request, outcome.positions
    strategy, data = request.strategy, request.data
    return {
        "format": 1,
        "key": outcome.key,
        "parts": dict(outcome.parts),
        "canonical_sha": canonical_sha(outcome),
        "strategy": {
            "name": strategy.name,
            "source": strategy.source,
            "overrides": dict(strategy.overrides),
            "modules": dict(strategy.modules),
        },
        "data": {
            "name": data.name,
            "id": data.id,
            "frame_ids": dict(data.frame_ids),
            "market": data.market,
            "periods_per_year": data.periods_per_year,
            "benchmark": data.benchmark,
            "warnings": list(data.warnings),
        },
        "request": {
            **{name: getattr(request, name) for name in ("engine", "benchmark", "alpha", "seed", "validate")},
            **{name: getattr(request, name) for name in ("conventions", "thresholds", "policy")},
            "settings": dict(request.settings),
            "options": _given_options(outcome),
        },
        "positions": {"kind": positions.kind, "call": positions.call, **wide_shape(positions.frame)},
        "execution": {name: getattr(outcome.execution, name) for name in _KEPT},
        "seconds": dict(outcome.seconds),
    }


def _given_options(outcome: Outcome) -> dict[str, Any]:
    """The caller's options in their resolved form: these beat all others, so the resolved value is theirs."""
    allowed = set(option_names())
    found = {}
    for name in outcome.request.options:
        holder = outcome.execution_options if hasattr(outcome.execution_options, name) else outcome.costs
        if name in allowed:
            found[name] = getattr(holder, name)
    return found


def request_of(document: Mapping[str, Any], data: Dataset) -> Request:
    """Return the request that a document was made from, on its data."""
    kept = document["strategy"]
    strategy = Strategy(kept["source"], kept["name"], kept["overrides"], kept["modules"])
    fields = {field.name for field in dataclasses.fields(Request)}
    values = {name: value for name, value in document["request"].items() if name in fields}
    return Request(strategy=strategy, data=data, **values)


def rebuild_outcome(folder: Path, document: Mapping[str, Any], request: Request) -> Outcome:
    """Make an outcome again from its folder.

    Raises
    ------
    StoreError
        The numbers are no longer those that were stored.
    """
    kept = document["positions"]
    frame = read_wide(folder / SIGNALS, kept)
    positions = Positions(frame=frame, kind=kept["kind"], call=kept["call"])
    execution = ExecutionResult(status=Status.OK, positions=positions, **document["execution"])
    made = evaluate(request, execution)
    outcome = dataclasses.replace(
        made, key=document["key"], parts=document["parts"], seconds={**document["seconds"], "store": _total(made)}
    )
    moved = moved_numbers(folder, document["canonical_sha"], outcome)
    if moved:
        parts = document["parts"]
        raise StoreError(
            f"The result {outcome.key[:12]} was stored with other numbers than its inputs lead to now: "
            f"{', '.join(moved)}. "
            f"It was made with semantics {parts['semantics']} (here {SEMANTICS}) and {parts['environment']}.",
            hint="The files in its folder are as they were written; run it again to get a result of this version.",
        )
    return outcome


def moved_numbers(folder: Path, sha: str, outcome: Outcome) -> list[str]:
    """Return the names of what differs between a stored result and an outcome of the same key.

    Equal canonical bytes are equal results. A later version may know more metrics and options, and say its
    reasons in other words; every number that both know must be the same.
    """
    if canonical_sha(outcome) == sha:
        return []
    try:
        old = json.loads((folder / CANONICAL).read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / CANONICAL} cannot be read: {error}.") from error
    new = json.loads(outcome.canonical_bytes)
    found = [name for name in ("key", "frame_ids", "positions", "equity", "trades") if old[name] != new[name]]
    for group in ("execution", "costs", "metrics"):
        found += [name for name in old[group] if name in new[group] and not _same(old[group][name], new[group][name])]
    if old["verdict"]["level"] != new["verdict"]["level"]:
        found.append("level")
    return found


def _same(old: object, new: object) -> bool:
    """Whether two values are equal; sums of floats may end in another last digit on another processor."""
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-12, abs_tol=1e-15)
    return old == new


def _total(outcome: Outcome) -> float:
    return float(sum(outcome.seconds.values()))


def read_document(path: Path) -> dict[str, Any]:
    """Read a document.

    Raises
    ------
    StoreError
        It is no document of this kind.
    """
    try:
        value = loads(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError, DataInvalid) as error:
        raise StoreError(f"{path} cannot be read: {error!r}.") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} holds no document.")
    return value


# -- the summary


def summary_document(outcome: Outcome, numbers: Mapping[str, float | None]) -> dict[str, Any]:
    """Return ``summary.json``: plain JSON, pinned by ``summary.schema.json``; null where undefined or not computed.

    Parameters
    ----------
    outcome : Outcome
    numbers : mapping
        mean_ic, icir, hit_rate, ... of a signal; None where not computed.
    """
    request, simulation, category = outcome.request, outcome.simulation, outcome.verdict.error_category
    measured = {name: getattr(outcome.metrics, name) for name in ("sharpe", "total_return", "max_drawdown")}
    found = {**numbers, **measured, "average_turnover": float(simulation.turnover.mean())}
    return {
        "version": 1,
        "key": outcome.key,
        "name": request.strategy.name,
        "canonical_sha": canonical_sha(outcome),
        "snapshot_id": request.data.id,
        "dataset_version_ids": dict(request.data.frame_ids),
        "dataset": request.data.name,
        "start_date": str(simulation.dates[0]),
        "end_date": str(simulation.dates[-1]),
        "weight_method": request.alpha or "none",
        "engine": {"name": simulation.engine, "version": simulation.engine_version},
        "seed": request.seed,
        "parameters": dict(request.strategy.values),
        "config": {name: _plain(value) for name, value in _config(outcome).items()},
        "metrics": outcome.metrics.to_dict(),
        "verdict": {
            "level": int(outcome.verdict.level),
            "reasons": list(outcome.verdict.reasons),
            "category": None if category is None else category.value,
        },
        "numbers": {name: finite(found.get(name)) for name in NUMBERS},
        "warnings": list(outcome.warnings),
        "versions": {"outsample": version("outsample"), "semantics": SEMANTICS, **outcome.parts["environment"]},
        **{name: finite(numbers.get(name)) for name in ("mean_ic", "icir", "hit_rate")},
    }


def _config(outcome: Outcome) -> dict[str, Any]:
    values = (outcome.execution_options, outcome.costs)
    return {field.name: getattr(value, field.name) for value in values for field in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return finite(value)
    return str(value) if isinstance(value, pd.Timestamp | pd.Timedelta) else value


def finite(value: float | None) -> float | None:
    """Return a number, or None where it is undefined."""
    return float(value) if value is not None and math.isfinite(value) else None
