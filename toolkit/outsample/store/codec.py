"""Values as JSON and back: our frozen dataclasses, moments, tuples, and numbers that JSON does not have.

Only the classes listed here are made again; a document never says what code to run.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outsample.config import Conventions, SandboxPolicy, Thresholds
from outsample.model import SandboxReport, SimCall
from outsample.research.lookahead import LookaheadReport, Probe
from outsample.validation import Finding

__all__ = ["decode", "dumps", "encode", "loads"]

_CLASSES: Mapping[str, type[Any]] = {
    cls.__name__: cls
    for cls in (Conventions, Finding, LookaheadReport, Probe, SandboxPolicy, SandboxReport, SimCall, Thresholds)
}


def dumps(value: object) -> str:
    """Return a value as JSON text, indented, without bare NaN or Infinity.

    Examples
    --------
    >>> loads(dumps({"a": (1, float("inf")), "when": pd.Timestamp("2024-01-01", tz="Asia/Taipei")}))
    {'a': (1, inf), 'when': Timestamp('2024-01-01 00:00:00+0800', tz='Asia/Taipei')}
    """
    return json.dumps(encode(value), indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - whatever was written
    """Return what `dumps` wrote."""
    return decode(json.loads(text))


def encode(value: object) -> Any:  # noqa: ANN401, PLR0911 - one return per kind of value reads best
    """Return a value in terms of JSON.

    Raises
    ------
    TypeError
        A kind of value that has no form here.
    """
    if isinstance(value, enum.Enum):
        return encode(value.value)
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        return encode(value.item())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$": "float", "value": repr(value)}
    if value is pd.NaT or isinstance(value, pd.Timestamp | pd.Timedelta):
        return _encode_time(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"$": "tuple", "value": [encode(item) for item in value]}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    name = type(value).__name__
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and name in _CLASSES:
        return {"$": name, "value": {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}}
    raise TypeError(f"no form in JSON for {name}: {value!r:.80}")


def decode(value: Any) -> Any:  # noqa: ANN401, PLR0911 - one return per kind of value reads best
    """Return the value of what `encode` made."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("$")
    if kind is None:
        return {key: decode(item) for key, item in value.items()}
    inner = value["value"]
    if kind == "float":
        return float(inner)
    if kind == "tuple":
        return tuple(decode(item) for item in inner)
    if kind in {"time", "span"}:
        return _decode_time(kind, value)
    cls = _CLASSES[kind]
    known = {field.name for field in dataclasses.fields(cls)}
    return cls(**{name: decode(item) for name, item in inner.items() if name in known})


def _encode_time(value: Any) -> dict[str, object]:  # noqa: ANN401 - Timestamp, Timedelta or NaT
    if value is pd.NaT:
        return {"$": "time", "value": None}
    if isinstance(value, pd.Timedelta):
        return {"$": "span", "value": value.as_unit("ns").value, "unit": value.unit}
    zone = None if value.tz is None else str(value.tz)
    return {"$": "time", "value": value.as_unit("ns").value, "zone": zone, "unit": value.unit}


def _decode_time(kind: str, value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - Timestamp, Timedelta or NaT
    if value["value"] is None:
        return pd.NaT
    if kind == "span":
        return pd.Timedelta(value["value"], unit="ns").as_unit(value["unit"])
    moment = pd.Timestamp(value["value"], unit="ns").as_unit(value["unit"])
    return moment if value["zone"] is None else moment.tz_localize("UTC").tz_convert(value["zone"])
