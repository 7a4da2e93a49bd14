"""A dataset: an immutable snapshot of frames, with what a market needs to be simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd

from outsample import wiring
from outsample.config import MarketPreset, market_preset
from outsample.data import keys as frame_keys
from outsample.data.content import frame_id, snapshot_id
from outsample.data.describe import Description, describe_prices
from outsample.data.entry import infer_periods
from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext
from outsample.data.normalise import DELISTED, delisting_by_symbol, delisting_dates, normalise_frames
from outsample.data.tables import is_table, known_by, serve_table, with_tables
from outsample.errors import ConfigError, DataInvalid, DataMissing

__all__ = ["Dataset", "DatasetKeeper"]

_ADJUSTED = ("open", "high", "low", "close")


class DatasetKeeper(Protocol):
    """What `Dataset.save` needs of a store."""

    def save_dataset(self, data: Dataset, name: str) -> Dataset:
        """Save a dataset under a name and return it as `load` would."""
        ...


class Dataset:
    """Frames of one market, content-addressed and immutable.

    Made by `Dataset.from_frames` or `outsample.load`. Prices are served adjusted: the factor
    adj_close / close, normalised at each symbol's *first* bar (so that no level contains the future),
    multiplies open, high, low and close. Prices as traded are there under "raw_open", ..., "raw_close".

    Attributes
    ----------
    name : str
        For people; not part of the id.
    market : str
        Name of the market preset.
    benchmark : str or None
        The symbol that results are compared with when nothing else is said.
    warnings : tuple of str
        What was odd about the data when they came in.
    """

    def __init__(
        self,
        frames: Mapping[str, pd.DataFrame],
        *,
        name: str,
        market: str = "US",
        periods_per_year: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Wrap frames that are normalised already; users call `from_frames`."""
        self._frames = dict(frames)
        self._served: dict[str, pd.DataFrame] = {}
        self._details = dict(details or {})
        self._periods_per_year = periods_per_year
        self.name = str(name)
        self.preset: MarketPreset = market_preset(market)
        self.market = self.preset.name
        self.benchmark: str | None = self._details.get("benchmark")
        self.warnings: tuple[str, ...] = tuple(self._details.get("warnings", ()))

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, object],
        *,
        name: str,
        market: str = "US",
        periods_per_year: float | None = None,
        benchmark: str | None = None,
        tables: Mapping[str, object] | None = None,
    ) -> Dataset:
        """Make a dataset from tables.

        Parameters
        ----------
        frames : mapping of str to DataFrame [date x symbol]
            "close" (as traded) is needed, or "adj_close"; "open", "high", "low", "volume" and any
            other frame may follow. A Series symbol -> date named "delisted" gives delisting dates.
            polars and pyarrow tables are converted.
        name : str
            For people.
        market : {"US", "TW", "CRYPTO"}
            Preset of costs and calendar.
        periods_per_year : float, optional
            Bars of a year; inferred with a warning when the bars are not daily.
        benchmark : str, optional
            A symbol of the dataset.
        tables : mapping of str to DataFrame with the columns symbol, period, known, value
            Point-in-time tables: `get` answers at each bar with the newest period that was known by
            then, in the version known by then (`outsample.data.pointintime`).

        Raises
        ------
        DataMissing, DataInvalid
            No prices, or prices that cannot mean one thing.

        Examples
        --------
        >>> dates = pd.date_range("2024-01-01", periods=3)
        >>> data = Dataset.from_frames({"close": pd.DataFrame({"A": [1.0, 2.0, 3.0]}, index=dates)}, name="toy")
        >>> data.symbols, data.keys()
        (['A'], ['close', 'raw_close'])
        """
        clean, warnings = normalise_frames(with_tables(frames, tables or {}))
        if periods_per_year is not None and not periods_per_year > 0:
            raise ConfigError(f"periods_per_year must be a positive number. Got {periods_per_year!r}.")
        if periods_per_year is None:
            first = clean.get("close", clean.get("adj_close"))
            periods_per_year, said = infer_periods(first, market_preset(market).periods_per_year)
            warnings += said
        details = {"warnings": warnings, "benchmark": benchmark}
        data = cls(clean, name=name, market=market, periods_per_year=periods_per_year, details=details)
        if benchmark is not None and benchmark not in data.symbols:
            raise DataMissing(f"The benchmark {benchmark!r} is no symbol of the dataset {name!r}.")
        return data

    # -- identity

    @cached_property
    def id(self) -> str:
        """Content id of the snapshot: 64 hexadecimal digits."""
        return snapshot_id(self.frame_ids)

    @cached_property
    def frame_ids(self) -> Mapping[str, str]:
        """Content id of every stored frame, by name."""
        return {name: frame_id(frame) for name, frame in sorted(self._frames.items())}

    def __repr__(self) -> str:
        span = f"{self.dates[0].date()}..{self.dates[-1].date()}" if len(self.dates) else "empty"
        return f"<Dataset {self.name!r}: {len(self.symbols)} symbols, {len(self.dates)} bars {span}, {self.id[:12]}>"

    # -- what is in it

    @cached_property
    def _close(self) -> pd.DataFrame:
        return self._frames["close"] if "close" in self._frames else self._frames["adj_close"]

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The bars: dates of the price frames, sorted, unique, in nanoseconds."""
        index = self._close.index
        assert isinstance(index, pd.DatetimeIndex)
        return index

    @property
    def symbols(self) -> list[Any]:
        """Symbols of the price frames, sorted."""
        return list(self._close.columns)

    @property
    def periods_per_year(self) -> float:
        """Bars of a year."""
        return self.preset.periods_per_year if self._periods_per_year is None else float(self._periods_per_year)

    @property
    def currency(self) -> str:
        """ISO code of the currency of all prices."""
        return self.preset.currency

    @cached_property
    def delisted(self) -> pd.Series:
        """Delisting date by symbol, NaT where none is known."""
        return delisting_by_symbol(self._frames.get(DELISTED), self.symbols, self.dates.tz)

    @cached_property
    def survivors_only(self) -> bool:
        """Whether no symbol ends before the last bar, so that the dataset probably lists survivors only."""
        last = self._close.notna().to_numpy()[-1:]
        return bool(last.all()) and not self.has("universe")

    def keys(self) -> list[str]:
        """Return the keys that `get` answers, adjusted prices first."""
        prices = [name for name in _ADJUSTED if name in self._frames or name == "close"]
        raw = [f"raw_{name}" for name in prices]
        others = [name for name in sorted(self._frames) if name not in {*prices, "adj_close", DELISTED}]
        return ["close", *(name for name in prices if name != "close"), *raw, *others]

    def has(self, key: str) -> bool:
        """Whether `frame` has this key (no aliases)."""
        return key in self.keys()

    def frame(self, key: str) -> pd.DataFrame:
        """Return a served frame as a plain, read-only DataFrame, without a copy.

        Parameters
        ----------
        key : str
            One of `keys`; aliases are for `get`.
        """
        if key not in self._served:
            if not self.has(key):
                frame_keys.resolve(key, self.keys())  # raises, naming the nearest keys
                raise DataMissing(f"The dataset {self.name!r} has no frame {key!r}.")
            self._served[key] = self._serve(key)
        return self._served[key]

    def get(self, key: str) -> StrategyFrame:
        """Return a frame for a strategy.

        Parameters
        ----------
        key : str
            "close", "raw_close", "volume", ..., or finlab's names ("price:收盤價", "etl:adj_close").

        Returns
        -------
        StrategyFrame [date x symbol]
            Row t is known at the close of bar t. Missing values are NaN, never filled.

        Raises
        ------
        DataMissing
            There is no such frame; the nearest keys are named.
        """
        resolved = frame_keys.resolve(key, self.keys())
        return StrategyFrame.bind(self.frame(resolved), self._context, resolved)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Known trading days, also those after a cut: a calendar is published in advance, prices are not."""
        known: pd.DatetimeIndex | None = self._details.get("sessions")
        return self.dates if known is None else known

    @cached_property
    def _context(self) -> FrameContext:
        """What frames of this dataset know about it; operators are remembered for as long as it lives."""
        return FrameContext(lookup=self.frame, periods_per_year=self.periods_per_year, sessions=self.sessions)

    def _serve(self, key: str) -> pd.DataFrame:
        if key.startswith("raw_") and key.removeprefix("raw_") in _ADJUSTED:
            name = key.removeprefix("raw_")
            return self._close if name == "close" else self._frames[name]
        if key in _ADJUSTED and self._factor is not None:
            base = self._close if key == "close" else self._frames[key]
            values = base.to_numpy() * self._factor
            values.flags.writeable = False
            return pd.DataFrame(values, index=base.index, columns=base.columns, copy=False)
        frame = self._close if key == "close" else self._frames[key]
        return serve_table(frame, self.dates, self.symbols) if is_table(frame) else frame

    @cached_property
    def _factor(self) -> np.ndarray | None:
        """Adjustment by date and symbol, 1 on each symbol's first bar that has both prices."""
        if "adj_close" not in self._frames or "close" not in self._frames:
            return None
        factor = self._frames["adj_close"].to_numpy() / self._frames["close"].to_numpy()
        known = ~np.isnan(factor)
        first = known.argmax(axis=0)
        start = factor[first, np.arange(factor.shape[1])]
        scaled = factor / np.where(known.any(axis=0), start, 1.0)
        # Where one of the two is missing the last known factor holds; before the first it is 1.
        frame = pd.DataFrame(scaled).ffill().fillna(1.0)
        return np.asfortranarray(frame.to_numpy())

    # -- more

    def describe(self) -> Description:
        """Return coverage, gaps, first and last bar of every symbol, and whether prices are adjusted."""
        return describe_prices(self.name, self._close, stored=tuple(self._frames), warnings=self.warnings)

    def save(self, name: str | None = None, *, store: DatasetKeeper | None = None) -> Dataset:
        """Save the dataset in a store, where `outsample.load(name)` finds it.

        Parameters
        ----------
        name : str, optional
            Its own by default. A name that is there already means this dataset from now on; the one before
            stays under ``name@<snapshot id>``.
        store : Store, optional
            The configured one by default.

        Returns
        -------
        Dataset
            The same content under the new name.

        Raises
        ------
        ConfigError, StoreError
            The name cannot be one of a dataset, no store is configured, or it cannot be written.
        """
        keeper = wiring.configured_store() if store is None else store
        if keeper is None:
            raise ConfigError("No store is configured.", hint="Set OUTSAMPLE_STORE, or say save(name, store=...).")
        return cast("DatasetKeeper", keeper).save_dataset(self, self.name if name is None else name)

    # -- parts of it

    def until(self, t: object) -> Dataset:
        """Return the dataset as it was known at the close of `t`: every frame ends there."""
        return self._part(self._frames_between(None, self._stamp(t)))

    def between(self, a: object = None, b: object = None) -> Dataset:
        """Return the bars from `a` to `b`, both inclusive; None means open."""
        start = None if a is None else self._stamp(a)
        end = None if b is None else self._stamp(b)
        if start is not None and end is not None and start > end:
            raise ConfigError(f"between: the first date must not be after the last. Got {start} and {end}.")
        return self._part(self._frames_between(start, end))

    def select(self, symbols: Sequence[object]) -> Dataset:
        """Return the dataset with these symbols only.

        Raises
        ------
        DataMissing
            A symbol is not there.
        """
        wanted = [symbols] if isinstance(symbols, str) else list(symbols)
        missing = [symbol for symbol in wanted if symbol not in self._close.columns]
        if missing or not wanted:
            raise DataMissing(
                f"The dataset {self.name!r} has no symbol {', '.join(map(repr, missing)) or '(none asked for)'}.",
                hint=f"It has {', '.join(map(str, self.symbols[:10]))}{', ...' if len(self.symbols) > 10 else ''}.",
            )
        own = set(self.symbols)
        frames = {}
        for name, frame in self._frames.items():
            if name == DELISTED or not isinstance(frame.index, pd.DatetimeIndex):
                frames[name] = frame[frame["symbol"].isin(wanted)].reset_index(drop=True)
            else:
                keep = [column for column in frame.columns if column in wanted or column not in own]
                frames[name] = _read_only(frame[keep])
        return self._part(frames)

    def stored(self) -> Mapping[str, pd.DataFrame]:
        """Return the stored frames by name, as traded, read-only."""
        return dict(self._frames)

    def replaced(self, frames: Mapping[str, pd.DataFrame]) -> Dataset:
        """Return a dataset of the same market with other stored frames of the same form."""
        return self._part(frames)

    def _stamp(self, value: object) -> pd.Timestamp:
        try:
            stamp = pd.Timestamp(value)  # type: ignore[arg-type]
        except (ValueError, TypeError) as error:
            raise ConfigError(f"A date such as '2010-01-31' is needed. Got {value!r}.") from error
        zone = self.dates.tz
        if zone is not None and stamp.tzinfo is None:
            return stamp.tz_localize(zone)
        return stamp.tz_convert(zone) if zone is not None else stamp.tz_localize(None)

    def _frames_between(self, start: pd.Timestamp | None, end: pd.Timestamp | None) -> dict[str, pd.DataFrame]:
        frames = {}
        for name, frame in self._frames.items():
            if isinstance(frame.index, pd.DatetimeIndex):
                frames[name] = _read_only(frame.loc[start:end])
            elif name == DELISTED and end is not None:
                # A delisting after the cut is not known yet.
                known = delisting_dates(frame["value"], end.tz)
                frames[name] = frame.assign(value=known.where(known <= end))
            elif end is not None and is_table(frame):
                frames[name] = known_by(frame, end)
            else:
                frames[name] = frame
        if len(frames.get("close", frames.get("adj_close", ()))) == 0:
            raise DataInvalid(
                f"The dataset {self.name!r} has no bars from {start or 'its start'} to {end or 'its end'}.",
                hint=f"It runs from {self.dates[0]} to {self.dates[-1]}.",
            )
        return frames

    def _part(self, frames: Mapping[str, pd.DataFrame]) -> Dataset:
        details = {**self._details, "sessions": self.sessions}
        if self.benchmark is not None and self.benchmark not in frames.get("close", self._close).columns:
            details = {**details, "benchmark": None}
        return Dataset(
            frames, name=self.name, market=self.market, periods_per_year=self.periods_per_year, details=details
        )


def _read_only(frame: pd.DataFrame) -> pd.DataFrame:
    values = frame.to_numpy()
    if values.flags.writeable:
        values = values.copy(order="F")
        values.flags.writeable = False
        return pd.DataFrame(values, index=frame.index, columns=frame.columns, copy=False)
    return frame
