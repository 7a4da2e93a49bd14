"""Canonical JSON: one text for one value, on every machine, and its sha256.

Objects are sorted by key, there is no white space, and everything is ASCII. Floats are written with
``repr`` (shortest text that reads back the same), -0.0 as 0.0; NaN and the infinities become the
objects ``{"$float": "nan"}``, so that the text is JSON everywhere. Tuples and lists are the same.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["canonical_json", "digest", "joined_json"]


def canonical_json(value: object) -> bytes:
    """Return the canonical JSON text of a value, as ASCII bytes.

    Parameters
    ----------
    value : None, bool, int, float, str, mapping with str keys, sequence, dataclass, Enum, Timestamp
        What to write. Anything else is a TypeError: silence would make two things one.

    Examples
    --------
    >>> canonical_json({"b": 1.0, "a": (True, None)})
    b'{"a":[true,null],"b":1.0}'
    >>> canonical_json(float("nan"))
    b'{"$float":"nan"}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def joined_json(parts: Mapping[str, bytes]) -> bytes:
    """Return the canonical JSON text of a mapping from those of its values.

    Examples
    --------
    >>> joined_json({"b": canonical_json([1]), "a": b"2"})
    b'{"a":2,"b":[1]}'
    """
    return b"{" + b",".join(json.dumps(name).encode("ascii") + b":" + parts[name] for name in sorted(parts)) + b"}"


def digest(value: object) -> str:
    """Return the sha256 (64 hex digits) of the canonical JSON of a value.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _plain(value: object) -> object:  # noqa: PLR0911 - one return per kind of value reads best
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, pd.Timestamp | pd.Timedelta):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"no canonical form for {type(value).__name__}: {value!r:.80}")


def _plain_float(value: float) -> object:
    if math.isfinite(value):
        return value + 0.0  # -0.0 + 0.0 is 0.0
    return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, object]:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"keys of a canonical mapping are str, got {key!r:.80}")
    return {key: _plain(item) for key, item in value.items()}
