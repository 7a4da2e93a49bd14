"""`JobSpec`: everything a worker needs to run a job, as JSON; never code of ours, never a pickle."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from outsample.config import Costs, Execution
from outsample.data import Dataset, load
from outsample.errors import ConfigError, DataMissing, JobError, nearest
from outsample.report.parameters import checked_parameters
from outsample.request import Request, request_key
from outsample.store import Store
from outsample.store.codec import decode, encode
from outsample.store.documents import request_of
from outsample.store.rows import job_id_of
from outsample.store.snapshots import keep_dataset, load_dataset

__all__ = ["ARGUMENTS", "KINDS", "JobSpec", "flat_options", "notebook_spec", "request_from", "spec_of"]

KINDS = ("backtest", "sweep", "walk_forward", "bootstrap", "notebook")
_PLAN = ("train", "test", "step", "anchored", "purge", "embargo", "min_trades", "boundary", "strict", "combinatorial")
# What each kind takes besides the arguments of a backtest.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "backtest": (),
    "sweep": ("grid", "objective"),
    "walk_forward": ("grid", "objective", *_PLAN),
    "bootstrap": ("n_paths", "method", "block", "level"),
    "notebook": ("parameters",),
}


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What a job computes.

    Parameters
    ----------
    kind : {"backtest", "sweep", "walk_forward", "bootstrap", "notebook"}
    name : str
        For people.
    key : str
        Result key of the request, or sha256 of the notebook.
    parameters : mapping
        Parameter values of the strategy, and the arguments of the kind.
    document : mapping
        JSON: what `request_from` makes the request of.
    columns : mapping
        What the row of the job repeats for queries: span, weight method, seed, snapshot.
    """

    kind: str
    name: str
    key: str
    parameters: Mapping[str, Any]
    document: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise JobError(
                f"kind must be one of {', '.join(map(repr, KINDS))}. Got {self.kind!r}.",
                hint=nearest(str(self.kind), KINDS),
            )

    @cached_property
    def job_id(self) -> str:
        """The sha256 of kind, key and parameters: the same submission is the same job."""
        return job_id_of(self.kind, self.key, self.parameters)


def spec_of(request: Request, kind: str, arguments: Mapping[str, Any], store: Store) -> JobSpec:
    """Return the job of a request.

    Parameters
    ----------
    request : Request
    kind : str
    arguments : mapping
        Of the kind; look-ahead under ``lookahead``.
    store : Store
        It keeps a snapshot of a dataset that no name leads to: a worker has nothing else.

    Raises
    ------
    JobError
        An argument cannot be written down (a function, say), or the data cannot be kept.
    """
    strategy, data = request.strategy, request.data
    named = {name: value for name, value in arguments.items() if name != "lookahead"}
    fields = ("engine", "benchmark", "alpha", "seed", "validate", "conventions", "thresholds", "policy")
    document = {
        "strategy": {
            "name": strategy.name,
            "source": strategy.source,
            "overrides": dict(strategy.overrides),
            "modules": dict(strategy.modules),
        },
        "data": {"name": data.name, "id": data.id, **_beside(data)},
        "request": {
            **{name: getattr(request, name) for name in fields},
            "settings": _dated(request.settings),
            "options": _dated(request.options),
        },
        "arguments": _dated(arguments),
    }
    try:
        written = encode(document)
        parameters = strategy.values if kind == "backtest" else {"values": dict(strategy.values), **encode(named)}
    except TypeError as error:
        raise JobError(f"A job takes only what can be written down as JSON: {error}.") from error
    if notes := keep_dataset(store, data, limit=sys.maxsize):
        raise JobError(" ".join(notes), hint="Save the data with data.save(NAME), and submit the job with that name.")
    return JobSpec(
        kind=kind,
        name=strategy.name,
        key=request_key(request),
        parameters=parameters,
        document=written,
        columns=_columns(request),
    )


