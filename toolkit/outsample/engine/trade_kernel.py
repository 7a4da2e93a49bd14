"""The kernel behind the table of trades: fills in, one row per flat-to-flat holding out."""

# One walk over the fills is one function, on purpose; x != x asks for NaN.
# ruff: noqa: C901, FURB136, PLR0124, PLR0912, PLR0913, PLR0915, PLR0917
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from outsample.jit import jit

__all__ = ["collect_trades", "held_rows"]


def _walk_fills(fills, amounts, close, highs, lows, equity, year, borrow_rate, at_open, at_close, first, last):
    """Walk the fills in order; the state is what each symbol holds and its trade so far.

    Until a trade ends, columns 6 and 7 hold the lowest and highest price that it saw.
    """
    n, ranged = close.shape[1], highs.shape[0] > 0
    count, capacity = 0, len(fills) + n
    ints, floats = np.empty((capacity, 7), np.int64), np.empty((capacity, 8))
    current = np.full(n, -1, np.int64)
    units, cost = np.zeros(n), np.zeros(n)
    since, mark = np.zeros(n, np.int64), np.zeros(n)  # first bar not yet walked, last known close
    for f in range(len(fills) + n):
        if f < len(fills):
            t, i, reason, signal = fills[f, 0], fills[f, 1], fills[f, 2], fills[f, 3]
            delta, price = amounts[f, 0], amounts[f, 1]
            paid = amounts[f, 2] + amounts[f, 3] + amounts[f, 4]
        else:  # what is held at the end
            t, i, reason, signal, delta, price, paid = last, f - len(fills), 6, -1, 0.0, 0.0, 0.0
            if current[i] < 0:
                continue
        k = current[i]
        closing = reason == 6
        if k >= 0:
            # Walk the bars since the last fill: range of prices, largest weight, borrow.
            entered, held, known = ints[k, 2], abs(units[i]), mark[i]
            down, up, largest = floats[k, 6], floats[k, 7], floats[k, 0]
            if borrow_rate > 0.0 and units[i] < 0.0:
                charge, at = 0.0, known
                for b in range(since[i], t + 1):
                    if b > since[i]:
                        charge += held * at * borrow_rate * year[b]
                    at = close[b, i] if close[b, i] == close[b, i] else at
                floats[k, 5] += charge
            for b in range(since[i], t + 1 if closing else t):
                c = close[b, i]
                if c == c:
                    known = c
                    down, up = min(down, c), max(up, c)
                    if ranged and (at_open or b > entered):
                        # a comparison with NaN is false
                        down = lows[b, i] if lows[b, i] < down else down
                        up = highs[b, i] if highs[b, i] > up else up
                if held * known > largest * equity[b - first] and equity[b - first] > 0.0:
                    largest = held * known / equity[b - first]
            mark[i] = known
            floats[k, 6], floats[k, 7], floats[k, 0] = down, up, largest
            since[i] = t
        if closing:
            price = mark[i]
        opens_trade = k < 0
        if opens_trade:
            k = count
            count += 1
            current[i] = k
            ints[k, 0], ints[k, 1], ints[k, 2] = i, signal, t
            floats[k, :] = 0.0
            floats[k, 1], floats[k, 6], floats[k, 7] = price, price, price
            cost[i], units[i], since[i], mark[i] = 0.0, 0.0, t, price
        before = units[i]
        after = before + delta
        grows = abs(after) > abs(before)
        if grows:
            cost[i] += abs(delta) * price
            floats[k, 3] = max(floats[k, 3], cost[i])
        floats[k, 4] -= delta * price
        floats[k, 5] += paid
        # An exit to zero subtracts exactly what is held; rounding of the walk is not a holding.
        flat = not closing and not grows and abs(after) <= 1e-9 * abs(before)
        if closing or flat:
            if closing:
                floats[k, 4] += before * price
            ints[k, 3], ints[k, 4], ints[k, 5], ints[k, 6] = signal, t, reason, t - ints[k, 2]
            floats[k, 2] = price
            # Filled at the close: the holding saw the whole of this bar.
            if flat and ranged and at_close and signal != -1 - t and ints[k, 2] < t:
                floats[k, 6] = lows[t, i] if lows[t, i] < floats[k, 6] else floats[k, 6]
                floats[k, 7] = highs[t, i] if highs[t, i] > floats[k, 7] else floats[k, 7]
            entry = floats[k, 1]
            down, up = min(floats[k, 6], price) / entry - 1.0, max(floats[k, 7], price) / entry - 1.0
            floats[k, 6], floats[k, 7] = (down, up) if before > 0.0 else (-up, -down)
            if floats[k, 0] == 0.0 and equity[t - first] > 0.0:
                floats[k, 0] = abs(before * price) / equity[t - first]
            floats[k, 4] -= floats[k, 5]
            current[i], units[i] = -1, 0.0
        else:
            if not grows:
                cost[i] *= after / before
            units[i] = after
    return ints[:count].copy(), floats[:count].copy()


def _walk_holdings(bars, columns, amounts, n_bars, n_columns):
    """Whether each column is held at each close; a sum of fills that is rounding is no holding."""
    held = np.zeros((n_bars, n_columns), np.bool_)
    units, biggest, since = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns, np.int64)
    for f in range(len(bars)):
        t, i = bars[f], columns[f]
        if units[i] != 0.0:
            held[since[i] : t, i] = True
        units[i] += amounts[f, 0]
        biggest[i] = max(biggest[i], abs(units[i]))
        if abs(units[i]) <= 1e-9 * biggest[i]:
            units[i], biggest[i] = 0.0, 0.0
        since[i] = t
    for i in range(n_columns):
        if units[i] != 0.0:
            held[since[i] :, i] = True
    return held


_TABLE = "Array(float64, 2, 'A', readonly=True)"
_compiled = jit(
    _walk_fills,
    "Tuple((int64[:, ::1], float64[:, ::1]))("
    f"int64[:, ::1], float64[:, ::1], {_TABLE}, {_TABLE}, {_TABLE}, float64[::1], float64[::1], float64, "
    "boolean, boolean, int64, int64)",
)


_holdings = jit(
    _walk_holdings, "boolean[:, ::1](int64[::1], int64[::1], Array(float64, 2, 'A', readonly=True), int64, int64)"
)


def held_rows(*args: object) -> np.ndarray:
    """Run the compiled walk: bars and columns of the fills, their amounts, and the shape of the answer."""
    found: np.ndarray = _holdings(*args)
    return found


def collect_trades(*args: object) -> tuple[np.ndarray, np.ndarray]:
    """Run the compiled walk; the arguments are those of the kernel.

    Returns
    -------
    ints : ndarray of int64 [trades, 7]
        Symbol, entry signal, entry bar, exit signal, exit bar, reason, bars.
    floats : ndarray of float64 [trades, 8]
        Largest weight, entry price, exit price, basis, pnl, costs, worst and best excursion.
    """
    found: tuple[np.ndarray, np.ndarray] = _compiled(*args)
    return found
