"""hold_until and exit_when against cases worked by hand and a slow twin."""

import numpy as np
import pandas as pd
import pytest

from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext
from scale import SCALE


def frame(columns, index=None):
    return StrategyFrame(pd.DataFrame(columns, index=index))


def held(result):
    return {name: "".join("x" if value else "." for value in result[name]) for name in result}


def bars(text):
    return [letter == "x" for letter in text]


def test_exit_wins_and_reentry_is_on_the_next_bar():
    """Entry is level-triggered; on the bar of an exit the name is out, on the next it is back."""
    result = frame({"A": bars("xxxxx.")}).hold_until(frame({"A": bars("..x...")}))
    assert held(result) == {"A": "xx.xxx"}


def test_limit_gives_places_by_rank_and_keeps_holders():
    """Free places go to the higher rank; a holder is not replaced by a better name."""
    entry = frame({"A": bars("xxxx"), "B": bars("xxxx"), "C": bars(".xxx")})
    leave = frame({"A": bars("...."), "B": bars("..x."), "C": bars("....")})
    rank = frame({"A": [1.0] * 4, "B": [2.0] * 4, "C": [9.0] * 4})
    assert held(entry.hold_until(leave, nstocks_limit=1, rank=rank)) == {"A": "....", "B": "xx..", "C": "..xx"}


def test_equal_ranks_take_the_last_column_and_missing_ranks_come_last():
    """Among equals the last column is first; a name without a rank gets what is left."""
    entry = frame({"A": [True], "B": [True], "C": [True]})
    none = frame({"A": [False], "B": [False], "C": [False]})
    assert held(entry.hold_until(none, nstocks_limit=2)) == {"A": ".", "B": "x", "C": "x"}
    rank = frame({"A": [-5.0], "B": [np.nan], "C": [0.0]})
    assert held(entry.hold_until(none, nstocks_limit=2, rank=rank)) == {"A": "x", "B": ".", "C": "x"}


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        ({"stop_loss": 0.10}, "xxxx.."),
        ({"take_profit": 0.20}, "xx.xxx"),  # taken again at 104, and 85 is no profit
        ({"trail_stop": 0.15}, "xxx..."),
        ({"stop_loss": 0.5}, "xxxxxx"),
    ],
)
def test_stops_are_measured_from_the_close_of_the_signal(stops, expected):
    """100 on the signal; 120 is a gain of 20 %, 85 a loss of 15 % and 35 below the peak."""
    price = frame({"A": [100.0, 110.0, 120.0, 104.0, 85.0, 85.0]})
    entry = frame({"A": bars("x..x..")})
    nothing = frame({"A": bars("......")})
    assert held(entry.hold_until(nothing, price=price, **stops)) == {"A": expected}


def test_a_stop_waits_on_a_bar_without_a_price():
    """Without a price nothing is judged; the next price is."""
    price = frame({"A": [100.0, np.nan, 80.0]})
    result = frame({"A": bars("x..")}).hold_until(frame({"A": bars("...")}), price=price, stop_loss=0.1)
    assert held(result) == {"A": "xx."}


def test_stops_use_the_closes_of_the_dataset():
    """A frame that knows its dataset needs no price argument."""
    price = pd.DataFrame({"A": [100.0, 80.0, 90.0]})
    entry = StrategyFrame.bind(
        pd.DataFrame({"A": [1.0, 0.0, 0.0]}), FrameContext(lookup=lambda key: {"close": price}[key])
    )
    assert held((entry > 0).hold_until(entry < 0, stop_loss=0.1)) == {"A": "x.."}


def test_exit_when_needs_a_fresh_edge():
    """After an exit a signal that stays True does not enter again."""
    result = frame({"A": bars("xxxx.xx.")}).exit_when(frame({"A": bars("..x.....")}))
    assert held(result) == {"A": "xx...xx."}


def test_exit_on_the_edge_blocks_the_entry():
    """Entry and exit on one bar is no entry, and the level does not enter later."""
    assert held(frame({"A": bars(".xxx")}).exit_when(frame({"A": bars(".x..")}))) == {"A": "...."}


def test_exit_meets_by_the_rule_of_the_operators():
    """Weekly entries and daily exits meet on the union of their dates."""
    days = pd.bdate_range("2024-01-01", periods=5)
    entry = frame({"A": [True, False], "B": [True, True]}, index=days[[0, 3]])
    leave = frame({"A": bars("..x..")}, index=days)
    assert held(entry.hold_until(leave)) == {"A": "xx..."}


def slow_hold(entry, leave, rank, price, limit, stops):
    """The definition, in plain Python."""
    rows, columns = entry.shape
    limit = columns if limit is None else limit
    loss, profit, trail = (np.inf if level is None else level for level in stops)
    positions, out = {}, np.zeros(entry.shape, dtype=bool)
    for t in range(rows):
        gone = {j for j in range(columns) if leave[t, j]}
        for j, memory in positions.items():
            if np.isnan(price[t, j]):
                continue
            if np.isnan(memory["start"]):
                memory["start"] = price[t, j]
            value = price[t, j] / memory["start"]
            if value >= 1 + profit or value < max(1 - loss, memory["peak"] - trail):
                gone.add(j)
            memory["peak"] = max(memory["peak"], value)
        before = set(positions)
        positions = {j: memory for j, memory in positions.items() if j not in gone}
        wanted = [j for j in range(columns) if entry[t, j] and j not in gone and j not in before]
        wanted.sort(key=lambda j: (-np.inf if np.isnan(rank[t, j]) else rank[t, j], j), reverse=True)
        for j in wanted[: max(0, limit - len(positions))]:
            positions[j] = {"start": price[t, j], "peak": 1.0}
        out[t, list(positions)] = True
    return out


@pytest.mark.parametrize("limit", [None, 1, 3, 20])
@pytest.mark.parametrize("stops", [(None, None, None), (0.05, None, None), (None, 0.05, 0.03), (0.04, 0.1, 0.05)])
def test_hold_until_equals_its_definition(limit, stops):
    """The kernel and a plain loop over dictionaries agree on random signals with ties and missing values."""
    rng = np.random.default_rng(21)
    for _ in range(5 * SCALE):
        shape = (60, 8)
        entry, leave = rng.random(shape) < 0.25, rng.random(shape) < 0.1
        rank = rng.integers(0, 4, shape).astype(float)
        rank[rng.random(shape) < 0.2] = np.nan
        price = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
        price[rng.random(shape) < 0.1] = np.nan
        names = ("stop_loss", "take_profit", "trail_stop")
        result = StrategyFrame(entry).hold_until(
            StrategyFrame(leave),
            limit,
            StrategyFrame(rank),
            price=StrategyFrame(price),
            **dict(zip(names, stops, strict=True)),
        )
        np.testing.assert_array_equal(result.to_numpy(), slow_hold(entry, leave, rank, price, limit, stops))


def test_exit_when_equals_its_definition():
    """The vectorised form and a plain loop agree on random signals."""
    rng = np.random.default_rng(22)
    entry, leave = rng.random((200 * SCALE, 5)) < 0.6, rng.random((200 * SCALE, 5)) < 0.1
    expected = np.zeros_like(entry)
    for j in range(entry.shape[1]):
        inside = False
        for t in range(len(entry)):
            edge = entry[t, j] and not (t > 0 and entry[t - 1, j])
            inside = (inside or edge) and entry[t, j] and not leave[t, j]
            expected[t, j] = inside
    np.testing.assert_array_equal(StrategyFrame(entry).exit_when(StrategyFrame(leave)).to_numpy(), expected)
