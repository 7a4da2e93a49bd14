"""Groups of symbols: industry ranks, group aggregates, and values with groups or factors taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from outsample.data import operators, ranking
from outsample.data.align import fitted, floats
from outsample.data.base import BaseFrame, made
from outsample.errors import ConfigError, DataMissing, OutsampleError

__all__ = ["Categories", "CategoryGroups", "CategoryMethods"]

Array = np.ndarray[Any, Any]
Categories = pd.Series | pd.DataFrame | Mapping[str, object]


@dataclass(frozen=True)
class CategoryGroups:
    """What `groupby_category` returns: aggregates of each row by category.

    Parameters
    ----------
    frame : BaseFrame [date x symbol]
    names : tuple
        The categories, sorted.
    codes : ndarray [symbol x date] or [symbol x 1], int
        Place of each symbol's category in `names`; -1 is none.
    """

    frame: BaseFrame
    names: tuple[object, ...]
    codes: Array

    def agg(self, how: str) -> BaseFrame:
        """Aggregate each row by category.

        Parameters
        ----------
        how : str
            "mean", "median", "sum", "min", "max", "std", "count" or another name that pandas knows.

        Returns
        -------
        StrategyFrame [date x category]
            NaN are left out, as in pandas; symbols without a category too.
        """
        values = pd.DataFrame(self.frame)
        if self.codes.shape[1] == 1:
            codes = self.codes[:, 0]
            table = values.T[codes >= 0].groupby(codes[codes >= 0]).agg(how).T
        else:
            rows = np.broadcast_to(np.arange(len(values)), self.codes.shape).ravel()
            codes = self.codes.ravel()
            flat = pd.Series(values.to_numpy().T.ravel())[codes >= 0]
            table = flat.groupby([rows[codes >= 0], codes[codes >= 0]]).agg(how).unstack()
            table = table.reindex(range(len(values)))
        table = table.reindex(columns=range(len(self.names)))
        result = type(self.frame)(table.to_numpy(), index=values.index, columns=list(self.names))
        object.__setattr__(result, "_context", vars(self.frame).get("_context"))
        return result

    def mean(self) -> BaseFrame:
        """Mean of each category."""
        return self.agg("mean")

    def median(self) -> BaseFrame:
        """Median of each category."""
        return self.agg("median")

    def sum(self) -> BaseFrame:
        """Sum of each category."""
        return self.agg("sum")

    def min(self) -> BaseFrame:
        """Smallest value of each category."""
        return self.agg("min")

    def max(self) -> BaseFrame:
        """Largest value of each category."""
        return self.agg("max")

    def std(self) -> BaseFrame:
        """Standard deviation (n - 1) of each category."""
        return self.agg("std")

    def count(self) -> BaseFrame:
        """Number of values of each category."""
        return self.agg("count")


class CategoryMethods(BaseFrame):
    """Methods of `StrategyFrame` over groups of symbols."""

    def groupby_category(self, categories: Categories | None = None) -> CategoryGroups:
        """Group the symbols by category.

        Parameters
        ----------
        categories : Series or mapping symbol -> category, or DataFrame [date x symbol], optional
            The dataset's frame "category" by default. A frame is carried forward.

        Raises
        ------
        DataMissing
            No categories are given and the dataset has none.

        Examples
        --------
        >>> from outsample.data.frame import StrategyFrame
        >>> frame = StrategyFrame({"A": [1.0], "B": [3.0], "C": [5.0]})
        >>> frame.groupby_category({"A": "tech", "B": "tech", "C": "food"}).mean()
           food  tech
        0   5.0   2.0
        """
        names, codes = _coded(self, categories)
        return CategoryGroups(self, names, codes)

    def industry_rank(self, categories: Categories | None = None) -> Self:
        """Rank of each value within its category, as a fraction in (0, 1].

        Parameters
        ----------
        categories : optional
            As in `groupby_category`.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            Average rank / number of values of the category; NaN where there is no value or no category.
        """
        names, codes = _coded(self, categories)
        values = floats(self)
        out = np.full(values.shape, np.nan)
        for code in range(len(names)):
            inside = np.where(codes == code, values, np.nan)
            some = ~np.isnan(inside).all(axis=1)
            if some.any():
                ranks = ranking.rank_rows(
                    np.ascontiguousarray(inside[some]), "average", ascending=True, as_fraction=True
                )
                out[some] = np.where(np.isnan(ranks), out[some], ranks)
        return made(self, out)

    def neutralize(self, by: Categories | Sequence[pd.DataFrame] | None = None, *, add_const: bool = True) -> Self:
        """Take groups or factors out of each row.

        Parameters
        ----------
        by : optional
            Categories, as in `groupby_category` (the default: the dataset's): the mean of the category is
            subtracted. A numeric DataFrame [date x symbol], or a list of them: the residual of a least
            squares regression of each row on them.
        add_const : bool
            With factors, also a constant.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            NaN where the value, its category or a factor is missing, and in rows with fewer complete
            names than regressors.
        """
        factors = [by] if isinstance(by, pd.DataFrame) and _numeric(by) else by
        values = floats(self)
        if isinstance(factors, list | tuple):
            tables = [floats(fitted(factor, self, "by")) for factor in factors]
            return made(self, _residuals(values, tables, add_const))
        names, codes = _coded(self, cast("Categories | None", by))
        means = operators.group_mean(values, np.ascontiguousarray(codes), len(names))
        return made(self, values - means)


def _numeric(frame: pd.DataFrame) -> bool:
    return all(pd.api.types.is_float_dtype(dtype) for dtype in frame.dtypes)


def _residuals(values: Array, factors: Sequence[Array], add_const: bool) -> Array:
    if not factors and not add_const:
        raise ConfigError("neutralize needs at least one factor or add_const=True.")
    parts = [*factors, *([np.ones(values.shape)] if add_const else [])]
    cube = np.stack(parts, axis=-1)  # [symbol x date x factor]
    complete = np.isfinite(values) & np.isfinite(cube).all(axis=-1)
    out = np.full(values.shape, np.nan)
    for t in range(values.shape[1]):
        rows = complete[:, t]
        if rows.sum() < cube.shape[-1]:
            continue
        x, y = cube[rows, t], values[rows, t]
        beta = np.linalg.lstsq(x, y, rcond=None)[0]
        out[rows, t] = y - x @ beta
    return out


def _coded(frame: BaseFrame, categories: Categories | None) -> tuple[tuple[object, ...], Array]:
    """The sorted categories, and their places as codes [symbol x date] or [symbol x 1]."""
    table = _of_dataset(frame) if categories is None else categories
    if isinstance(table, pd.DataFrame) and isinstance(table.index, pd.DatetimeIndex):
        labels = fitted(table, frame, "categories").to_numpy(dtype=object).T
    else:
        labels = np.array([[item] for item in _by_symbol(table).reindex(frame.columns)], dtype=object)
        labels = labels.reshape(len(frame.columns), 1)
    known = ~pd.isna(labels)
    names = tuple(sorted(set(labels[known].tolist()), key=lambda item: (str(type(item)), item)))
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place.get(item, -1) if ok else -1 for item, ok in zip(labels.flat, known.flat, strict=True)])
    return names, codes.astype(np.int64).reshape(labels.shape)


def _by_symbol(table: object) -> pd.Series:
    if isinstance(table, pd.Series):
        return table[~table.index.duplicated(keep="last")]
    if isinstance(table, Mapping):
        return pd.Series(dict(table), dtype=object)
    if isinstance(table, pd.DataFrame):
        symbol = next((name for name in ("symbol", "stock_id") if name in table.columns), None)
        value = next((name for name in ("category", "value", "industry") if name in table.columns), None)
        if value is not None:
            keys = table.index if symbol is None else table[symbol]
            return _by_symbol(pd.Series(table[value].to_numpy(), index=pd.Index(keys)))
    raise ConfigError(
        "categories must be a Series or mapping symbol -> category, or a DataFrame [date x symbol]. "
        f"Got {type(table).__name__}."
    )


def _of_dataset(frame: BaseFrame) -> Categories:
    lookup = None if frame._context is None else frame._context.lookup  # noqa: SLF001 - of the same class family
    for key in ("category", "industry", "sector"):
        if lookup is None:
            break
        try:
            return lookup(key)
        except OutsampleError:
            continue
    raise DataMissing(
        "There are no categories of symbols.",
        hint="Pass a Series symbol -> category, or add a frame 'category' to the dataset.",
    )
