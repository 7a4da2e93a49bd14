"""What a confined child answered, read and checked; how it comes is said in `outsample.sandbox.wire`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from outsample.errors import ResultInvalid
from outsample.model import ExecutionResult, Positions, SimCall
from outsample.sandbox.wire import HINT, Message

__all__ = ["Answer", "BatchPositions", "decode_answer", "decode_answers", "plain_text", "with_positions"]

MAXIMUM_SYMBOLS = 100_000
MAXIMUM_ROWS = 2_000_000
MAXIMUM_TEXT = 20_000
MAXIMUM_WARNINGS = 50
MAXIMUM_OPTIONS = 64
MAXIMUM_DATES = 100_000
MAXIMUM_BATCH = 10_000
_STATUSES = ("ok", "strategy_error", "memory")
_KINDS = ("position", "signal")
_DIALECTS = ("outsample", "finlab")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a child said, after all checks.

    Parameters
    ----------
    status : {"ok", "strategy_error", "memory"}
    positions : Positions or None
        With status ok.
    error, error_type, hint, traceback : str
        Plain text, cut to 20,000 characters, control characters replaced.
    line : int or None
    warnings : tuple of str
    code : str
        Code of the outsample error behind a strategy_error, or an empty string.
    """

    status: str
    positions: Positions | None = None
    error: str = ""
    error_type: str = ""
    hint: str = ""
    traceback: str = ""
    line: int | None = None
    warnings: tuple[str, ...] = ()
    code: str = ""


Said = TypeVar("Said", Answer, ExecutionResult)


def plain_text(text: str, *, limit: int = MAXIMUM_TEXT) -> str:
    """Return text in which control characters are replaced, cut to a length.

    Line feeds and tabs stay. C0 controls become the pictures of U+2400, other controls, direction marks and
    lone surrogates U+FFFD: nothing written by a strategy can move a terminal's cursor or turn text around.

    Examples
    --------
    >>> plain_text("a\\x1b[2Jb\\u202ec")
    'a␛[2Jb�c'
    """
    return text[:limit].translate(_PLAIN)


def _plain_table() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"}
    table |= dict.fromkeys((*range(0x7F, 0xA0), *range(0xD800, 0xE000)), "�")
    table |= dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�")
    table |= dict.fromkeys((0x2028, 0x2029, 0xFEFF, *range(0xFFF9, 0xFFFC)), "�")
    return table


_PLAIN = _plain_table()


def decode_answer(message: Message) -> Answer:
    """Check a message from a child and return what it says.

    Raises
    ------
    ResultInvalid
        Anything about it is not as it must be: what, got; or it is a batch.
    """
    found = decode_answers(message)
    if len(found) != 1:
        raise _invalid("number of answers", len(found))
    return found[0]


def decode_answers(message: Message) -> list[Answer]:
    """As `decode_answer`, for a message that may hold a batch of answers."""
    try:
        header = json.loads(message.header)
    except (ValueError, RecursionError) as error:
        raise ResultInvalid("What the sandbox sent back cannot be read.", hint=HINT) from error
    if not isinstance(header, dict):
        raise _invalid("header", header)
    status = header.get("status")
    if status not in _STATUSES:
        raise _invalid("status", status)
    warnings = header.get("warnings", [])
    if not isinstance(warnings, list) or not all(isinstance(item, str) for item in warnings):
        raise _invalid("warnings", warnings)
    line = header.get("line")
    if line is not None and (type(line) is not int or not 0 < line < 10_000_000):
        raise _invalid("line", line)
    texts = {name: _text(header, name) for name in ("error", "error_type", "hint", "traceback", "code")}
    count = header.get("batch", 1)
    if type(count) is not int or not 1 <= count <= MAXIMUM_BATCH or (status != "ok" and count != 1):
        raise _invalid("number of answers", count)
    positions = _positions(header, message, count) if status == "ok" else [None]
    said = tuple(plain_text(item, limit=500) for item in warnings[:MAXIMUM_WARNINGS])
    first = Answer(status=status, positions=positions[0], line=line, warnings=said, **texts)
    return [first, *(with_positions(first, one) for one in positions[1:])]


def with_positions(said: Said, positions: Positions | None) -> Said:
    """Return what is said of one answer of a batch for another: they differ in their positions alone."""
    other = object.__new__(type(said))
    other.__dict__.update(said.__dict__, positions=positions)
    return other


def _invalid(what: str, got: object) -> ResultInvalid:
    return ResultInvalid(f"The result's {what} is not allowed. Got {plain_text(repr(got), limit=80)}.", hint=HINT)


def _text(header: Mapping[str, object], name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str):
        raise _invalid(name, value)
    return plain_text(value)


def _positions(header: Mapping[str, object], message: Message, count: int) -> list[Positions | None]:
    kind = header.get("kind")
    if kind not in _KINDS:
        raise _invalid("kind", kind)
    call = _call(header.get("call"))
    tables, index, names = _tables(header.get("frame"), message, count)
    if count == 1:
        return [Positions(frame=_frame(tables[0], index, names), kind=str(kind), call=call)]
    return [BatchPositions(tables, place, (index, names), kind=str(kind), call=call) for place in range(count)]


def _frame(table: np.ndarray, index: pd.DatetimeIndex, names: pd.Index) -> pd.DataFrame:
    return pd.DataFrame(table, index=index, columns=names, copy=False)


