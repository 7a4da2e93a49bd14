"""``load``: a dataset from a name, a path or an id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from outsample import wiring
from outsample.data.dataset import Dataset
from outsample.data.entry import check_future
from outsample.data.normalise import PRICE_FIELDS
from outsample.data.pointintime import COLUMNS
from outsample.data.qlib_directory import qlib_frames
from outsample.data.synthetic import synthetic
from outsample.errors import DataInvalid, DataMissing, nearest

__all__ = ["SnapshotSource", "from_files", "from_qlib", "load"]

SAMPLE = Path(__file__).with_name("sample") / "stocks.parquet"
_SUFFIXES = (".csv", ".csv.gz", ".parquet")
_DATE_NAMES = ("date", "datetime", "timestamp", "time", "day")
_SYMBOL_NAMES = ("symbol", "ticker", "instrument", "code", "stock_id")


class SnapshotSource(Protocol):
    """What `load` needs of a store."""

    def dataset_names(self) -> Collection[str]:
        """Names under which datasets are stored."""
        ...

    def load_dataset(self, name: str, snapshot: str | None = None) -> Dataset:
        """Return a stored dataset, or raise DataMissing."""
        ...


def load(name_or_path_or_id: str, *, store: SnapshotSource | None = None) -> Dataset:
    """Return a dataset.

    Parameters
    ----------
    name_or_path_or_id : str
        "sample" (five US stocks, daily, 2000-2013), "synthetic:500x2520?seed=7", a stored name or
        "name@<snapshot id>", or a path: a csv or parquet file, wide (dates x symbols: closes) or long
        (columns date, symbol, close, ...), or a folder with one wide file per frame (close.csv, ...), or
        "qlib:<folder>", a qlib data directory.
    store : SnapshotSource, optional
        Where stored names are looked up; the configured store by default.

    Raises
    ------
    DataMissing
        There is nothing under this name.
    DataInvalid
        There is, and it cannot be used.

    Examples
    --------
    >>> load("sample").symbols
    ['AAPL', 'FB', 'GOOG', 'IBM', 'MSFT']
    """
    name = str(name_or_path_or_id)
    if name == "sample":
        return _sample()
    if name.startswith("synthetic:"):
        return _synthetic(name.removeprefix("synthetic:"))
    if name.startswith("qlib:"):
        return from_qlib(name.removeprefix("qlib:"))
    path = Path(name).expanduser()
    if name.lower().endswith(_SUFFIXES) or path.is_dir():
        return from_files([path])
    source = cast("SnapshotSource | None", wiring.configured_store()) if store is None else store
    stored = [] if source is None else list(source.dataset_names())
    # A name that people may not choose, of data that were kept for a run, may have an @ of its own.
    base, _, snapshot = name.rpartition("@")
    if source is not None and base:
        return source.load_dataset(base, snapshot)
    if source is not None and name in stored:
        return source.load_dataset(name)
    known = ["sample", "synthetic:500x2520?seed=7", *stored]
    raise DataMissing(
        f"There is no dataset {name!r}.",
        hint=nearest(name, known) or f"Known: {', '.join(known)}; or a path to a csv or parquet file.",
    )


@lru_cache(maxsize=1)
def _sample() -> Dataset:
    return Dataset.from_frames(_from_long(_read(SAMPLE), SAMPLE), name="sample", market="US")


@lru_cache(maxsize=4)
def _synthetic(spec: str) -> Dataset:
    return synthetic(spec)


def from_qlib(
    spec: str,
    *,
    name: str | None = None,
    market: str = "US",
    periods_per_year: float | None = None,
    benchmark: str | None = None,
) -> Dataset:
    """Return the dataset of a qlib data directory; see `outsample.data.qlib_directory.qlib_frames`.

    Parameters
    ----------
    spec : str
        The folder, then optionally "?instruments=csi300&freq=day".
    name : str, optional
        The folder's by default.
    market, periods_per_year, benchmark
        As in `Dataset.from_frames`.
    """
    frames = qlib_frames(spec)
    check_future(pd.DatetimeIndex(frames["close"].index))
    return Dataset.from_frames(
        frames,
        name=name or Path(spec.partition("?")[0]).expanduser().absolute().name,
        market=market,
        periods_per_year=periods_per_year,
        benchmark=benchmark,
    )


def from_files(
    paths: Sequence[Path],
    *,
    name: str | None = None,
    market: str = "US",
    periods_per_year: float | None = None,
    benchmark: str | None = None,
) -> Dataset:
    """Return the dataset of csv or parquet files, or of folders of them.

    Parameters
    ----------
    paths : sequence of Path
        A long file (columns date, symbol, close, ...) gives all its frames; of several files, or in a folder, a
        wide one (dates x symbols) is the frame of its name (close.csv, volume.csv), alone it is the closes;
        one with the columns symbol, period, known, value is the point-in-time table of its name.
    name : str, optional
        The name of the first path by default.
    market, periods_per_year, benchmark
        As in `Dataset.from_frames`.

    Raises
    ------
    DataMissing
        There is nothing at a path.
    DataInvalid
        A file cannot be read, two files give one frame, or bars lie in the future.
    """
    files = [file for path in paths for file in _files(path)]
    alone = len(paths) == 1 and paths[0].is_file()
    frames: dict[str, pd.DataFrame] = {}
    tables: dict[str, pd.DataFrame] = {}
    for file in files:
        table, stem = _read(file), file.name.split(".")[0]
        if set(COLUMNS) <= {str(column) for column in table.columns}:
            tables[stem] = table
            continue
        found = _from_long(table, file) if _is_long(table) else {stem.lower(): _from_wide(table, file)}
        if alone and not _is_long(table):
            found = {"close": next(iter(found.values()))}
        twice = sorted(set(found) & set(frames))
        if twice:
            raise DataInvalid(f"{file.name} gives the frame {twice[0]!r} a second time.", hint="Keep one of the files.")
        frames |= found
    for frame in frames.values():
        check_future(pd.DatetimeIndex(frame.index).sort_values())
    return Dataset.from_frames(
        frames,
        name=name or paths[0].name.split(".")[0],
        market=market,
        periods_per_year=periods_per_year,
        benchmark=benchmark,
        tables=tables,
    )


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DataMissing(f"There is no file {str(path)!r}.", hint=_beside(path))
    if path.is_file():
        return [path]
    files = sorted(file for file in path.iterdir() if file.name.lower().endswith(_SUFFIXES))
    if not files:
        raise DataMissing(f"The folder {str(path)!r} has no csv or parquet files.")
    return files


def _beside(path: Path) -> str:
    if not path.parent.is_dir():
        return f"The folder {str(path.parent)!r} does not exist either."
    return nearest(path.name, [file.name for file in path.parent.iterdir()])


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.name.lower().endswith(".parquet"):
            import pyarrow.parquet as pq

            # Not pandas.read_parquet: its default merges null and NaN and guesses an index.
            return pq.read_table(path).to_pandas()  # type: ignore[no-any-return]
        # The number that is written, to the last bit: pandas 3 does it unasked, and warns when it is asked.
        exact: dict[str, Any] = {"float_precision": "round_trip"} if pd.__version__ < "3" else {}
        return cast("pd.DataFrame", pd.read_csv(path, **exact))
    except (OSError, ValueError) as error:
        raise DataInvalid(f"{path.name} cannot be read: {error}") from error


def _find(columns: Collection[object], names: Collection[str]) -> object | None:
    return next((column for column in columns if str(column).strip().lower() in names), None)


def _is_long(table: pd.DataFrame) -> bool:
    return _find(table.columns, _SYMBOL_NAMES) is not None


def _from_wide(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    if isinstance(table.index, pd.DatetimeIndex):
        return table
    date = _find(table.columns, _DATE_NAMES)
    if date is None:
        date = table.columns[0] if len(table.columns) else None
    if date is None or pd.api.types.is_numeric_dtype(table[date].dtype):
        raise DataInvalid(
            f"{path.name} has no column of dates.", hint=f"Name one of its columns {' or '.join(_DATE_NAMES[:2])!s}."
        )
    return table.set_index(_as_dates(table[date], path)).drop(columns=[date])


def _from_long(table: pd.DataFrame, path: Path) -> dict[str, pd.DataFrame]:
    date, symbol = _find(table.columns, _DATE_NAMES), _find(table.columns, _SYMBOL_NAMES)
    if date is None:
        raise DataInvalid(f"{path.name} is a long table without a column 'date'.")
    keys = pd.MultiIndex.from_arrays([_as_dates(table[date], path), table[symbol]])
    if not keys.is_unique:
        stamp, name = keys[keys.duplicated()][0]
        raise DataInvalid(f"{path.name} has {name!r} twice on {stamp}.", hint="Keep one row per date and symbol.")
    values = table.drop(columns=[date, symbol]).set_axis(keys, axis=0)
    values.columns = pd.Index([str(column).strip().lower().replace(" ", "_") for column in values.columns])
    numbers = [name for name in values.columns if name in PRICE_FIELDS or _numeric(values[name])]
    return {name: values[name].unstack() for name in numbers}


def _numeric(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))


def _as_dates(column: pd.Series, path: Path) -> pd.DatetimeIndex:
    try:
        return pd.DatetimeIndex(pd.to_datetime(column))
    except (ValueError, TypeError) as error:
        raise DataInvalid(f"{path.name}: column {column.name!r} cannot be read as dates: {error}") from error
