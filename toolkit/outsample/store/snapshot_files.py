"""Snapshots on disk: objects named by their content, and manifests that name the objects of a dataset.

::

    objects/ab/<object id>.parquet           one frame; its id is the digest of its content
    objects/ab/<object id>.parquet.sha256    digest of the file, against bit rot
    snapshots/<snapshot id>.json             {"format": 1, "frames": {name: object id}}

Nothing is ever changed: what is there under an id is what the id says, or it is broken and named. Parquet is
storage alone: three versions of a writer make three files of one table, all of one id.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outsample.data.content import frame_id, snapshot_id
from outsample.errors import DataInvalid, DataMissing, StoreError
from outsample.store.files import sha256_of, sync_folder
from outsample.store.steps import step

__all__ = [
    "check_object",
    "object_path",
    "place_file",
    "read_frames",
    "read_manifest",
    "read_object",
    "snapshot_path",
    "write_frames",
    "write_object",
]

_HEADER = b"outsample"
_SPACE = "Free space on the disk, or give this user the right to write there."


def object_path(root: Path, object_id: str) -> Path:
    """Return the place of an object below the store's folder."""
    return root / "objects" / _hexadecimal(object_id)[:2] / f"{object_id}.parquet"


def snapshot_path(root: Path, snapshot: str) -> Path:
    """Return the place of a manifest below the store's folder."""
    return root / "snapshots" / f"{_hexadecimal(snapshot)}.json"


def write_frames(root: Path, frames: Mapping[str, pd.DataFrame]) -> tuple[str, dict[str, str]]:
    """Write a snapshot: its objects, then its manifest.

    Returns
    -------
    snapshot id, ids of the objects by name

    Raises
    ------
    DataInvalid
        A frame cannot be kept so that it reads back the same.
    StoreError
        The disk cannot be written; nothing half-written stays.
    """
    try:
        ids = {name: write_object(root, frame) for name, frame in sorted(frames.items())}
        snapshot = snapshot_id(ids)
        target = snapshot_path(root, snapshot)
        if not target.is_file():
            text = json.dumps({"format": 1, "frames": ids}, indent=1, ensure_ascii=False, sort_keys=True)
            place_file(target, text.encode("utf-8") + b"\n")
        else:
            os.utime(target)
    except OSError as error:
        raise StoreError(f"The snapshot cannot be written below {root}: {error}.", hint=_SPACE) from (error)
    return snapshot, ids


def write_object(root: Path, frame: pd.DataFrame) -> str:
    """Write a frame under its content id, unless it is there whole, and return the id."""
    wanted = frame_id(frame)
    target = object_path(root, wanted)
    if check_object(root, wanted) is None:
        os.utime(target)  # `gc` spares what is young: somebody is about to name it
        return wanted
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        _write_parquet(work, frame)
        if frame_id(_read_parquet(work)) != wanted:
            raise DataInvalid("A frame does not read back as it is and cannot be kept.")
        step("object")
        # The side-car goes first: a file without one counts as broken, and is written again.
        place_file(_sidecar(target), f"{sha256_of(work)}\n".encode())
        work.replace(target)
        sync_folder(target.parent)
    finally:
        work.unlink(missing_ok=True)
    step("object-written")
    return wanted


def read_frames(root: Path, snapshot: str) -> dict[str, pd.DataFrame]:
    """Return the frames of a snapshot, verified, read-only.

    Raises
    ------
    DataMissing
        There is no such snapshot.
    StoreError
        Its manifest or an object is missing or was changed; it is named.
    """
    return {name: read_object(root, item, name) for name, item in read_manifest(root, snapshot).items()}


def read_manifest(root: Path, snapshot: str) -> dict[str, str]:
    """Return the object ids of a snapshot by name, verified."""
    path = snapshot_path(root, snapshot)
    try:
        ids = json.loads(path.read_bytes())["frames"]
        found = {str(name): str(item) for name, item in ids.items()}
    except FileNotFoundError as error:
        raise DataMissing(f"There is no snapshot {snapshot[:12]} below {root}.") from error
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"The manifest {path} cannot be read: {error}.", hint=_AGAIN) from error
    if snapshot_id(found) != snapshot:
        raise StoreError(f"The manifest {path} was changed after it was written.", hint=_AGAIN)
    return found


def read_object(root: Path, object_id: str, name: str = "") -> pd.DataFrame:
    """Return a frame, verified against its side-car and its id.

    Raises
    ------
    StoreError
        It is missing or was changed; frame and file are named.
    """
    wrong = check_object(root, object_id)
    if wrong is not None:
        raise StoreError(f"The frame {name or object_id[:12]!r} of a snapshot is broken: {wrong}.", hint=_AGAIN)
    try:
        frame = _read_parquet(object_path(root, object_id))
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"The frame {name or object_id[:12]!r} cannot be read: {error}.", hint=_AGAIN) from error
    if frame_id(frame) != object_id:
        raise StoreError(f"{object_path(root, object_id)} does not hold what its name says.", hint=_AGAIN)
    return frame


_AGAIN = "Add the same data again (outsample data add NAME FILES), or restore the file from a backup."


