"""What a confined child answered, read and checked; how it comes is said in `outsample.sandbox.wire`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd

from outsample.errors import ResultInvalid
from outsample.model import ExecutionResult, Positions, SimCall
from outsample.sandbox.wire import HINT, Message
from outsample.sequences import LazySequence

__all__ = [
    "Answer",
    "Batch",
    "BatchPositions",
    "KnownLabels",
    "decode_answer",
    "decode_answers",
    "pace_of",
    "plain_text",
]

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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BatchPositions(LazySequence[Positions]):
    """Tables with the same dates, symbols and options.

    Parameters
    ----------
    tables : ndarray [answer x date x symbol]
    dates, symbols : Index
    kind, call
        As in `Positions`.
    """

    tables: np.ndarray
    dates: pd.Index
    symbols: pd.Index
    kind: str = "position"
    call: SimCall | None = None

    def __len__(self) -> int:
        return len(self.tables)

    def make(self, place: int) -> Positions:
        """Return one of them."""
        frame = pd.DataFrame(self.tables[place], index=self.dates, columns=self.symbols, copy=False)
        return Positions(frame=frame, kind=self.kind, call=self.call)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Batch(LazySequence[Said]):
    """Answers of which the same is said, but for their positions.

    Parameters
    ----------
    said : Answer or ExecutionResult
        What is said of each; its positions do not matter.
    positions : sequence of Positions or None
        Of each.
    """

    said: Said
    positions: Sequence[Positions | None]

    @classmethod
    def of(cls, one: Said) -> Self:
        """Return a batch of one."""
        return cls(said=one, positions=[one.positions])

    def __len__(self) -> int:
        return len(self.positions)

    def make(self, place: int) -> Said:
        """Return one of them."""
        found: Said = dataclasses.replace(self.said, positions=self.positions[place])
        return found


class KnownLabels:
    """Dates and symbols of the message before: those of a session are mostly the same, and need not be read again."""

    def __init__(self) -> None:
        self._said: tuple[object, object] = (None, None)
        self._stamps = b""
        self._read: tuple[pd.DatetimeIndex, pd.Index] | None = None

    def read(self, stamps: bytes, zone: object, columns: list[Any]) -> tuple[pd.DatetimeIndex, pd.Index]:
        """Return the index and the columns that a message has.

        Raises
        ------
        ResultInvalid
            They are no dates or no symbols.
        """
        if self._read is None or (zone, columns) != self._said or stamps != self._stamps:
            names = _columns(columns)
            self._read = _index(np.frombuffer(stamps, "<i8"), zone), names
            self._said, self._stamps = (zone, columns), stamps
        return self._read


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


def decode_answers(message: Message, labels: KnownLabels | None = None) -> Batch[Answer]:
    """As `decode_answer`, for a message that may hold a batch of answers, one of many with the same labels."""
    header = message.said
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
    count, _ = pace_of(message)
    if status != "ok" and count != 1:
        raise _invalid("number of answers", count)
    said = tuple(plain_text(item, limit=500) for item in warnings[:MAXIMUM_WARNINGS])
    positions = _positions(header, message, count, labels or KnownLabels()) if status == "ok" else [None]
    answer = Answer(status=status, positions=None, line=line, warnings=said, **texts)
    return Batch(said=answer, positions=positions)


def pace_of(message: Message) -> tuple[int, float]:
    """Return how many answers a message holds and how many seconds each took, as it says: infinite if it does not.

    Raises
    ------
    ResultInvalid
        These are no such numbers.
    """
    count, seconds = message.said.get("batch", 1), message.said.get("seconds", math.inf)
    if type(count) is not int or not 1 <= count <= MAXIMUM_BATCH:
        raise _invalid("number of answers", count)
    if type(seconds) is not float or not seconds >= 0.0:
        raise _invalid("time", seconds)
    return count, seconds


def _invalid(what: str, got: object) -> ResultInvalid:
    return ResultInvalid(f"The result's {what} is not allowed. Got {plain_text(repr(got), limit=80)}.", hint=HINT)


def _text(header: Mapping[str, object], name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str):
        raise _invalid(name, value)
    return plain_text(value)


def _positions(header: Mapping[str, object], message: Message, count: int, labels: KnownLabels) -> BatchPositions:
    kind = header.get("kind")
    if kind not in _KINDS:
        raise _invalid("kind", kind)
    call = _call(header.get("call"))
    tables, dates, symbols = _tables(header.get("frame"), message, count, labels)
    return BatchPositions(tables=tables, dates=dates, symbols=symbols, kind=str(kind), call=call)


def _tables(
    said: object, message: Message, count: int, labels: KnownLabels
) -> tuple[np.ndarray, pd.DatetimeIndex, pd.Index]:
    if not isinstance(said, dict):
        raise _invalid("frame", said)
    rows, columns, dtype = said.get("rows"), said.get("columns"), said.get("dtype")
    if type(rows) is not int or not 0 <= rows <= MAXIMUM_ROWS:
        raise _invalid("number of rows", rows)
    if dtype not in ("bool", "float64"):
        raise _invalid("dtype", dtype)
    if not isinstance(columns, list) or len(columns) > MAXIMUM_SYMBOLS:
        raise _invalid("columns", type(columns).__name__)
    body = message.body
    shape = (count, rows, len(columns))
    cells, each = math.prod(shape), rows * len(columns)
    size = -(-each // 8) if dtype == "bool" else 8 * each
    expected = 8 * rows + count * size
    if len(body) != expected:
        raise ResultInvalid(f"The result's length does not fit its shape: {len(body)} bytes, expected {expected}.")
    if cells > message.limit:
        raise ResultInvalid(
            f"The result is larger than allowed: {cells:,} cells, at most {message.limit:,}.", hint=HINT
        )
    index, names = labels.read(bytes(body[: 8 * rows]), said.get("tz"), columns)
    raw = np.frombuffer(body, np.uint8, count * size, offset=8 * rows).reshape(count, size)
    values = np.unpackbits(raw, axis=1, count=each).view(np.bool_) if dtype == "bool" else _numbers(raw.view("<f8"))
    return values.reshape(shape), index, names


def _columns(columns: list[Any]) -> pd.Index:
    text = all(type(name) is str and 0 < len(name) <= 120 for name in columns)
    if not text and not all(type(name) is int and abs(name) < 2**63 for name in columns):
        raise ResultInvalid("The columns of the positions must be symbols of at most 120 characters.", hint=HINT)
    if len(set(columns)) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise ResultInvalid(f"The positions have the column {plain_text(repr(twice), limit=130)} more than once.")
    if text and any(plain_text(name, limit=120) != name or "\n" in name or "\t" in name for name in columns):
        raise ResultInvalid("The columns of the positions contain control characters.", hint=HINT)
    names: pd.Index[Any] = pd.Index(columns, dtype=None if columns else object)
    return names


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
