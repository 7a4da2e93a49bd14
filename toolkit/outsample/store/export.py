"""Tables of a result for other programs: csv, Parquet, or one workbook of spreadsheets."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd

from outsample.errors import ConfigError, StoreError
from outsample.pipeline import Outcome
from outsample.store.parquet import write_table

__all__ = ["export_tables", "tables_of"]

# What a worksheet can hold.
_ROWS, _COLUMNS = 1_048_576, 16_384
_FORBIDDEN = {code: None for code in range(32) if code not in (9, 10, 13)}


def tables_of(outcome: Outcome) -> dict[str, pd.DataFrame]:
    """Return the tables of a result, each with plain columns: dates first, a column per symbol."""
    simulation = outcome.simulation
    equity = pd.DataFrame({"equity": simulation.equity, "returns": simulation.returns})
    if outcome.benchmark is not None:
        equity["benchmark"] = outcome.benchmark.equity
    metrics = outcome.metrics.to_dict()
    numbers = {name: value for name, value in metrics.items() if value is None or isinstance(value, int | float)}
    return {
        "equity": _dated(equity),
        "weights": _dated(simulation.weights),
        "positions": _dated(outcome.positions.frame),
        "trades": simulation.trades.reset_index(drop=True),
        "metrics": pd.DataFrame({"metric": list(numbers), "value": pd.Series(list(numbers.values()), dtype=float)}),
    }


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    plain = frame.set_axis(frame.columns.map(str), axis=1)
    return plain.rename_axis(index="date").rename_axis(columns=None).reset_index()


def export_tables(outcome: Outcome, folder: Path, kind: str) -> list[Path]:
    """Write the tables of a result into a folder; each file appears whole or not at all."""
    writers: Mapping[str, Callable[[Path, pd.DataFrame], None]] = {"csv": _write_csv, "parquet": write_table}
    if kind not in (*writers, "xlsx"):
        raise ConfigError(f"format must be one of 'csv', 'parquet', 'xlsx'. Got {kind!r}.")
    tables = tables_of(outcome)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "xlsx":
            target = folder / "result.xlsx"
            _placed(target, lambda path: _write_workbook(path, tables))
            return [target]
        found = []
        for name, table in tables.items():
            target = folder / f"{name}.{kind}"
            _placed(target, lambda path, table=table: writers[kind](path, table))  # type: ignore[misc]
            found.append(target)
    except OSError as error:
        raise StoreError(f"The result cannot be written to {folder}: {error}.") from error
    return found


def _placed(target: Path, write: Callable[[Path], None]) -> None:
    aside = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        write(aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    # Numbers with all their digits; a spreadsheet takes text with a leading = for a formula.
    safe = table.rename(columns=_harmless)
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]) and not pd.api.types.is_datetime64_any_dtype(safe[name]):
            safe[name] = safe[name].map(_harmless)
    safe.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def _harmless(text: object) -> object:
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


# -- a workbook (ECMA-376), with text inline: no formula, no macro, no link


def _write_workbook(path: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        if len(table) + 1 > _ROWS or table.shape[1] > _COLUMNS:
            raise ConfigError(
                f"The table {name!r} has {len(table)} rows and {table.shape[1]} columns, more than a worksheet holds "
                f"({_ROWS} and {_COLUMNS}).",
                hint="Use format='parquet' or format='csv'.",
            )
    names = list(tables)
    sheets = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1))
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(names) + 1)
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_SHEET}.worksheet+xml"/>'
        for n in range(1, len(names) + 1)
    )
    with ZipFile(path, "w", ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _HEAD + _TYPES.format(kinds=kinds))
        book.writestr("_rels/.rels", _HEAD + _ROOT)
        book.writestr("xl/workbook.xml", _HEAD + _BOOK.format(sheets=sheets))
        book.writestr("xl/_rels/workbook.xml.rels", _HEAD + f'<Relationships xmlns="{_LINKS}">{links}</Relationships>')
        for number, table in enumerate(tables.values(), 1):
            with book.open(f"xl/worksheets/sheet{number}.xml", "w") as stream:
                for text in _sheet(table):
                    stream.write(text.encode("utf-8"))


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET}.sheet.main+xml"/>'
    "{kinds}</Types>"
)
_ROOT = (
    f'<Relationships xmlns="{_LINKS}">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_BOOK = f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{{sheets}}</sheets></workbook>'


def _sheet(table: pd.DataFrame) -> Iterator[str]:
    yield f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'
    yield _row(list(table.columns))
    columns = [table[name].tolist() for name in table.columns]
    for values in zip(*columns, strict=True):
        yield _row(list(values))
    yield "</sheetData></worksheet>"


def _row(values: list[object]) -> str:
    return f"<row>{''.join(map(_cell, values))}</row>"


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or value is pd.NA:
        return "<c/>"
    if isinstance(value, bool | np.bool_):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int) and abs(value) < 2**53:
        return f"<c><v>{value}</v></c>"
    if isinstance(value, float):
        return f"<c><v>{value!r}</v></c>" if math.isfinite(value) else "<c/>"
    text = value.isoformat(sep=" ") if isinstance(value, pd.Timestamp) else str(value)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text.translate(_FORBIDDEN))}</t></is></c>'
