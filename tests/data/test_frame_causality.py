"""No method of a frame looks ahead: cutting or changing later rows changes nothing at or before t (T1, T2)."""

import inspect

import numpy as np
import pandas as pd
import pytest

from outsample.data.align import ALL_OPERATORS
from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext
from outsample.errors import DataMissing
from scale import SCALE

ROWS = 70
DATES = pd.bdate_range("2023-01-02", periods=ROWS)
GROUPS = {"A": "x", "B": "y", "C": "x", "D": "y", "E": "x"}

# Every public method that StrategyFrame adds or changes, as a function of a price frame and a second frame.
METHODS = {
    "average": lambda p, o: p.average(7),
    "rise": lambda p, o: p.rise(3),
    "fall": lambda p, o: p.fall(2),
    "pct_change": lambda p, o: p.pct_change(2),
    "sustain": lambda p, o: (p > o).sustain(4, 2),
    "is_entry": lambda p, o: (p > o).is_entry(),
    "is_exit": lambda p, o: (p > o).is_exit(),
    "hold_until": lambda p, o: (p > o).hold_until(
        p < o.average(3), 2, o, stop_loss=0.05, take_profit=0.1, trail_stop=0.03
    ),
    "exit_when": lambda p, o: (p > o).exit_when(p.fall(2)),
    "is_largest": lambda p, o: p.is_largest(2),
    "is_smallest": lambda p, o: p.is_smallest(2),
    "quantile_row": lambda p, o: p > p.quantile_row(0.7),
    "rank": lambda p, o: p.rank(pct=True),
    "zscore_row": lambda p, o: p.zscore_row(),
    "bars": lambda p, o: p.bars("W", "mean"),
    "resample": lambda p, o: (p * 0.0) + p.resample("ME").last(),
    "inverse_volatility": lambda p, o: (p > o).inverse_volatility(10),
    "scale_to_volatility": lambda p, o: (p > o).scale_to_volatility(0.1, 10),
    "cap": lambda p, o: (p > o).cap(0.3),
    "groupby_category": lambda p, o: p.groupby_category().mean(),
    "industry_rank": lambda p, o: p.industry_rank(),
    "neutralize": lambda p, o: p.neutralize() + p.neutralize([o]),
    "index_str_to_date": lambda p, o: p.index_str_to_date(),
}
LOGIC = ("and", "or", "xor")


def operated(name):
    """The operator between daily rows and every third row of the other frame."""
    if name in LOGIC:
        return lambda p, o: getattr(p > o, f"__{name}__")(o.rise(1).iloc[::3])
    return lambda p, o: getattr(p, f"__{name}__")(o.iloc[::3])


METHODS |= {f"__{name}__": operated(name) for name in ALL_OPERATORS if name != "pow"}
NOT_OF_TIME = {"bind"}


def test_every_method_is_tried():
    """A new public method must be added to the table above."""
    added = {
        name
        for name, member in inspect.getmembers(StrategyFrame, callable)
        if not name.startswith("_") and getattr(pd.DataFrame, name, None) is not member
    }
    own = {name for name in added if name in {key for cls in StrategyFrame.__mro__[:5] for key in vars(cls)}}
    assert own - NOT_OF_TIME <= set(METHODS)


def bound(price, other):
    tables = {"close": price, "other": other}

    def lookup(key):
        if key == "category":
            return pd.Series(GROUPS)
        if key not in tables:
            raise DataMissing(key)
        return tables[key]

    context = FrameContext(lookup=lookup)
    return StrategyFrame.bind(price, context, "close"), StrategyFrame.bind(other, context, "other")


def tables(rng):
    price = 100 * np.exp(rng.normal(0, 0.02, (ROWS, 5)).cumsum(axis=0))
    price[rng.random(price.shape) < 0.05] = np.nan
    other = np.round(price * np.exp(rng.normal(0, 0.03, price.shape)))
    return tuple(pd.DataFrame(part, index=DATES, columns=list(GROUPS)) for part in (price, other))


def changed(frame, t, how, rng):
    later = frame.copy()
    if how == "cut":
        return later.iloc[: t + 1]
    if how == "noise":
        later.iloc[t + 1 :] *= np.exp(rng.normal(0, 0.5, later.iloc[t + 1 :].shape))
    elif how == "gone":
        later.iloc[t + 1 :] = np.nan
    return later


@pytest.mark.parametrize("how", ["cut", "noise", "gone"])
@pytest.mark.parametrize("name", list(METHODS))
def test_later_rows_change_nothing(name, how):
    """Whatever happens after t, rows up to t stay bit by bit, also when only one of two frames changes (T3)."""
    rng = np.random.default_rng(91)
    price, other = tables(rng)
    whole = METHODS[name](*bound(price, other))
    for t in rng.integers(5, ROWS - 1, 6 * SCALE):
        which = [(True, True)] if how == "cut" else [(True, True), (True, False), (False, True)]
        for first, second in which:
            part = METHODS[name](
                *bound(
                    changed(price, t, how, rng) if first else price, changed(other, t, how, rng) if second else other
                )
            )
            before, after = whole.loc[: DATES[t]], part.loc[: DATES[t]]
            np.testing.assert_array_equal(before.to_numpy(), after.to_numpy())
            assert before.index.equals(after.index)


def test_a_planted_look_ahead_is_caught():
    """The same comparison fails for a method that reads one row ahead."""
    rng = np.random.default_rng(92)
    price, other = tables(rng)
    peek = bound(price, other)[0].shift(-1)
    part = bound(changed(price, 30, "noise", rng), other)[0].shift(-1)
    assert not np.array_equal(peek.iloc[:31].to_numpy(), part.iloc[:31].to_numpy(), equal_nan=True)
