"""A golden result on disk: one JSON file, its equity beside it, and a manifest that names them all.

The files belong into the user's repository. The manifest holds the sha256 of each, so that an expectation
that was edited by hand is noticed: an expectation changes by accepting, with a reason.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outsample.errors import ConfigError, DataInvalid, DataMissing, nearest
from outsample.store.codec import dumps, loads

__all__ = ["FOLDER", "Golden", "check_name", "golden_names", "plain_time", "read_golden", "write_golden"]

FOLDER = Path("golden")
_MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One expected result.

    Parameters
    ----------
    name : str
    document : mapping
        Everything that is written: inputs, metrics with tolerances, digests, who approved it and why.
    equity : Series [date]
    """

    name: str
    document: Mapping[str, Any]
    equity: pd.Series

    @property
    def key(self) -> str:
        """Result key of the expected result."""
        return str(self.document["run"]["key"])

    @property
    def snapshot_id(self) -> str:
        """Snapshot that it stands on."""
        return str(self.document["run"]["data"]["id"])

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float | None]]:
        """Metric -> value and relative tolerance."""
        found: Mapping[str, Mapping[str, float | None]] = self.document["metrics"]
        return found

    @property
    def reason(self) -> str:
        """Why it was accepted."""
        return str(self.document["reason"])

    @property
    def approved_by(self) -> str:
        """Who accepted it."""
        return str(self.document["approved_by"])

    @property
    def created_at(self) -> datetime.datetime:
        """When it was accepted (UTC)."""
        return datetime.datetime.fromisoformat(self.document["created_at"])

    @property
    def age_days(self) -> float:
        """Days since it was accepted."""
        return (datetime.datetime.now(datetime.UTC) - self.created_at).total_seconds() / 86_400


def check_name(name: str) -> str:
    """Return a name that can be a file's, or raise ConfigError."""
    if not _NAME.fullmatch(name) or name == "manifest":
        raise ConfigError(
            f"A golden result cannot be called {name!r}.", hint="Letters, digits, '.', '_' and '-', up to 100."
        )
    return name


def golden_names(folder: str | Path = FOLDER) -> list[str]:
    """Return the names of the golden results of a folder, sorted; none if there is no folder."""
    return sorted(_manifest(Path(folder)))


def read_golden(name: str, folder: str | Path = FOLDER) -> Golden:
    """Return a golden result.

    Raises
    ------
    DataMissing
        There is none of this name; the nearest is named.
    DataInvalid
        Its files are not those that were accepted.
    """
    place, known = Path(folder), _manifest(Path(folder))
    if check_name(name) not in known:
        hint = nearest(name, known) or f"outsample golden record STRATEGY --name {name} --reason '...'"
        raise DataMissing(f"There is no golden result {name!r} in {str(place)!r}.", hint=hint)
    texts = {}
    for suffix in (".json", ".csv"):
        try:
            texts[suffix] = (place / f"{name}{suffix}").read_bytes()
        except OSError as error:
            raise DataInvalid(
                f"{name}{suffix} cannot be read: {error}", hint="Restore it from the repository."
            ) from error
        if hashlib.sha256(texts[suffix]).hexdigest() != known[name].get(suffix):
            raise DataInvalid(
                f"{name}{suffix} is not what was accepted: it was changed by hand, or damaged.",
                hint=f"Restore it, or accept what is there now: outsample golden accept {name} --reason '...'",
            )
    document = loads(texts[".json"].decode("utf-8"))
    table = pd.read_csv(io.BytesIO(texts[".csv"]), index_col=0, dtype=str)
    # Python reads a float exactly; pandas' fast reader may miss the last bit.
    values = [float(text) for text in table["equity"]]
    return Golden(name=name, document=document, equity=pd.Series(values, pd.to_datetime(table.index), name="equity"))


def write_golden(golden: Golden, folder: str | Path = FOLDER) -> Path:
    """Write a golden result and enter it into the manifest; each file is replaced at once."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    texts = {
        ".json": _pretty(golden.document),
        ".csv": plain_time(golden.equity)
        .to_frame("equity")
        .to_csv(float_format="%.17g", lineterminator="\n")
        .encode("utf-8"),
    }
    for suffix, text in texts.items():
        _replace(place / f"{golden.name}{suffix}", text)
    known = _manifest(place)
    known[golden.name] = {suffix: hashlib.sha256(text).hexdigest() for suffix, text in texts.items()}
    _replace(place / _MANIFEST, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode("ascii"))
    return place / f"{golden.name}.json"


def plain_time(equity: pd.Series) -> pd.Series:
    """Return a curve whose dates have no zone: those of a zone in UTC."""
    index = pd.DatetimeIndex(equity.index)
    return equity if index.tz is None else equity.set_axis(index.tz_convert("UTC").tz_localize(None))


def _pretty(document: Mapping[str, Any]) -> bytes:
    """The codec's text, laid out so that a reviewer sees what changed."""
    return (json.dumps(json.loads(dumps(document)), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(
        "utf-8"
    )


def _manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / _MANIFEST
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
    except (OSError, ValueError, AssertionError) as error:
        raise DataInvalid(f"{str(path)!r} cannot be read: {error}", hint="Restore it from the repository.") from error
    return found


def _replace(path: Path, text: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(text)
    draft.replace(path)