class BatchPositions(Positions):
    """Positions that came with others in one batch; their frame is made when it is asked for.

    Parameters
    ----------
    tables : ndarray [answer x date x symbol]
        Of the whole batch.
    place : int
        Which of them.
    labels : tuple of (DatetimeIndex, Index)
    kind, call
        As in `Positions`.
    """

    def __init__(
        self,
        tables: np.ndarray,
        place: int,
        labels: tuple[pd.DatetimeIndex, pd.Index],
        *,
        kind: str,
        call: SimCall | None,
    ) -> None:
        self.__dict__.update(tables=tables, place=place, labels=labels, kind=kind, call=call)

    tables: np.ndarray
    place: int
    labels: tuple[pd.DatetimeIndex, pd.Index]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table with its labels."""
        return _frame(self.tables[self.place], *self.labels)

    def __reduce__(self) -> tuple[object, ...]:
        # Elsewhere it is alone: the rest of the batch need not travel with it.
        return _alone, (self.frame, self.kind, self.call)


def _alone(frame: pd.DataFrame, kind: str, call: SimCall | None) -> Positions:
    return Positions(frame=frame, kind=kind, call=call)


def _tables(said: object, message: Message, count: int) -> tuple[np.ndarray, pd.DatetimeIndex, pd.Index]:
    if not isinstance(said, dict):
        raise _invalid("frame", said)
    rows, columns, dtype = said.get("rows"), said.get("columns"), said.get("dtype")
    if type(rows) is not int or not 0 <= rows <= MAXIMUM_ROWS:
        raise _invalid("number of rows", rows)
    if dtype not in ("bool", "float64"):
        raise _invalid("dtype", dtype)
    names, body = _columns(columns), message.body
    cells = count * rows * len(names)
    expected = 8 * rows + (-(-cells // 8) if dtype == "bool" else 8 * cells)
    if len(body) != expected:
        raise ResultInvalid(f"The result's length does not fit its shape: {len(body)} bytes, expected {expected}.")
    if cells > message.limit:
        raise ResultInvalid(
            f"The result is larger than allowed: {cells:,} cells, at most {message.limit:,}.", hint=HINT
        )
    index = _index(np.frombuffer(body, "<i8", rows), said.get("tz"))
    values = _bits(body, 8 * rows, cells) if dtype == "bool" else _numbers(np.frombuffer(body, "<f8", offset=8 * rows))
    return values.reshape(count, rows, len(names)), index, names


def _columns(columns: object) -> pd.Index:
    if not isinstance(columns, list) or len(columns) > MAXIMUM_SYMBOLS:
        raise _invalid("columns", type(columns).__name__)
    text = all(type(name) is str and 0 < len(name) <= 120 for name in columns)
    if not text and not all(type(name) is int and abs(name) < 2**63 for name in columns):
        raise ResultInvalid("The columns of the positions must be symbols of at most 120 characters.", hint=HINT)
    if len(set(columns)) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise ResultInvalid(f"The positions have the column {plain_text(repr(twice), limit=130)} more than once.")
    if text and any(plain_text(name, limit=120) != name or "\n" in name or "\t" in name for name in columns):
        raise ResultInvalid("The columns of the positions contain control characters.", hint=HINT)
    return pd.Index(columns, dtype=None if columns else object)


def _index(stamps: np.ndarray, zone: object) -> pd.DatetimeIndex:
    if stamps.size and stamps.min() == np.iinfo(np.int64).min:
        raise ResultInvalid("The index of the positions contains NaT.", hint=HINT)
    if stamps.size > 1 and not (np.diff(stamps) > 0).all() and np.unique(stamps).size != stamps.size:
        raise ResultInvalid("The index of the positions has a date more than once.", hint="Keep one row per date.")
    index = pd.DatetimeIndex(stamps.astype("datetime64[ns]"))
    if zone is None:
        return index
    if not isinstance(zone, str) or len(zone) > 60:
        raise _invalid("time zone", zone)
    try:
        return index.tz_localize("UTC").tz_convert(zone)
    except Exception as error:  # zoneinfo raises many kinds for a name that is none
        raise _invalid("time zone", zone) from error


def _bits(body: bytearray, begin: int, cells: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(body, np.uint8, offset=begin), count=cells).view(np.bool_)


def _numbers(raw: np.ndarray) -> np.ndarray:
    if np.isinf(raw).any():
        raise ResultInvalid("The positions contain infinite values.", hint="Check for a division by zero.")
    return raw.astype(np.float64, copy=False)


def _call(said: object) -> SimCall | None:
    if said is None:
        return None
    if not isinstance(said, dict) or said.get("dialect") not in _DIALECTS:
        raise _invalid("sim call", said)
    options = said.get("options")
    if not isinstance(options, dict) or len(options) > MAXIMUM_OPTIONS:
        raise _invalid("sim options", options)
    return SimCall(dialect=said["dialect"], options={_option_name(n): _option(v) for n, v in options.items()})


def _option_name(name: str) -> str:
    if len(name) > 60 or not name.isidentifier():
        raise _invalid("sim option", name)
    return name


def _option(value: object) -> object:
    if isinstance(value, list):
        if len(value) > MAXIMUM_DATES or not all(isinstance(item, str) and len(item) <= 60 for item in value):
            raise _invalid("list of dates in a sim option", value)
        return [plain_text(item) for item in value]
    if isinstance(value, str) and len(value) <= 500:
        return plain_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _invalid("sim option", value)
