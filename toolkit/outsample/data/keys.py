"""Names of frames: ours, and those that strategies written for finlab use.

``close``, ``open``, ``high``, ``low`` are adjusted for splits and dividends (the factor is 1 on the
first bar); with ``raw_`` in front they are prices as traded.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from outsample.errors import DataMissing

__all__ = ["ALIASES", "aliases_of", "resolve"]

# finlab's key -> ours. finlab's "price:" tables are as traded, its "etl:adj_" tables are adjusted.
ALIASES: Mapping[str, str] = {
    "price:收盤價": "raw_close",
    "price:開盤價": "raw_open",
    "price:最高價": "raw_high",
    "price:最低價": "raw_low",
    "price:成交股數": "volume",
    "price:成交金額": "amount",
    "price:成交筆數": "transactions",
    "etl:adj_close": "close",
    "etl:adj_open": "open",
    "etl:adj_high": "high",
    "etl:adj_low": "low",
    "etl:market_value": "market_value",
    "adj_close": "close",
    "adj_open": "open",
    "adj_high": "high",
    "adj_low": "low",
    "price_earning_ratio:本益比": "pe_ratio",
    "price_earning_ratio:股價淨值比": "pb_ratio",
    "price_earning_ratio:殖利率(%)": "dividend_yield",
    "monthly_revenue:當月營收": "revenue",
    "monthly_revenue:去年同月增減(%)": "revenue_yoy",
    "monthly_revenue:上月比較增減(%)": "revenue_mom",
    "fundamental_features:ROE稅後": "roe",
    "fundamental_features:ROA稅後息前": "roa",
    "fundamental_features:營業利益": "operating_income",
    "fundamental_features:營業毛利率": "gross_margin",
    "fundamental_features:營業利益率": "operating_margin",
    "fundamental_features:營業利益成長率": "operating_income_growth",
    "financial_statement:每股盈餘": "eps",
    "security_categories": "category",
    "benchmark_return:發行量加權股價報酬指數": "benchmark",
}

# Other spellings of the same tables, compared without regard to case.
_SPELLINGS: Mapping[str, str] = {
    "adjusted_close": "close",
    "adj close": "close",
    "adjclose": "close",
    "price:close": "raw_close",
    "price:open": "raw_open",
    "price:high": "raw_high",
    "price:low": "raw_low",
    "price:volume": "volume",
    "unadjusted_close": "raw_close",
    "vol": "volume",
    "market_cap": "market_value",
    "industry": "category",
    "sector": "category",
}


def resolve(key: str, available: Collection[str]) -> str:
    """Return the name under which a dataset holds what `key` asks for.

    Parameters
    ----------
    key : str
        A name of ours, one of finlab's, or the name of any frame that the dataset has. A name that the
        dataset has is never read as another.
    available : collection of str
        The names that exist.

    Returns
    -------
    str
        A member of `available`.

    Raises
    ------
    DataMissing
        Nothing has that name; the message lists the nearest names and all that exist.

    Examples
    --------
    >>> resolve("price:收盤價", ["close", "raw_close", "volume"])
    'raw_close'
    >>> resolve("etl:adj_close", ["close", "raw_close", "volume"])
    'close'
    >>> resolve("clsoe", ["close", "volume"])
    Traceback (most recent call last):
        ...
    outsample.errors.DataMissing: There is no data under 'clsoe'. Did you mean 'close'? Available: close, volume.
    """
    text = str(key).strip()
    if text in available:
        return text
    for name in (ALIASES.get(text), text.lower(), _SPELLINGS.get(text.lower())):
        if name is not None and name in available:
            return name
    raise _missing(text, available)


def aliases_of(name: str) -> tuple[str, ...]:
    """Return the other keys under which a frame can be asked for.

    Examples
    --------
    >>> aliases_of("raw_close")
    ('price:收盤價',)
    """
    return tuple(alias for alias, ours in ALIASES.items() if ours == name)


def _missing(key: str, available: Collection[str]) -> DataMissing:
    meant = ALIASES.get(key) or _SPELLINGS.get(key.lower())
    known = {alias: ours for alias, ours in ALIASES.items() if ours in available}
    lowered = {name.lower(): name for name in (*available, *known)}
    close = [lowered[match] for match in difflib.get_close_matches(key.lower(), lowered, n=3, cutoff=0.6)]
    parts = []
    if meant:
        parts.append(f"It stands for {meant!r}, which this dataset does not have.")
    if close:
        parts.append(f"Did you mean {' or '.join(repr(name) for name in close)}?")
    parts.append(f"Available: {', '.join(sorted(map(str, available))) or 'nothing'}.")
    return DataMissing(f"There is no data under {key!r}.", hint=" ".join(parts))