def check_object(root: Path, object_id: str) -> str | None:
    """Return what is wrong with the file of an object, in words; None: nothing."""
    path = object_path(root, object_id)
    try:
        expected = _sidecar(path).read_text(encoding="ascii").strip()
        if not path.is_file():
            return f"{path} is missing"
        return None if sha256_of(path) == expected else f"{path} was changed after it was written"
    except FileNotFoundError:
        return f"{path} is missing" if not path.is_file() else f"{_sidecar(path)} is missing"
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {error}"


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _hexadecimal(text: str) -> str:
    # An id becomes a path; nothing but 64 hexadecimal digits may.
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise DataMissing(f"A snapshot id has 64 hexadecimal digits. Got {text!r:.80}.")
    return text


def place_file(target: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with work.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        work.replace(target)
        sync_folder(target.parent)
    finally:
        work.unlink(missing_ok=True)


# -- one frame as one Parquet file
#
# Columns are found by place: labels (text or whole numbers, also equal ones of both kinds) and the zone are in a
# header, so that nothing depends on what a reader makes of names and types.


def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    indexed = isinstance(frame.index, pd.DatetimeIndex)
    parts = _parts(frame)
    if indexed:
        parts.insert(0, _to_arrow(pd.Series(frame.index)))
    names = [*(["date"] if indexed else []), *(str(label) for label in frame.columns)]
    header = {
        "format": 1,
        "indexed": indexed,
        "labels": [item.item() if isinstance(item, np.generic) else item for item in frame.columns],
        "kinds": [kind for kind, _ in parts],
    }
    table = pa.Table.from_arrays([array for _, array in parts], names=names)
    table = table.replace_schema_metadata({_HEADER: json.dumps(header, ensure_ascii=False)})
    pq.write_table(table, path, compression="snappy", use_dictionary=False, version="2.6", store_schema=True)
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _parts(frame: pd.DataFrame) -> list[tuple[str, Any]]:
    import pyarrow as pa

    if frame.shape[1] and all(dtype == np.dtype(np.float64) for dtype in set(frame.dtypes)):
        values = frame.to_numpy()
        return [("float", pa.array(values[:, place])) for place in range(values.shape[1])]
    return [_to_arrow(frame.iloc[:, place]) for place in range(frame.shape[1])]


def _to_arrow(column: pd.Series) -> tuple[str, Any]:
    import pyarrow as pa

    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype) or dtype.kind == "M":
        index = pd.DatetimeIndex(column)
        zone = "" if index.tz is None else str(index.tz)
        plain = index if index.tz is None else index.tz_convert("UTC").tz_localize(None)
        stamps = plain.as_unit("ns").asi8
        return f"time:{zone}", pa.array(stamps, mask=np.asarray(index.isna())).cast(pa.timestamp("ns"))
    missing = column.isna()
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_integer_dtype(dtype):
        kind = "bool" if pd.api.types.is_bool_dtype(dtype) else "int"
        whole = pa.bool_() if kind == "bool" else pa.int64()
        if not missing.any():
            return kind, pa.array(column.to_numpy().astype(bool if kind == "bool" else np.int64), type=whole)
        return f"{kind}?", pa.array([None if gone else item for item, gone in zip(column, missing, strict=True)], whole)
    if pd.api.types.is_float_dtype(dtype):
        return "float", pa.array(column.to_numpy(dtype=np.float64, na_value=np.nan))
    text = [None if gone else item for item, gone in zip(column, missing, strict=True)]
    return "text", pa.array(text, type=pa.string())


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    # Not read_table: it takes a folder's name for part of the data, and refuses equal names.
    with pq.ParquetFile(path) as file:
        table = file.read()
    header = json.loads((table.schema.metadata or {})[_HEADER])
    kinds, labels = list(header["kinds"]), pd.Index(header["labels"])
    if not len(labels):
        labels = pd.Index([], dtype=object)
    index = None
    start = 0
    if header["indexed"]:
        index, start = pd.DatetimeIndex(_from_arrow(table.column(0), kinds[0])), 1
    wanted = range(start, table.num_columns)
    if wanted and all(kinds[place] in {"float", "bool"} for place in wanted) and len(set(kinds[start:])) == 1:
        values = np.empty(
            (table.num_rows, len(wanted)), dtype=np.float64 if kinds[start] == "float" else bool, order="F"
        )
        for place in wanted:
            values[:, place - start] = table.column(place).to_numpy()
        values.flags.writeable = False
        return pd.DataFrame(values, index=index, columns=labels, copy=False)
    series = [pd.Series(_from_arrow(table.column(place), kinds[place])) for place in wanted]
    if not series:
        return pd.DataFrame(index=index, columns=labels)
    frame = pd.concat(series, axis=1)
    frame.columns = labels
    return frame if index is None else frame.set_axis(index, axis=0)


def _from_arrow(column: Any, kind: str) -> Any:  # noqa: ANN401 - an Arrow column to what pandas makes of it
    if kind.startswith("time:"):
        zone = kind.removeprefix("time:")
        stamps = pd.DatetimeIndex(column.to_numpy()).as_unit("ns")
        return stamps.tz_localize("UTC").tz_convert(zone) if zone else stamps
    if kind in {"bool?", "int?"}:
        return pd.array(column.to_pylist(), dtype="boolean" if kind == "bool?" else "Int64")
    if kind == "text":
        return column.to_pylist()
    return column.to_numpy()
