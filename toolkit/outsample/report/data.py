"""The results of a report as data: what its cells show, as JSON and Parquet beside it.

A value that is displayed while a report runs adds its numbers to its own output, under a type that no front end
shows; when the notebook is done they are taken out of it again and written to files.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from outsample.store.parquet import write_table

__all__ = ["COLLECTING", "MIME", "attached", "collecting", "suffixes", "taken_out", "write_data"]

# Set for the kernel of a report.
COLLECTING = "OUTSAMPLE_REPORT_DATA"
MIME = "application/vnd.outsample.result.v1+json"
# What a value may have besides its numbers; the first two become Parquet, a row per date and per trade.
_SERIES = "equity"
_TRADES = "trades"
_TABLES = ("table", "windows", "comparison", "stability")


def collecting() -> bool:
    """Whether this process runs the cells of a report."""
    return bool(os.environ.get(COLLECTING))


def attached(value: object) -> dict[str, Any]:
    """Return what a displayed value adds to its output: its numbers in a report, nothing elsewhere.

    Parameters
    ----------
    value : object
        With ``to_dict`` or ``to_json``, or with attributes such as equity, trades, table, windows.
    """
    return {MIME: _data_of(value)} if collecting() else {}


def _data_of(value: Any) -> dict[str, Any]:  # noqa: ANN401 - duck-typed, as documented
    found: dict[str, Any] = {"type": type(value).__name__, "name": str(getattr(value, "name", ""))}
    if hasattr(value, "to_json"):
        found["values"] = json.loads(value.to_json())
    elif hasattr(value, "to_dict"):
        found["values"] = value.to_dict()
    elif hasattr(value, "metrics") and hasattr(value.metrics, "to_dict"):
        found["values"] = {"metrics": value.metrics.to_dict()}
    tables = {name: getattr(value, name, None) for name in _TABLES}
    found["tables"] = {name: _columns(table) for name, table in tables.items() if isinstance(table, pd.DataFrame)}
    equity, trades = getattr(value, _SERIES, None), getattr(value, _TRADES, None)
    if isinstance(equity, pd.Series):
        found[_SERIES] = _columns(equity.rename("equity").rename_axis("date").reset_index())
    if isinstance(trades, pd.DataFrame):
        found[_TRADES] = _columns(trades)
    return cast("dict[str, Any]", _plain(found))


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table by column; an index that says something is a column."""
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    return {str(name): table.iloc[:, place].tolist() for place, name in enumerate(table.columns)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a table holds
    """As JSON has it: NaN and missing moments are null, moments are ISO 8601, the rest is text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or value is pd.NaT or isinstance(value, bool | int | str):
        return None if value is pd.NaT else value
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def taken_out(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Remove from the outputs of a notebook what `attached` added, and return it in the order of the cells.

    Parameters
    ----------
    notebook : mapping
        JSON of an executed notebook; changed in place.
    """
    found = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            output.get("metadata", {}).pop(MIME, None)
            data = output.get("data", {}).pop(MIME, None)
            if data is not None:
                found.append(data)
    return found


def suffixes() -> tuple[str, ...]:
    """Return what is appended to a report's name for each file that `write_data` may write."""
    return ("-data.json", "-equity.parquet", "-trades.parquet")


def write_data(found: Sequence[Mapping[str, Any]], draft: Path, parameters: Mapping[str, object]) -> None:
    """Write the data of a report beside its notebook; without any, nothing.

    ``NAME-data.json`` has parameters, numbers and tables by result; ``NAME-equity.parquet`` [result, name, date,
    equity] and ``NAME-trades.parquet`` [result, name, ...] count the results from 1 in the order of the page.

    Parameters
    ----------
    found : sequence of mapping
        Of `taken_out`.
    draft : Path
        The notebook.
    parameters : mapping
        Every parameter with the value it had.
    """
    if not found:
        return
    results = [{key: value for key, value in item.items() if key not in (_SERIES, _TRADES)} for item in found]
    document = {"version": 1, "parameters": _plain(dict(parameters)), "results": results}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (draft.parent / f"{draft.stem}-data.json").write_text(text + "\n", encoding="utf-8")
    for name in (_SERIES, _TRADES):
        parts = [_numbered(place, item, name) for place, item in enumerate(found, 1) if item.get(name)]
        # A strategy without trades has none to add, and no types of columns either.
        parts = [part for part in parts if len(part)]
        if parts:
            write_table(draft.parent / f"{draft.stem}-{name}.parquet", pd.concat(parts, ignore_index=True))


def _numbered(place: int, item: Mapping[str, Any], name: str) -> pd.DataFrame:
    table = pd.DataFrame(item[name])
    for column in table.columns:
        if "date" in str(column):
            table[column] = pd.to_datetime(table[column], format="ISO8601")
    table.insert(0, "result", place)
    table.insert(1, "name", item["name"])
    return table