def _columns(request: Request) -> dict[str, object]:
    given, data = request.options, request.data
    return {
        "start_date": str(given.get("start") or data.dates[0]),
        "end_date": str(given.get("end") or data.dates[-1]),
        "weight_method": request.alpha or "none",
        "seed": request.seed,
        "source_hash": request.strategy.sha,
        "snapshot_id": data.id,
        "dataset_version_ids": dict(data.frame_ids),
    }


def notebook_spec(path: str | Path, parameters: Mapping[str, object]) -> JobSpec:
    """Return the job of a notebook with parameters.

    Raises
    ------
    DataMissing
        There is no such notebook.
    ConfigError
        It does not have a parameter.
    """
    place = Path(path)
    if not place.is_file():
        raise DataMissing(f"There is no notebook {str(place)!r}.")
    values = checked_parameters(place, parameters)
    text = place.read_text(encoding="utf-8")
    key = hashlib.sha256(text.encode()).hexdigest()
    document = {
        # Relative paths in its cells and parameters mean those of the folder that it was submitted in.
        "notebook": {"name": place.name, "text": json.loads(text), "folder": str(Path.cwd())},
        "arguments": {"parameters": encode(values)},
    }
    return JobSpec(kind="notebook", name=place.stem, key=key, parameters=encode(values), document=document)


def request_from(document: Mapping[str, Any], store: Store) -> tuple[Request, dict[str, Any]]:
    """Return the request of a document and the arguments of its kind.

    Raises
    ------
    DataMissing
        The data under that name are others by now, or gone.
    """
    found = decode(document)
    wanted = found["data"]
    return request_of(found, _data_of(wanted, store)), dict(found["arguments"])


def _beside(data: Dataset) -> dict[str, object]:
    """What stands beside the content of a dataset and is no part of its id, but of its numbers."""
    return {
        "market": data.market,
        "periods_per_year": data.periods_per_year,
        "benchmark": data.benchmark,
        "warnings": data.warnings,
        "later": list(data.sessions[data.sessions > data.dates[-1]]),
    }


def _data_of(wanted: Mapping[str, Any], store: Store) -> Dataset:
    """The snapshot that was submitted; shipped data alone are found by name."""
    try:
        found = load_dataset(store, wanted["name"][:200], wanted["id"])
    except DataMissing:
        found = load(wanted["name"], store=store)
    if found.id != wanted["id"]:
        raise DataMissing(
            f"The data of this job are not here: dataset {wanted['name']!r}, snapshot {wanted['id'][:12]}.",
            hint="Submit it again, with the data as they are now.",
        )
    beside = {name: value for name, value in wanted.items() if name not in {"name", "id"}}
    if _beside(found) == beside:
        return found
    # One content under one name may have been kept with another market or calendar: those submitted count.
    later = pd.DatetimeIndex(beside["later"])
    details = {"benchmark": beside["benchmark"], "warnings": beside["warnings"]}
    details |= {"sessions": found.dates.append(later)} if len(later) else {}
    return Dataset(
        found.stored(),
        name=wanted["name"],
        market=beside["market"],
        periods_per_year=beside["periods_per_year"],
        details=details,
    )


def flat_options(costs: object, execution: object) -> dict[str, object]:
    """Return the options that `costs` and `execution` of a submission give, as `backtest` reads them."""
    found: dict[str, object] = {}
    for value, cls in ((costs, Costs), (execution, Execution)):
        if isinstance(value, Mapping):
            found |= value
        elif isinstance(value, cls):
            default = cls()
            given = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
            kept = {name: item for name, item in given.items() if item != getattr(default, name)}
            found |= given if cls is Costs else kept
        elif value is not None:
            raise ConfigError(f"{cls.__name__} or a mapping is needed. Got {value!r}.")
    return found


def _dated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dates as moments that the codec knows."""
    return {name: pd.Timestamp(value) if isinstance(value, datetime.date) else value for name, value in values.items()}
