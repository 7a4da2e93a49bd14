"""A qlib data directory, read without qlib.

::

    calendars/day.txt                    one date per line
    instruments/all.txt                  symbol, first date, last date, with tabs; a symbol may have several spans
    features/<symbol>/<field>.day.bin    float32, little-endian: the place of the first value in the calendar, values

Prices in it are adjusted, and ``factor`` is adjusted / as traded; volume is divided by the factor. As
traded are therefore close / factor and volume x factor. Fields beyond these are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid, DataMissing, nearest

__all__ = ["qlib_frames"]

Array = np.ndarray
Spans = dict[str, list[tuple[pd.Timestamp, pd.Timestamp]]]
_PRICES = ("open", "high", "low", "close")
# Names of devices on Windows are folders with this in front.
_DEVICE = "_qlib_"


def qlib_frames(spec: str) -> dict[str, pd.DataFrame]:
    """Return the frames of a qlib data directory.

    Parameters
    ----------
    spec : str
        The folder, then optionally "?instruments=csi300&freq=day": a list of instruments, whose spans
        become the frame `universe`, and the frequency of bars.

    Returns
    -------
    dict of str to DataFrame [date x symbol]
        open, high, low, close and volume as traded, adj_close, and every other field by its name; NaN where
        there is no value and outside a symbol's spans. Without a factor only adjusted prices are known, and
        close is those.

    Raises
    ------
    DataMissing
        The folder, its calendar, instruments or closes are not there.
    DataInvalid
        A file does not fit the calendar or cannot be read.
    """
    place, _, query = spec.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(options) - {"instruments", "freq"})
    if unknown:
        raise DataMissing(
            f"A qlib directory has no option {unknown[0]!r}.", hint=nearest(unknown[0], ["instruments", "freq"])
        )
    root, freq = Path(place).expanduser(), options.get("freq", "day")
    calendar = _calendar(root, freq)
    spans = _instruments(root, "all")
    fields = _read(root, freq, calendar, spans)
    if "close" not in fields:
        raise DataMissing(f"{root} has no values of 'close' for any instrument.")
    frames = _as_traded(fields, calendar, sorted(spans))
    chosen = options.get("instruments")
    if chosen is not None and chosen != "all":
        member = np.zeros((len(calendar), len(spans)), dtype=bool)
        for column, symbol in enumerate(sorted(spans)):
            member[:, column] = _inside(calendar, _instruments(root, chosen).get(symbol, []))
        frames["universe"] = pd.DataFrame(member, index=calendar, columns=sorted(spans))
    return frames


def _calendar(root: Path, freq: str) -> pd.DatetimeIndex:
    path = root / "calendars" / f"{freq}.txt"
    lines = _lines(path)
    try:
        calendar = pd.DatetimeIndex(pd.to_datetime(lines)).as_unit("ns")
    except (ValueError, TypeError) as error:
        raise DataInvalid(f"{path} has a line that is no date: {error}") from error
    if not len(calendar) or not calendar.is_unique or not calendar.is_monotonic_increasing:
        raise DataInvalid(f"{path} must list at least one date, in order, each once.")
    return calendar


def _instruments(root: Path, name: str) -> Spans:
    path = root / "instruments" / f"{Path(name).name.lower()}.txt"
    spans: Spans = {}
    for number, line in enumerate(_lines(path), start=1):
        parts = line.split("\t")
        try:
            if len(parts) < 3:
                raise ValueError("symbol, first date and last date are needed, with tabs")
            spans.setdefault(parts[0].upper(), []).append((pd.Timestamp(parts[1]), pd.Timestamp(parts[2])))
        except ValueError as error:
            raise DataInvalid(f"{path}, line {number}: {error}") from error
    if not spans:
        raise DataInvalid(f"{path} lists no instrument.")
    return spans


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError as error:
        there = sorted(item.stem for item in path.parent.glob("*.txt"))
        hint = (
            f"There are {', '.join(there)}." if there else "A qlib directory has calendars, instruments and features."
        )
        raise DataMissing(f"There is no file {path}.", hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataInvalid(f"{path} cannot be read: {error}") from error


def _read(root: Path, freq: str, calendar: pd.DatetimeIndex, spans: Spans) -> dict[str, Array]:
    """All fields: values by date and symbol, NaN outside the spans."""
    fields: dict[str, Array] = {}
    ending = f".{freq}.bin"
    for column, symbol in enumerate(sorted(spans)):
        inside = _inside(calendar, spans[symbol])
        for path in sorted(_folder(root, symbol).glob(f"*{ending}")):
            name = path.name.removesuffix(ending).lower()
            if name not in fields:
                fields[name] = np.full((len(calendar), len(spans)), np.nan)
            start, values = _values(path, len(calendar))
            fields[name][start : start + len(values), column] = values
            fields[name][~inside, column] = np.nan
    return fields


def _folder(root: Path, symbol: str) -> Path:
    folder = root / "features" / symbol.lower()
    return folder if folder.is_dir() else root / "features" / f"{_DEVICE}{symbol.lower()}"


def _values(path: Path, bars: int) -> tuple[int, Array]:
    content = path.read_bytes()
    if len(content) % 4:
        raise DataInvalid(f"{path} has {len(content)} bytes: not a whole number of float32.")
    numbers = np.frombuffer(content, dtype="<f4").astype(np.float64)
    if not len(numbers):
        return 0, numbers
    start = numbers[0]
    if not (start >= 0 and start == int(start) and start + len(numbers) - 1 <= bars):
        raise DataInvalid(
            f"{path} starts at {start:g} with {len(numbers) - 1} values, and the calendar has {bars} dates.",
            hint="The calendar and the features are of different downloads.",
        )
    return int(start), numbers[1:]


def _inside(calendar: pd.DatetimeIndex, spans: list[tuple[pd.Timestamp, pd.Timestamp]]) -> Array:
    days = calendar.normalize()
    inside = np.zeros(len(calendar), dtype=bool)
    for first, last in spans:
        inside |= np.asarray((days >= first.normalize()) & (days <= last.normalize()))
    return inside


def _as_traded(fields: dict[str, Array], calendar: pd.DatetimeIndex, symbols: list[str]) -> dict[str, pd.DataFrame]:
    def frame(values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=calendar, columns=symbols)

    factor = fields.pop("factor", None)
    frames: dict[str, pd.DataFrame] = {}
    if factor is not None:
        # A missing factor says nothing about a price; the last known one holds, then the first.
        factor = frame(factor).ffill().bfill().to_numpy()
        if (factor <= 0).any():
            raise DataInvalid("The directory has a factor that is not positive.")
        frames["adj_close"] = frame(fields["close"])
    changes: dict[str, Callable[[Array, Array], Array]] = dict.fromkeys(_PRICES, np.divide)
    changes["volume"] = np.multiply
    for name, values in fields.items():
        change = changes.get(name)
        frames[name] = frame(values if factor is None or change is None else change(values, factor))
    return frames
