"""Planted look-ahead into tables, delistings and the universe, and clean twins (T1, T2, T3).

Each leak says in its last lines what is expected: the frame (key), the likely line, and the earliest decision
that any future changes (date), found by the exhaustive search at the end of this file.
"""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, check_lookahead
from outsample.data import StrategyFrame
from scale import SCALE

HERE = Path(__file__).parent
LEAKS = sorted(path.stem for path in (HERE / "pit_leaks").glob("*.py"))
CLEAN = sorted(path.stem for path in (HERE / "pit_clean").glob("*.py"))
SYMBOLS = ["A", "B", "C", "D"]
DATES = pd.bdate_range("2015-01-01", periods=320)
LAST_OF_D = 250


def _source(kind, name):
    return (HERE / kind / f"{name}.py").read_text(encoding="utf-8")


def _expected(source):
    lines = [line[2:].split(": ", 1) for line in source.splitlines() if line.startswith("# ")]
    return dict(lines)


@functools.cache
def _inputs():
    """Prices of four names, one of which is delisted, who is in the index, and two tables with restatements."""
    random = np.random.default_rng(2015)
    close = 50 * np.exp(random.normal(0, 0.02, (len(DATES), 4)).cumsum(axis=0))
    close[LAST_OF_D + 1 :, 3] = np.nan
    member = np.repeat(random.random((8, 4)) < 0.6, 40, axis=0)
    tables = {"earnings": [], "revenue": []}
    for symbol in SYMBOLS:
        for quarter, bar in enumerate(range(12, 310, 45)):
            known = bar + int(random.integers(0, 10))
            tables["earnings"].append((symbol, 20150 + quarter, DATES[known], random.normal(0.4, 1.0)))
            if quarter % 2:
                tables["earnings"].append((symbol, 20150 + quarter, DATES[known + 15], random.normal(0.4, 1.0)))
        for month, bar in enumerate(range(8, 315, 21)):
            size = 100 * (1 + SYMBOLS.index(symbol)) * np.exp(random.normal(0.02 * month, 0.1))
            tables["revenue"].append((symbol, 201501 + month, DATES[bar], size))
    columns = ["symbol", "period", "known", "value"]
    return {
        "close": pd.DataFrame(close, index=DATES, columns=SYMBOLS),
        "universe": pd.DataFrame(member, index=DATES, columns=SYMBOLS),
        "delisted": pd.Series({"D": DATES[LAST_OF_D]}),
        "tables": {name: pd.DataFrame(rows, columns=columns) for name, rows in tables.items()},
    }


@functools.cache
def _data():
    inputs = dict(_inputs())
    tables = inputs.pop("tables")
    return Dataset.from_frames(inputs, name="fundamentals", tables=tables)


@functools.cache
def _report(name):
    return check_lookahead(_source("pit_leaks", name), _data())


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_caught_with_its_frame_and_date(name):
    """The key is the frame whose future decides, the date the earliest decision that it changes."""
    expected, report = _expected(_source("pit_leaks", name)), _report(name)
    assert report.clean is False
    assert report.key == expected["key"]
    assert report.first_date == pd.Timestamp(expected["date"])
    assert report.symbol in SYMBOLS
    assert report.bars_ahead >= 1
    assert str(report.line).lower() == expected["line"]


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_strategy_is_not_accused(name):
    """Ranks, growth and yields of what was published, delistings that happened, members of the day."""
    report = check_lookahead(_source("pit_clean", name), _data())
    assert report.clean is True, report
    assert [probe.outcome for probe in report.probes] == ["equal"] * 9


@pytest.mark.slow
@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_caught_with_other_seeds(name):
    """A rare one, such as a single figure, shows with probability only: in four of five seeds at least."""
    source = _source("pit_leaks", name)
    missed = [s for s in range(1, SCALE + 1) if check_lookahead(source, _data(), seed=s).clean is not False]
    assert len(missed) <= SCALE // 5, missed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SCALE + 1))
def test_no_clean_strategy_is_accused_with_other_seeds(seed):
    """A false alarm would cost more trust than a leak that is found."""
    accused = [n for n in CLEAN if check_lookahead(_source("pit_clean", n), _data(), seed=seed).clean is not True]
    assert not accused


# -- an exhaustive search, in plain pandas


class _Frames:
    """What a strategy reads, without a sandbox."""

    def __init__(self, frames, delisted):
        self.frames = frames
        self.delisted = delisted

    def get(self, key):
        return StrategyFrame(self.frames[key])


def _served(table, dates):
    """Walk through the dates of publication: the newest period known by then, in the version known last."""
    out = pd.DataFrame(np.nan, index=dates, columns=SYMBOLS)
    for symbol, published in table.groupby("symbol"):
        for date in sorted(published["known"]):
            known = published[published["known"] <= date]
            newest = known[known["period"] == known["period"].max()]
            out.loc[date:, symbol] = newest.loc[newest["known"].idxmax(), "value"]
    return out


def _positions(code, inputs, dates):
    served = {name: _served(table, dates) for name, table in inputs["tables"].items() if name in code}
    frames = {"close": inputs["close"], "universe": inputs["universe"], **served}
    delisted = inputs["delisted"].reindex(SYMBOLS)
    names = {"data": _Frames({k: f.loc[dates] for k, f in frames.items()}, delisted), "pd": pd, "np": np}
    exec(code, names)  # the strategies of this folder
    return pd.DataFrame(names["position"]).astype(float).fillna(0.0)


def _futures(row, random):
    """The inputs without what comes after a row, and with four other futures."""
    inputs, cut = _inputs(), DATES[row]
    told = inputs["delisted"].where(inputs["delisted"] <= cut)
    known = {name: table[table["known"] <= cut] for name, table in inputs["tables"].items()}
    yield {**inputs, "delisted": told, "tables": known}, DATES[: row + 1]
    for size in (0.1, 0.5, 1.0, 2.0):
        other = {"delisted": told, "tables": {}}
        close, member = inputs["close"].copy(), inputs["universe"].copy()
        close.iloc[row + 1 :] *= np.exp(random.normal(0, size / 5, close.iloc[row + 1 :].shape))
        member.iloc[row + 1 :] = random.permuted(member.iloc[row + 1 :].to_numpy(), axis=1)
        for name, table in inputs["tables"].items():
            later = (table["known"] > cut).to_numpy()
            factor = np.where(later, np.exp(random.normal(0, size, len(table))), 1.0)
            sign = np.where(later & (name == "earnings"), random.choice([-1.0, 1.0], len(table)), 1.0)
            other["tables"][name] = table.assign(value=table["value"] * factor * sign)
        yield {**other, "close": close, "universe": member}, DATES


def _first_leaking_date(code):
    """Try every row in turn: the first one after which another future changes a decision at or before it."""
    random = np.random.default_rng(8)
    full = _positions(code, _inputs(), DATES)
    for row in range(len(DATES) - 1):
        for inputs, dates in _futures(row, random):
            changed = _positions(code, inputs, dates).iloc[: row + 1]
            differs = ~np.isclose(changed.to_numpy(), full.iloc[: row + 1].to_numpy(), rtol=1e-7, atol=0.0)
            if differs.any():
                return full.index[int(differs.any(axis=1).argmax())]
    return None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LEAKS)
def test_dates_are_those_of_an_exhaustive_search(name):
    """The dates in the files come from trying every cut, not from the check that is tested."""
    source = _source("pit_leaks", name)
    assert _first_leaking_date(source) == pd.Timestamp(_expected(source)["date"])
