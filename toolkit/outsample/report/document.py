"""A report as a value: what is said, in which order, already as text. Renderers only lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from outsample.report.formats import shown, spaced

__all__ = ["Document", "Picture", "Table", "table_of"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A small table of text.

    Parameters
    ----------
    title : str
    columns : tuple of str
    rows : tuple of tuple of str
    numeric : frozenset of int
        Places of columns that are set right-aligned.
    note : str
        Said below the table.
    folded : bool
        Closed until it is clicked.
    foreign : frozenset of int
        Places of columns that are not the strategy's: believed even when its numbers are not.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""
    folded: bool = False
    foreign: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG with the sentence that stands for it.

    Parameters
    ----------
    title : str
    png : bytes
    alternative : str
        What the picture shows, in words.
    """

    title: str
    png: bytes
    alternative: str


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report.

    Parameters
    ----------
    title : str
    facts : tuple of (label, text)
        The header: period, dataset, costs, key.
    level : str
        Success level, shown as a badge.
    reasons : tuple of str
    alarm : str
        Non-empty when the numbers must not be believed; they are struck through.
    metrics : Table
    pictures : tuple of Picture
    tables : tuple of Table
    warnings : tuple of str
    output : str
        What the strategy printed.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    level: str
    reasons: tuple[str, ...]
    metrics: Table
    alarm: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    output: str = ""

    def __post_init__(self) -> None:
        """Write percents alike: these sentences come from the layers below."""
        object.__setattr__(self, "reasons", tuple(map(spaced, self.reasons)))
        object.__setattr__(self, "warnings", tuple(map(spaced, self.warnings)))


def table_of(
    title: str,
    frame: pd.DataFrame,
    *,
    formats: dict[str, object] | None = None,
    limit: int = 50,
    note: str = "",
    folded: bool = False,
) -> Table:
    """Return a DataFrame as a table of text.

    Parameters
    ----------
    title : str
    frame : DataFrame
        Columns are shown as they are named, without the index.
    formats : mapping of column to function, optional
        How values become text; the rest is shown by `formats.shown`.
    limit : int
        Rows at most; the note says how many there are.
    """
    makers = formats or {}
    head = frame.head(limit)
    columns = [
        [_text(makers.get(str(name), shown), value) for value in head.iloc[:, place]]
        for place, name in enumerate(head.columns)
    ]
    numeric = frozenset(
        place
        for place, name in enumerate(head.columns)
        if str(name) in makers or pd.api.types.is_numeric_dtype(head.iloc[:, place].dtype)
    )
    if len(frame) > limit:
        note = f"{note} The first {limit} of {len(frame)} rows.".strip()
    return Table(
        title=title,
        columns=tuple(str(name).replace("_", " ") for name in head.columns),
        rows=_transposed(columns),
        numeric=numeric,
        note=note,
        folded=folded,
    )


def _text(maker: object, value: object) -> str:
    assert callable(maker)
    return str(maker(value))


def _transposed(columns: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(*columns, strict=True)) if columns else ()
