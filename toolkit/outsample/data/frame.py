"""`StrategyFrame`: the DataFrame that strategies compute with.

Rows are dates, columns are symbols. Every method reads, for its row t, rows up to t and nothing later.
What the class is made of: `base` (how it is built, remembered and combined), `periods` (bars of longer
periods), `sizing` (weights from volatility), `categories` (groups of symbols), and here all the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from outsample.data import operators, ranking
from outsample.data.align import fitted, floats, truth
from outsample.data.base import made, whole
from outsample.data.categories import CategoryMethods
from outsample.data.holding import HoldRules, exit_when, hold_until
from outsample.data.periods import PeriodMethods
from outsample.data.pointintime import published
from outsample.data.sizing import SizingMethods
from outsample.errors import ConfigError

__all__ = ["StrategyFrame"]

Array = np.ndarray[Any, Any]


class StrategyFrame(PeriodMethods, SizingMethods, CategoryMethods):
    """A DataFrame [date x symbol] with the operators of strategies.

    Made from any DataFrame; `Dataset.get` returns one. Everything that pandas can do stays as it is,
    except that binary operators between two such frames align (see `align`), that a Series of dates is
    spread over the symbols, and that `rank` and `resample` never look ahead.

    Examples
    --------
    >>> import pandas as pd
    >>> dates = pd.date_range("2024-01-01", periods=4)
    >>> close = StrategyFrame(pd.DataFrame({"A": [1.0, 2.0, 3.0, 2.0], "B": [4.0, 3.0, 2.0, 5.0]}, index=dates))
    >>> (close > close.average(2)).astype(int)["A"].tolist()
    [0, 1, 1, 0]
    >>> close.is_largest(1)["B"].tolist()
    [True, True, False, True]
    """

    @property
    def _constructor(self) -> type[StrategyFrame]:
        return StrategyFrame

    # -- over time --------------------------------------------------------------------------------

    def average(self, n: int) -> Self:
        """Mean of the last `n` bars.

        Parameters
        ----------
        n : int
            Bars, this one included.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            NaN where fewer than max(1, n // 2) of the bars have a value. Infinities count as no value.

        Raises
        ------
        ConfigError
            `n` is no whole number >= 1.
        """
        n = whole("n", n)
        return self._remembered("average", (n,), lambda: operators.rolling_mean(floats(self), n, max(1, n // 2)))

    def rise(self, n: int = 1) -> Self:
        """Whether the value is above that of `n` bars ago; False where either is NaN."""
        n = whole("n", n)
        return self._remembered("rise", (n,), lambda: _moved(floats(self), n, np.greater))

    def fall(self, n: int = 1) -> Self:
        """Whether the value is below that of `n` bars ago; False where either is NaN."""
        n = whole("n", n)
        return self._remembered("fall", (n,), lambda: _moved(floats(self), n, np.less))

    def pct_change(self, periods: int = 1, fill_method: None = None, **options: object) -> Self:  # type: ignore[misc, override]
        """Return over `periods` bars; NaN where either bar has no value, with every version of pandas.

        Parameters
        ----------
        periods : int
        fill_method : None
            Gaps are never filled unasked: pandas before 3 fills them, and a stale price is a return of 0.
        **options
            Those of pandas.

        Raises
        ------
        ConfigError
            `fill_method` is given.
        """
        if fill_method is not None:
            raise ConfigError(
                f"pct_change does not fill gaps. Got fill_method={fill_method!r}.",
                hint="Say frame.ffill().pct_change() if a missing price shall count as unchanged.",
            )
        return cast("Self", cast("Any", super()).pct_change(periods, fill_method=None, **options))

    def sustain(self, n: int, k: int | None = None) -> Self:
        """Whether at least `k` of the last `n` bars were True.

        Parameters
        ----------
        n : int
            Bars, this one included.
        k : int, optional
            How many of them; all by default.

        Returns
        -------
        StrategyFrame [date x symbol], bool
            False on the first n - 1 bars. NaN counts as False.
        """
        n = whole("n", n)
        k = n if k is None else whole("k", k)
        if k > n:
            raise ConfigError(f"k must be at most n. Got n={n}, k={k}.", hint="sustain(5, 3): at least 3 of 5 bars.")

        def compute() -> Array:
            enough: Array = operators.count_true(truth(self), n) >= k
            enough[:, : n - 1] = False
            return enough

        return self._remembered("sustain", (n, k), compute)

    def is_entry(self) -> Self:
        """Whether a signal turned True on this bar; a first bar that is True counts. NaN is False."""
        now = truth(self)
        before = np.zeros_like(now)
        before[:, 1:] = now[:, :-1]
        return made(self, now & ~before)

    def is_exit(self) -> Self:
        """Whether a signal turned False on this bar; never on the first bar. NaN is False."""
        now = truth(self)
        before = np.zeros_like(now)
        before[:, 1:] = now[:, :-1]
        return made(self, before & ~now)

    def hold_until(  # noqa: PLR0913 - the argument list that strategies know
        self,
        exit: pd.DataFrame,  # noqa: A002
        nstocks_limit: int | None = None,
        rank: pd.DataFrame | None = None,
        *,
        stop_loss: float | None = None,
        take_profit: float | None = None,
        trail_stop: float | None = None,
        price: pd.DataFrame | None = None,
    ) -> Self:
        """Hold from an entry until an exit, with at most so many names at once.

        Entry is level-triggered: a name can be taken on every bar on which this frame is True. Exit wins
        over entry on the same bar, and a name that left is taken again on the next bar at the earliest.
        Names already held keep their places.

        Parameters
        ----------
        exit : DataFrame [date x symbol], bool
            Met by the rule of the operators (union of dates carried forward, common symbols). NaN is False.
        nstocks_limit : int, optional
            Most names held at once.
        rank : DataFrame [date x symbol], optional
            Higher is taken first; NaN last; among equals the last column.
        stop_loss, take_profit, trail_stop : float, optional
            Positive fractions of the close of the bar that took the name. A stop is judged on a close and
            the name is out on that bar.
        price : DataFrame, optional
            Closes for the stops; the dataset's adjusted closes by default.

        Returns
        -------
        StrategyFrame [date x symbol], bool

        Raises
        ------
        ConfigError
            A limit that is not allowed, or stops without a price.
        """
        rules = HoldRules(limit=nstocks_limit, stop_loss=stop_loss, take_profit=take_profit, trail_stop=trail_stop)
        entry, leave = self._met(exit)
        order = None if rank is None else floats(fitted(rank, entry, "rank"))
        closes = floats(fitted(self._prices(price), entry, "price")) if rules.has_stops else None
        return made(entry, hold_until(truth(entry), truth(leave), order, closes, rules))

    def exit_when(self, exit: pd.DataFrame) -> Self:  # noqa: A002
        """Hold from a fresh False -> True edge until this frame turns False or `exit` is True.

        Parameters
        ----------
        exit : DataFrame [date x symbol], bool
            Met by the rule of the operators (union of dates carried forward, common symbols). NaN is False.

        Returns
        -------
        StrategyFrame [date x symbol], bool
            After an exit, only a new edge enters again.
        """
        entry, leave = self._met(exit)
        return made(entry, exit_when(truth(entry), truth(leave)))

    def index_str_to_date(self) -> Self:
        """Turn labels of reporting periods into the dates on which the figures are public.

        "2024-Q1" to "2024-Q4" become the filing deadlines of Taiwan (15 May, 14 August, 14 November, 31 March
        of the next year), "2024-M1" the 10th of the next month, and any other text the date that it says. An
        index of dates stays as it is.

        Returns
        -------
        StrategyFrame [date x symbol]

        Raises
        ------
        DataInvalid
            A label that is no date.
        """
        if isinstance(self.index, pd.DatetimeIndex):
            return self
        result = self.copy()
        result.index = published(self.index)
        return result

    # -- across symbols ---------------------------------------------------------------------------

    def is_largest(self, n: int) -> Self:
        """Whether a value is among the `n` largest of its row; NaN never is, equal ones from the left."""
        n = whole("n", n)
        return self._remembered("is_largest", (n,), lambda: ranking.top_rows(floats(self), n, largest=True))

    def is_smallest(self, n: int) -> Self:
        """Whether a value is among the `n` smallest of its row; NaN never is, equal ones from the left."""
        n = whole("n", n)
        return self._remembered("is_smallest", (n,), lambda: ranking.top_rows(floats(self), n, largest=False))

    def quantile_row(self, q: float) -> pd.Series[float]:
        """Quantile of each row, by linear interpolation.

        Parameters
        ----------
        q : float
            In [0, 1].

        Returns
        -------
        Series [date], float64
            NaN where the row has no value. A comparison with a frame spreads it over the symbols.
        """
        if not (isinstance(q, int | float | np.number) and 0.0 <= q <= 1.0):
            raise ConfigError(f"q must be a number in [0, 1]. Got {q!r}.")
        ordered = ranking.sorted_rows(floats(self))
        count = ordered.shape[1] - np.isnan(ordered).sum(axis=1)
        if not ordered.shape[1]:
            return pd.Series(np.nan, index=self.index)
        place = np.maximum(count - 1, 0) * float(q)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        rows = np.arange(len(ordered))
        part = place - low
        bottom, top = ordered[rows, low], ordered[rows, high]
        with np.errstate(invalid="ignore"):
            between = np.where(part == 0.0, bottom, bottom + (top - bottom) * part)
        return pd.Series(between, index=self.index, name=float(q))

    def rank(  # type: ignore[misc]  # pandas' own argument list
        self,
        axis: int | str = 1,
        method: str = "average",
        numeric_only: bool = False,
        na_option: str = "keep",
        ascending: bool = True,
        pct: bool = False,
    ) -> Self:
        """Rank of each value; across the symbols of its row unless asked otherwise.

        The arguments are those of pandas, with one difference: `axis` is 1 by default, because ranks
        along time (``axis=0``) compare a value with later ones.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            1 is the smallest (the largest with ``ascending=False``); a fraction of the number of values
            with ``pct=True``. NaN stays NaN.
        """
        if axis not in (1, "columns") or method not in ranking.TIE_METHODS or na_option != "keep" or numeric_only:
            return super().rank(axis, method, numeric_only, na_option, ascending, pct)  # type: ignore[arg-type]

        up, share = bool(ascending), bool(pct)
        return self._remembered(
            "rank",
            (method, up, share),
            lambda: ranking.rank_rows(floats(self), method, ascending=up, as_fraction=share),
        )

    def zscore_row(self) -> Self:
        """Distance from the mean of the row in standard deviations of the row.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            (x - mean) / sd over the row's values, sd with divisor n. NaN stays NaN; a row of equal values is NaN.
        """

        return self._remembered("zscore_row", (), lambda: _standardised(floats(self)))


def _moved(values: Array, n: int, compare: Callable[[Array, Array], Array]) -> Array:
    out = np.zeros(values.shape, dtype=np.bool_)
    out[:, n:] = compare(values[:, n:], values[:, :-n])
    return out


def _standardised(values: Array) -> Array:
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    centred = values - filled.sum(axis=0) / count
    spread = np.sqrt((np.where(known, centred, 0.0) ** 2).sum(axis=0) / count)
    # Equal values leave rounding noise of their own size, which is no spread.
    spread[spread <= 1e-13 * np.abs(filled).max(axis=0, initial=0.0)] = np.nan
    scaled: Array = np.where(known, centred / spread, np.nan)
    return scaled
