"""Hand-made candles: what must be filled, when, at which price and why.

Written from the rules, by hand; nothing here was copied from what an engine printed. A bar is
"open/high/low/close", or one number for all four; "-" is a missing price. ``position`` has one weight
per bar; row t is decided with the close of bar t. A fill is (bar, + or -, price, reason).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Candles:
    name: str
    bars: str
    position: str
    fills: list
    options: dict = field(default_factory=dict)
    volume: str = ""
    delisted: int | None = None


FREE = {}
STOP = {"stop_loss": 0.1}
TARGET = {"take_profit": 0.1}
TRAIL = {"trail_stop": 0.1}
BOTH = STOP | TARGET
TOUCH = {"touched_exit": True}
OPEN = {"trade_at_price": "open"}
LIMIT = {"price_limit": 0.1}
BUY_1 = (1, "+", 100, "signal")
SHORT_1 = (1, "-", 100, "signal")

CASES = [
    # -- when and at which price (rule 3)
    Candles("filled at the next close", "100 101 102", "1 1 1", [(1, "+", 101, "signal")]),
    Candles("filled at the next open", "100 99/105/98/103 104", "1 1 1", [(1, "+", 99, "signal")], OPEN),
    Candles(
        "filled at the mean of the next bar",
        "100 99/105/98/102 104",
        "1 1 1",
        [(1, "+", 101, "signal")],
        {"trade_at_price": "ohlc4"},
    ),
    Candles("a lag of two bars", "100 101 102 103", "1 1 1 1", [(2, "+", 102, "signal")], {"lag": 2}),
    Candles("a decision of the last bar is not filled", "100 101 102", "0 0 1", []),
    Candles("left on the bar after the signal", "100 100 102 103", "1 0 0 0", [BUY_1, (2, "-", 102, "signal")]),
    Candles("a constant row is one trade", "100 100 102 103", "1 1 1 1", [BUY_1]),
    Candles(
        "a change of sign closes and opens",
        "100 100 102 103",
        "1 -1 -1 -1",
        [BUY_1, (2, "-", 102, "signal"), (2, "-", 102, "signal")],
    ),
    Candles("a short is sold first", "100 100 90 90", "-1 0 0 0", [SHORT_1, (2, "+", 90, "signal")]),
    # -- what can trade (rule 6)
    Candles("an order waits for a price", "100 - 102 103", "1 1 1 1", [(2, "+", 102, "signal")]),
    Candles(
        "an order at the open waits for an open",
        "100 -/101/99/100 102 103",
        "1 1 1 1",
        [(2, "+", 102, "signal")],
        OPEN,
    ),
    Candles("a waiting order is replaced by the next decision", "100 - - 104 105", "1 0 0 0 0", []),
    Candles("a sale waits for a price", "100 100 - 103 104", "1 0 0 0 0", [BUY_1, (3, "-", 103, "signal")]),
    Candles("no purchase without volume", "100 101 102", "1 1 1", [(2, "+", 102, "signal")], FREE, "5 0 5"),
    Candles(
        "no sale without volume",
        "100 100 102 103",
        "1 0 0 0",
        [BUY_1, (3, "-", 103, "signal")],
        FREE,
        "5 5 0 5",
    ),
    Candles("no purchase at the upper limit", "100 110 111", "1 1 1", [(2, "+", 111, "signal")], LIMIT),
    Candles("the limit has a tolerance of 1e-4", "100 109.995 111", "1 1 1", [(2, "+", 111, "signal")], LIMIT),
    Candles("inside the limit is inside", "100 109.98 111", "1 1 1", [(1, "+", 109.98, "signal")], LIMIT),
    Candles("no sale at the lower limit", "100 100 90 89", "1 0 0 0", [BUY_1, (3, "-", 89, "signal")], LIMIT),
    Candles(
        "a sale at the upper limit is possible", "100 100 110 111", "1 0 0 0", [BUY_1, (2, "-", 110, "signal")], LIMIT
    ),
    Candles("a purchase at the lower limit is possible", "100 90 91", "1 1 1", [(1, "+", 90, "signal")], LIMIT),
    Candles("a short sale at the lower limit waits", "100 90 91", "-1 -1 -1", [(2, "-", 91, "signal")], LIMIT),
    # -- stops judged on the close, filled on the next bar (rule 5)
    Candles("a stop loss", "100 100 89 88 87", "1 1 1 1 1", [BUY_1, (3, "-", 88, "stop_loss")], STOP),
    Candles(
        "exactly on the stop is not past it",
        "100 100 90 89.9 87 86",
        "1 1 1 1 1 1",
        [BUY_1, (4, "-", 87, "stop_loss")],
        STOP,
    ),
    Candles(
        "a target is reached by touching it",
        "100 100 110 120",
        "1 1 1 1",
        [BUY_1, (3, "-", 120, "take_profit")],
        TARGET,
    ),
    Candles("just below the target is below", "100 100 109.99 105", "1 1 1 1", [BUY_1], TARGET),
    Candles("a trailing stop", "100 100 120 109 108", "1 1 1 1 1", [BUY_1, (4, "-", 108, "trail_stop")], TRAIL),
    Candles("a trailing stop that holds", "100 100 120 111 115", "1 1 1 1 1", [BUY_1], TRAIL),
    Candles(
        "the trail is measured in entry cost, not from the peak",
        "100 100 200 189 188",
        "1 1 1 1 1",
        [BUY_1, (4, "-", 188, "trail_stop")],
        TRAIL,
    ),
    Candles(
        "a trailing stop that is not armed yet",
        "100 100 110 95 94",
        "1 1 1 1 1",
        [BUY_1],
        TRAIL | {"trail_stop_activation": 0.2},
    ),
    Candles(
        "a trailing stop that is armed",
        "100 100 120 109 108",
        "1 1 1 1 1",
        [BUY_1, (4, "-", 108, "trail_stop")],
        TRAIL | {"trail_stop_activation": 0.2},
    ),
    Candles("a short's stop", "100 100 111 112 113", "-1 -1 -1 -1 -1", [SHORT_1, (3, "+", 112, "stop_loss")], STOP),
    Candles("a short's target", "100 100 90 91", "-1 -1 -1 -1", [SHORT_1, (3, "+", 91, "take_profit")], TARGET),
    Candles(
        "a short's trailing stop", "100 100 80 91 92", "-1 -1 -1 -1 -1", [SHORT_1, (4, "+", 92, "trail_stop")], TRAIL
    ),
    Candles(
        "a stop is filled at the next open",
        "100 100/101/99/100 95/96/85/89 87/90/80/88 88",
        "1 1 1 1 1",
        [BUY_1, (3, "-", 87, "stop_loss")],
        STOP | OPEN,
    ),
    Candles("a stop waits for a price", "100 100 89 - 86", "1 1 1 1 1", [BUY_1, (4, "-", 86, "stop_loss")], STOP),
    Candles(
        "a stopped name gets nothing at the next rebalance",
        "100 100 89 88 87 86 85",
        "1 1 1 0.9 0.8 0.8 0.8",
        [BUY_1, (3, "-", 88, "stop_loss"), (5, "+", 86, "signal")],
        STOP,
    ),
    Candles(
        "unless it may",
        "100 100 89 88 87 86 85",
        "1 1 1 0.9 0.9 0.9 0.9",
        [BUY_1, (3, "-", 88, "stop_loss"), (4, "+", 87, "signal")],
        STOP | {"stop_trading_next_period": False},
    ),
    Candles(
        "a stop and a rebalance on one bar: the stop first, and nothing again",
        "100 100 89 88 87 87",
        "1 1 0.9 0.9 0.9 0.9",
        [BUY_1, (3, "-", 88, "stop_loss")],
        STOP,
    ),
    Candles(
        "a rebalance resets the entry price",
        "100 100 95 87 86",
        "1 0.9 0.9 0.9 0.9",
        [BUY_1, (2, "-", 95, "signal")],
        STOP,
    ),
    Candles(
        "unless the cost is retained",
        "100 100 95 87 86",
        "1 0.9 0.9 0.9 0.9",
        [BUY_1, (2, "-", 95, "signal"), (4, "-", 86, "stop_loss")],
        STOP | {"retain_cost_when_rebalance": True},
    ),
    Candles(
        "a rebalance clears the judgement of its own bar",
        "100 100 85 84 83",
        "1 0.9 0.9 0.9 0.9",
        [BUY_1, (2, "-", 85, "signal")],
        STOP,
    ),
    Candles(
        "in finlab's order the stop of a rebalance bar survives it",
        "100 100 85 84 83",
        "1 0.9 0.9 0.9 0.9",
        [BUY_1, (2, "-", 85, "signal"), (3, "-", 84, "stop_loss")],
        STOP | {"allocation": "pre_cost"},
    ),
    # -- stops inside the bar
    Candles(
        "a touched stop is filled at its level",
        "100 100 99/101/89/95 94",
        "1 1 1 1",
        [BUY_1, (2, "-", 90, "stop_loss")],
        STOP | TOUCH,
    ),
    Candles("a low above the stop does nothing", "100 100 99/101/90.5/95 94", "1 1 1 1", [BUY_1], STOP | TOUCH),
    Candles(
        "a gap through the stop is filled at the open",
        "100 100 85/88/80/86 87",
        "1 1 1 1",
        [BUY_1, (2, "-", 85, "stop_loss")],
        STOP | TOUCH,
    ),
    Candles(
        "a touched target is filled at its level",
        "100 100 101/112/100/105 104",
        "1 1 1 1",
        [BUY_1, (2, "-", 110, "take_profit")],
        TARGET | TOUCH,
    ),
    Candles(
        "a gap over the target is filled at the open",
        "100 100 115/118/112/116 117",
        "1 1 1 1",
        [BUY_1, (2, "-", 115, "take_profit")],
        TARGET | TOUCH,
    ),
    Candles(
        "stop and target inside one bar: the stop first",
        "100 100 100/112/88/105 104",
        "1 1 1 1",
        [BUY_1, (2, "-", 90, "stop_loss")],
        BOTH | TOUCH,
    ),
    Candles(
        "stop and target inside one bar: the other bound",
        "100 100 100/112/88/105 104",
        "1 1 1 1",
        [BUY_1, (2, "-", 110, "take_profit")],
        BOTH | TOUCH | {"intrabar": "optimistic"},
    ),
    Candles(
        "an open over the target comes before the low",
        "100 100 112/113/85/90 91",
        "1 1 1 1",
        [BUY_1, (2, "-", 112, "take_profit")],
        BOTH | TOUCH,
    ),
    Candles(
        "a name entered at the close is not judged on that bar",
        "100 100/150/50/100 100 100",
        "1 1 1 1",
        [BUY_1],
        BOTH | TOUCH,
    ),
    Candles(
        "a name entered at the open is judged on that bar",
        "100 100/101/89/95 100 100",
        "1 1 1 1",
        [BUY_1, (1, "-", 90, "stop_loss")],
        STOP | TOUCH | OPEN,
    ),
    Candles(
        "a trailing stop never uses the high of the same bar",
        "100 100 100/120/105/110 112/113/109/111 111",
        "1 1 1 1 1",
        [BUY_1, (3, "-", 110, "trail_stop")],
        TRAIL | TOUCH,
    ),
    Candles(
        "a short's touched stop",
        "100 100 101/111/99/105 104",
        "-1 -1 -1 -1",
        [SHORT_1, (2, "+", 110, "stop_loss")],
        STOP | TOUCH,
    ),
    Candles(
        "a short's gap",
        "100 100 115/118/112/116 104",
        "-1 -1 -1 -1",
        [SHORT_1, (2, "+", 115, "stop_loss")],
        STOP | TOUCH,
    ),
    Candles(
        "a short's touched target",
        "100 100 99/100/88/95 94",
        "-1 -1 -1 -1",
        [SHORT_1, (2, "+", 90, "take_profit")],
        TARGET | TOUCH,
    ),
    Candles(
        "a touched exit comes before a rebalance at the close",
        "100 100 99/101/89/95 94",
        "1 0 0 0",
        [BUY_1, (2, "-", 90, "stop_loss")],
        STOP | TOUCH,
    ),
    Candles(
        "a rebalance at the open comes before a touched exit",
        "100 100 99/101/89/95 94",
        "1 0 0 0",
        [BUY_1, (2, "-", 99, "signal")],
        STOP | TOUCH | OPEN,
    ),
    Candles(
        "quotes that are missing inside a bar are its close",
        "100 100 -/-/-/89 88",
        "1 1 1 1",
        [BUY_1, (2, "-", 89, "stop_loss")],
        STOP | TOUCH,
    ),
    Candles(
        "a touched exit without volume waits for the next bar",
        "100 100 99/101/89/95 94",
        "1 1 1 1",
        [BUY_1, (3, "-", 94, "stop_loss")],
        STOP | TOUCH,
        "5 5 0 5",
    ),
    # -- names that end (rule 6)
    Candles(
        "closed after so many bars without a price",
        "100 100 - - - 100",
        "1 1 1 1 1 1",
        [BUY_1, (3, "-", 100, "delisting")],
        {"delist_after": 2},
    ),
    Candles("a price in time keeps it", "100 100 - - 101 -", "1 1 1 1 1 1", [BUY_1], {"delist_after": 3}),
    Candles(
        "worth nothing",
        "100 100 - -",
        "1 1 1 1",
        [BUY_1, (3, "-", 0, "delisting")],
        {"delist_after": 2, "delisting": "zero"},
    ),
    Candles(
        "worth a part",
        "100 100 - -",
        "1 1 1 1",
        [BUY_1, (3, "-", 25, "delisting")],
        {"delist_after": 2, "delisting": 0.25},
    ),
    Candles(
        "on the date of its delisting, at its last price",
        "100 100 103 104 105",
        "1 1 1 1 1",
        [BUY_1, (3, "-", 104, "delisting")],
        delisted=3,
    ),
    Candles("nothing is bought after its delisting", "100 100 103 104 105", "0 0 1 1 1", [], delisted=3),
    Candles("at the end of the data nothing is closed", "100 100 - -", "1 1 1 1", [BUY_1]),
    # -- ruin (rule 7)
    Candles("a short that loses everything", "100 100 210 100", "-1 -1 -1 -1", [SHORT_1, (2, "+", 210, "ruin")]),
]
