"""The frames of a dataset as files, and the dataset again from them, with the same content id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.errors import StoreError
from outsample.store.codec import dumps
from outsample.store.documents import read_document
from outsample.store.files import write_text
from outsample.store.parquet import read_table, write_table

__all__ = ["read_dataset", "write_dataset"]

_DOCUMENT = "data.json"


def write_dataset(folder: Path, data: Dataset) -> None:
    """Write every stored frame of a dataset and what a market needs to know of it.

    Raises
    ------
    DataInvalid
        A frame has values that no file keeps.
    """
    frames = {}
    for number, (name, frame) in enumerate(sorted(data.stored().items())):
        file = f"frame{number}.parquet"
        plain = frame.set_axis(range(frame.shape[1]), axis=1).reset_index(drop=True)
        write_table(folder / file, pd.concat([pd.Series(frame.index, name="index"), plain], axis=1))
        frames[name] = {"file": file, **_labels(frame)}
    document = {
        "format": 1,
        "id": data.id,
        "name": data.name,
        "market": data.market,
        "periods_per_year": data.periods_per_year,
        "benchmark": _plain(data.benchmark),
        "warnings": list(data.warnings),
        "sessions": list(data.sessions),
        "frames": frames,
    }
    write_text(folder / _DOCUMENT, dumps(document) + "\n")


def read_dataset(folder: Path) -> Dataset:
    """Return the dataset of a folder.

    Raises
    ------
    StoreError
        A file is missing or broken, or the content is not what its id says.
    """
    document = read_document(folder / _DOCUMENT)
    try:
        frames = {name: _frame(folder, entry) for name, entry in document["frames"].items()}
        details = {name: document[name] for name in ("benchmark", "warnings")}
        details |= {"warnings": tuple(details["warnings"]), "sessions": pd.DatetimeIndex(document["sessions"])}
        data = Dataset(
            frames,
            name=document["name"],
            market=document["market"],
            periods_per_year=document["periods_per_year"],
            details=details,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"The data in {folder} cannot be read: {error}.") from error
    if data.id != document["id"]:
        raise StoreError(
            f"The data in {folder} are not those of their id: {data.id[:12]}, not {str(document['id'])[:12]}."
        )
    return data


def _labels(frame: pd.DataFrame) -> dict[str, Any]:
    index = frame.index
    return {
        "columns": [_plain(item) for item in frame.columns],
        "columns_dtype": str(frame.columns.dtype),
        "columns_name": frame.columns.name,
        "dtypes": [str(dtype) for dtype in frame.dtypes],
        "index_name": index.name,
        "index_dtype": str(index.dtype),
    }


def _plain(item: object) -> object:
    return item.item() if isinstance(item, np.generic) else item


def _frame(folder: Path, entry: dict[str, Any]) -> pd.DataFrame:
    table = read_table(folder / Path(entry["file"]).name)
    columns = pd.Index(entry["columns"], dtype=entry["columns_dtype"], name=entry["columns_name"])
    arrays = {
        place: table[str(place)].astype(dtype) if str(table[str(place)].dtype) != dtype else table[str(place)]
        for place, dtype in enumerate(entry["dtypes"])
    }
    frame = pd.DataFrame(arrays)
    frame.index = pd.Index(table["index"].astype(entry["index_dtype"]), name=entry["index_name"])
    frame.columns = columns
    return frame
