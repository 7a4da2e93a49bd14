"""The kernel: one pass over the bars with O(symbols) state. Rules 3 to 8 of the engine.

Plain functions of arrays and numbers; compiled on first use. `outsample.engine.reference` says the same
in plain Python and shares no line with this file. Sums run in symbol order. The layout of the arrays is
that of `outsample.engine.record`.

Letters: E equity before costs at the trade price, m the equity that the targets are fractions of,
C the cost of moving from the held values v to the targets w m.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outsample.jit import jit

__all__ = ["WORK", "make_kernel"]

# Rows of the kernel's two tables of work: numbers, and integers, of each symbol.
WORK = (7, 11)

# Trades smaller than this fraction of equity are rounding, not trades.
_TINY = 1e-12
# Returns that differ by less than this are on the level of a stop, not past it.
_EDGE = 1e-9
_LIMIT_EDGE = 1e-4


def _inside_limit(t, i, buy, price, close, limit):
    """Whether a price limit leaves room to buy (or sell) at this price."""
    if limit == np.inf or t == 0:
        return True
    before = close[t - 1, i]
    if before != before:
        return True
    move = price / before - 1.0
    return move < limit - _LIMIT_EDGE if buy else move > -limit + _LIMIT_EDGE


def _solve(equity, blocked, leverage, after_cost, n, active, moves, value, want, buy_rate, sell_rate):
    """Return m: targets are w m. Newton on a convex, piecewise linear function ends on its root.

    First with m = E' (all targets fit); if they and the blocked holdings exceed the leverage, with
    gross targets + blocked = leverage x E'.
    """
    gross = 0.0
    for a in range(n):
        if moves[a]:
            gross += abs(want[active[a]])
    if gross == 0.0:  # everything is sold: no target depends on m
        return equity
    if not after_cost:
        room = max(leverage * equity - blocked, 0.0)
        return equity if gross * equity <= room else room / gross
    slope, shift = 1.0, 0.0
    for attempt in range(2):
        if attempt == 1:
            slope, shift = gross / leverage, blocked / leverage
        m = equity
        for _ in range(200):
            total, rise = slope * m + shift - equity, slope
            for a in range(n):
                if moves[a]:
                    i = active[a]
                    change = want[i] * m - value[a]
                    if change > 0.0:
                        total += buy_rate * change
                        rise += buy_rate * want[i]
                    else:
                        total -= sell_rate * change
                        rise -= sell_rate * want[i]
            step = total / rise
            m -= step
            if step <= 1e-16 * equity:  # from above: a step back is rounding
                break
        m = max(m, 0.0)
        if gross * m + blocked <= leverage * m * (1.0 + 1e-12) or (blocked == 0.0):
            return m
    return m


def _log(fills, amounts, n, t, i, reason, signal, delta, price, fee, tax, slip):
    """Note fill number n; past the end of the arrays it is only counted, and the caller runs again."""
    if n < fills.shape[0]:
        fills[n, 0] = t
        fills[n, 1] = i
        fills[n, 2] = reason
        fills[n, 3] = signal
        amounts[n, 0] = delta
        amounts[n, 1] = price
        amounts[n, 2] = fee
        amounts[n, 3] = tax
        amounts[n, 4] = slip
    return n + 1


def _trade(t, i, target, price, reason, signal, rates, units, mark, sums, fills, amounts, n):
    """Bring one name to a value at a price; costs and cash follow. `sums` is (cash, gain)."""
    fee, tax, slip, after_cost = rates[0], rates[1], rates[2], rates[13] == 0.0
    held = units[i]
    if held != 0.0:
        sums[1] += held * (price - mark[i])
    mark[i] = price
    value = held * price
    # A change of sign is two fills: one closes, one opens.
    parts = 2 if value * target < 0.0 else 1
    for part in range(parts):
        goal = 0.0 if parts == 2 and part == 0 else target
        change = goal - value
        size = abs(change)
        adds = abs(goal) > abs(value)
        taxed = change < 0.0 if after_cost else not adds
        fee_paid, tax_paid, slip_paid = fee * size, tax * size if taxed else 0.0, slip * size
        paid = fee_paid + tax_paid + slip_paid
        if not after_cost and adds and change > 0.0:
            # finlab: the fee of an added long comes out of the position.
            change -= paid
        delta = change / price
        if goal == 0.0:
            delta = -units[i]
            units[i] = 0.0
        else:
            units[i] += delta
        value += change
        sums[0] -= delta * price + paid
        sums[1] -= paid
        n = _log(fills, amounts, n, t, i, reason, signal, delta, price, fee_paid, tax_paid, slip_paid)
    return n


def _judge(i, price, units, p0, peak, rates):
    """Judge the stops of one holding on a close: 0, or the reason to leave (rule 5)."""
    side = 1.0 if units[i] > 0.0 else -1.0
    x = 1.0 + side * (price / p0[i] - 1.0)
    peak[i] = max(peak[i], x)
    if x >= 1.0 + rates[8] - _EDGE:
        return 2
    level, reason = 1.0 - rates[7], 1
    if peak[i] >= 1.0 + rates[10] - _EDGE and peak[i] - rates[9] > level:
        level, reason = peak[i] - rates[9], 3
    return reason if x < level - _EDGE else 0


def _touch(i, opened, high, low, optimistic, units, p0, peak, rates):
    """Judge the stops of one holding inside a bar: the reason (0 for none) and the fill price."""
    side = 1.0 if units[i] > 0.0 else -1.0
    level, reason = 1.0 - rates[7], 1
    if peak[i] >= 1.0 + rates[10] - _EDGE and peak[i] - rates[9] > level:
        level, reason = peak[i] - rates[9], 3
    goal = 1.0 + rates[8]
    first = 1.0 + side * (opened / p0[i] - 1.0)
    best = 1.0 + side * ((high if side > 0.0 else low) / p0[i] - 1.0)
    worst = 1.0 + side * ((low if side > 0.0 else high) / p0[i] - 1.0)
    peak[i] = max(peak[i], best)
    if first <= level + _EDGE:
        return reason, opened
    if first >= goal - _EDGE:
        return 2, opened
    stopped, reached = worst <= level + _EDGE, best >= goal - _EDGE
    if reached and (optimistic or not stopped):
        return 2, p0[i] * (1.0 + side * (goal - 1.0))
    if stopped:
        return reason, p0[i] * (1.0 + side * (level - 1.0))
    return 0, 0.0


def _touch_all(
    t, n_active, active, close, opens, highs, lows, volume, delisted, limit, optimistic, units, p0, peak, queue,
    queue_bar, stopped, waiting, rates, mark, sums, fills, amounts, n, n_waiting, n_queue,
):  # fmt: skip
    """Fill the stops that bar t touches; what cannot be sold now is queued."""
    for a in range(n_active):
        i = active[a]
        c = close[t, i]
        if units[i] == 0.0 or queue[i] or c != c:
            continue
        # A missing price inside the bar is the close: the stop is judged there.
        o, h, low = opens[t, i], highs[t, i], lows[t, i]
        o, h, low = o if o == o else c, h if h == h else c, low if low == low else c
        reason, price = _touch(i, o, h, low, optimistic, units, p0, peak, rates)
        if reason == 0:
            continue
        stopped[i] = t + 1
        n_waiting -= waiting[i]
        waiting[i] = 0
        trades = volume.shape[0] == 0 or not volume[t, i] <= 0.0
        if trades and t < delisted[i] and _inside_limit(t, i, units[i] < 0.0, price, close, limit):
            n = _trade(t, i, 0.0, price, reason, -1 - t, rates, units, mark, sums, fills, amounts, n)
        else:
            queue[i], queue_bar[i] = reason, t
            n_queue += 1
    return n, n_waiting, n_queue


def _hold(
    t, end, chunk, first, n_active, active, close, delisted, capital, units, mark, missing, sums, gains, out, residual
):
    """Mark what is held through the bars t..end-1, on which nothing is decided.

    Symbol by symbol through `chunk` bars at a time: columns of prices are contiguous. A bar without a
    price, with a delisting or with ruin is left to the caller. Returns the first bar that is not done,
    the next chunk (short after such a bar, so that repeated ones cost no more than they must), residual.
    """
    for a in range(n_active):
        end = min(end, delisted[active[a]])
    while t < end:
        stop = min(end, t + chunk)
        n, k = stop - t, t - first
        # Plain one-dimensional pieces: the loops over them become vector instructions.
        equity, cash, gross, gain = out[0, k : k + n], out[1, k : k + n], out[2, k : k + n], gains[:n]
        equity[:], gross[:], gain[:] = 0.0, 0.0, 0.0
        for a in range(n_active):
            i = active[a]
            held, price = units[i], close[t:stop, i]
            size = abs(held)
            gain[0] += held * (price[0] - mark[i])
            for b in range(1, n):
                gain[b] += held * (price[b] - price[b - 1])
            for b in range(n):
                equity[b] += held * price[b]
                gross[b] += size * price[b]
        money, earned, base, good = sums[0], sums[1], out[0, k - 1], n
        for b in range(n):
            value = money + equity[b]
            if not value > _TINY * capital:  # ruin, or no price
                good = b
                break
            earned += gain[b]
            gap, base = abs(capital + earned - value), max(value, base)
            if gap > residual * base:
                residual = gap / base
            equity[b], cash[b], base = value, money, value
        sums[1] = earned
        done = t + good
        if done > t:
            for a in range(n_active):
                mark[active[a]] = close[done - 1, active[a]]
                missing[active[a]] = 0
        t = done
        if done < stop:
            return t, 8, residual
        chunk = min(2 * chunk, 1 << 30)
    return t, chunk, residual


def make_kernel(*, stops: bool) -> Callable[..., object]:
    """Return the kernel, compiled with or without stops.

    Parameters
    ----------
    stops : bool
        False leaves everything about stops out of the machine code.

    Returns
    -------
    callable
        Called by `outsample.engine.vectorised` with the arrays of `outsample.engine.record`.
    """
    stops_on = bool(stops)

    def kernel(
        close,
        trade,
        opens,
        highs,
        lows,
        volume,
        days,
        delisted,
        fill_bars,
        start,
        names,
        targets,
        divisors,
        rates,
        first,
        last,
        delist_after,
        mode,
        out,
        carried,
        stale,
        fills,
        amounts,
        floats,
        integers,
        sums,
        gains,
    ):
        close.shape[1]
        leverage, position_limit, limit = rates[5], rates[6], rates[11]
        pre_cost, unlimited = rates[13] != 0.0, limit == np.inf
        partial, touched, at_open, optimistic = mode[0] != 0, mode[1] != 0, mode[2] != 0, mode[3] != 0
        retain, skip_stopped = mode[4] != 0, mode[5] != 0
        buy_rate, sell_rate = rates[0] + rates[2], rates[0] + rates[1] + rates[2]
        carries = rates[3] != 0.0 or rates[4] != 0.0

        units, mark, want, value, prices = floats[0], floats[1], floats[2], floats[3], floats[4]
        p0, peak = floats[5], floats[6]
        signal, missing, active, merged = integers[0], integers[1], integers[2], integers[3]
        queue_bar, stopped = integers[4], integers[5]  # `stopped` is the bar of the stop + 1
        waiting, queue, moves = integers[6], integers[7], integers[8]
        priced, trades = integers[9], integers[10]  # there is a price; an order can be filled
        n_fills, n_active, n_waiting, n_queue, decision = 0, 0, 0, 0, 0
        ruin, shortfall, residual = -1, 0.0, 0.0
        sums[0], sums[1] = rates[12], 0.0  # cash, and everything earned since the start
        capital, equities, cashes, sizes = rates[12], out[0], out[1], out[2]
        offset = np.uint64(first)  # an index without a sign needs no check for places from the end
        out[0, 0], out[1, 0], out[2, 0] = rates[12], rates[12], 0.0
        n_decisions = len(fill_bars)
        chunk = 1 << 30
        t = first
        while t < last:
            t += 1
            k = t - first
            decides = decision < n_decisions and fill_bars[decision] == t
            if n_active == 0 and not decides:  # nothing is held, nothing waits
                end = fill_bars[decision] if decision < n_decisions else last + 1
                flat, money = out[0, k - 1], sums[0]
                equities[k : end - first] = flat
                cashes[k : end - first] = money
                sizes[k : end - first] = 0.0
                t = end - 1
                continue
            if carries:
                short = 0.0
                for a in range(n_active):
                    if units[active[a]] < 0.0:
                        short -= units[active[a]] * mark[active[a]]
                year = days[t] / 365.0
                borrow = short * rates[3] * year
                financing = -sums[0] * rates[4] * year if sums[0] < 0.0 else 0.0
                sums[0] -= borrow + financing
                sums[1] -= borrow + financing
                carried[0, k], carried[1, k] = borrow, financing

            if decides:  # merge the names of the decision into the sorted list of active names
                a, b, c = 0, start[decision], 0
                end = start[decision + 1]
                while a < n_active or b < end:
                    if b >= end or (a < n_active and active[a] <= names[b]):
                        i = active[a]
                        if b < end and names[b] == i:
                            b += 1
                        a += 1
                    else:
                        i = names[b]
                        b += 1
                    merged[c] = i
                    c += 1
                for a in range(c):
                    active[a] = merged[a]
                n_active = c

            if stops_on and touched and not at_open:
                n_fills, n_waiting, n_queue = _touch_all(
                    t, n_active, active, close, opens, highs, lows, volume, delisted, limit, optimistic, units, p0,
                    peak, queue, queue_bar, stopped, waiting, rates, mark, sums, fills, amounts, n_fills,
                    n_waiting, n_queue,
                )  # fmt: skip

            if decides or n_waiting > 0 or n_queue > 0:
                equity = sums[0]
                for a in range(n_active):
                    i = active[a]
                    price = trade[t, i]
                    priced[a] = price == price and close[t, i] == close[t, i]
                    trades[a] = priced[a] and t < delisted[i] and (volume.shape[0] == 0 or not volume[t, i] <= 0.0)
                    prices[a] = price if priced[a] else mark[i]
                    equity += units[i] * prices[a]
                if stops_on and n_queue > 0:
                    for a in range(n_active):
                        i = active[a]
                        if queue[i] and queue_bar[i] < t:
                            stopped[i] = t + 1
                            if trades[a] and (
                                unlimited or _inside_limit(t, i, units[i] < 0.0, prices[a], close, limit)
                            ):
                                n_fills = _trade(
                                    t, i, 0.0, prices[a], queue[i], -1 - queue_bar[i],
                                    rates, units, mark, sums, fills, amounts, n_fills,
                                )  # fmt: skip
                                n_waiting -= waiting[i]
                                waiting[i], queue[i] = 0, 0
                                n_queue -= 1
                    equity = sums[0]
                    for a in range(n_active):
                        equity += units[active[a]] * prices[a]

            if stops_on and pre_cost and not touched:
                for a in range(n_active):
                    i = active[a]
                    if units[i] != 0.0 and queue[i] == 0 and close[t, i] == close[t, i]:
                        reason = _judge(i, close[t, i], units, p0, peak, rates)
                        if reason:
                            queue[i], queue_bar[i] = reason, t
                            n_queue += 1

            if decides or n_waiting > 0:
                if decides:
                    if not partial:
                        for a in range(n_active):
                            i = active[a]
                            n_waiting += 1 - waiting[i]
                            want[i], waiting[i], signal[i] = 0.0, 1, decision
                            if stops_on and queue[i] and queue_bar[i] < t:
                                queue[i] = 0
                                n_queue -= 1
                    scale = 1.0
                    if stops_on and skip_stopped and not partial:
                        total, early, rest = 0.0, 0.0, 0.0
                        for b in range(start[decision], start[decision + 1]):
                            w = abs(targets[b])
                            total += w
                            early += w if stopped[names[b]] == 0 or stopped[names[b]] == t + 1 else 0.0
                            rest += w if stopped[names[b]] == 0 else 0.0
                        if pre_cost and rest < total:
                            # finlab: names stopped before this bar were not in the row when it was
                            # normalised; those that leave on this bar pass their share on.
                            scale = divisors[decision]
                            scale /= max(early * scale / leverage, 1.0)
                            total = early * scale
                        scale = total / rest if rest > 0.0 else 0.0
                    for b in range(start[decision], start[decision + 1]):
                        i = names[b]
                        w = targets[b]
                        if partial:
                            # An entry while the name is held or on its way is no second entry.
                            if w != 0.0 and (units[i] != 0.0 or waiting[i]):
                                continue
                            if w == 0.0 and units[i] == 0.0 and not waiting[i]:
                                continue
                            if queue[i]:
                                continue
                            n_waiting += 1 - waiting[i]
                            waiting[i], signal[i] = 1, decision
                        elif stops_on and skip_stopped:
                            w = 0.0 if stopped[i] else min(max(w * scale, -position_limit), position_limit)
                        want[i] = w
                    if stops_on and not partial:
                        stopped[:] = 0
                    decision += 1
                tiny = _TINY * equity
                blocked = 0.0
                for a in range(n_active):
                    i = active[a]
                    value[a] = units[i] * prices[a]
                    moves[a] = 0
                    if waiting[i] and equity > 0.0 and (queue[i] == 0 or (decides and not partial)):
                        change = want[i] * equity - value[a]
                        small = abs(change) <= tiny and (want[i] != 0.0 or units[i] == 0.0)
                        if small and not priced[a]:
                            n_waiting -= 1
                            waiting[i] = 0
                        elif small or (
                            trades[a] and (unlimited or _inside_limit(t, i, change > 0.0, prices[a], close, limit))
                        ):
                            moves[a] = 1
                    if not moves[a]:
                        blocked += abs(value[a])
                m = equity
                again = equity > 0.0
                while again:
                    again = False
                    m = _solve(
                        equity, blocked, leverage, not pre_cost, n_active, active, moves, value, want,
                        buy_rate, sell_rate,
                    )  # fmt: skip
                    for a in range(n_active):
                        if moves[a]:
                            i = active[a]
                            change = want[i] * m - value[a]
                            if abs(change) > tiny and not (
                                trades[a] and (unlimited or _inside_limit(t, i, change > 0.0, prices[a], close, limit))
                            ):
                                moves[a] = 0
                                blocked += abs(value[a])
                                again = True
                for a in range(n_active):
                    i = active[a]
                    side = units[i]
                    if moves[a]:
                        goal = want[i] * m
                        if abs(goal - value[a]) > tiny or (goal == 0.0 and side != 0.0):
                            n_fills = _trade(
                                t, i, goal, prices[a], 0, signal[i], rates, units, mark, sums,
                                fills, amounts, n_fills,
                            )  # fmt: skip
                        n_waiting -= 1
                        waiting[i] = 0
                    if (
                        stops_on
                        and units[i] != 0.0
                        and equity > 0.0
                        and (moves[a] or (decides and not partial))
                        and not (retain and side * units[i] > 0.0)
                    ):
                        p0[i], peak[i] = prices[a], 1.0

            if stops_on and touched and at_open:
                n_fills, n_waiting, n_queue = _touch_all(
                    t, n_active, active, close, opens, highs, lows, volume, delisted, limit, optimistic, units, p0,
                    peak, queue, queue_bar, stopped, waiting, rates, mark, sums, fills, amounts, n_fills,
                    n_waiting, n_queue,
                )  # fmt: skip

            # Revalue to the close; forget names without holding or order.
            total, gross, kept = 0.0, 0.0, 0
            for a in range(n_active):
                i = active[a]
                if units[i] != 0.0:
                    price = close[t, i]
                    if price == price:
                        sums[1] += units[i] * (price - mark[i])
                        mark[i] = price
                        missing[i] = 0
                    else:
                        missing[i] += 1
                        stale[i] += 1
                    if t >= delisted[i] or missing[i] >= delist_after:
                        price = mark[i] * rates[14]
                        sums[0] += units[i] * price
                        sums[1] += units[i] * (price - mark[i])
                        n_fills = _log(fills, amounts, n_fills, t, i, 4, -1 - t, -units[i], price, 0.0, 0.0, 0.0)
                        units[i] = 0.0
                        missing[i] = 0
                        n_waiting -= waiting[i]
                        waiting[i] = 0
                        if queue[i]:
                            queue[i] = 0
                            n_queue -= 1
                    total += units[i] * mark[i]
                    gross += abs(units[i] * mark[i])
                elif waiting[i] and t >= delisted[i]:
                    waiting[i] = 0
                    n_waiting -= 1
                if stops_on and queue[i] and units[i] == 0.0:
                    queue[i] = 0
                    n_queue -= 1
                if units[i] != 0.0 or waiting[i]:
                    active[kept] = i
                    kept += 1
            n_active = kept
            equity = sums[0] + total
            gap, base = abs(rates[12] + sums[1] - equity), max(equity, out[0, k - 1])
            if gap > residual * base:
                residual = gap / base
            if equity <= _TINY * rates[12]:
                for a in range(n_active):
                    i = active[a]
                    if units[i] != 0.0:
                        n_fills = _log(fills, amounts, n_fills, t, i, 5, -1 - t, -units[i], mark[i], 0.0, 0.0, 0.0)
                ruin, shortfall = t, -equity
                out[:, k:] = 0.0
                break
            out[0, k], out[1, k], out[2, k] = equity, sums[0], gross

            if stops_on and not touched:
                for a in range(n_active):
                    i = active[a]
                    if units[i] != 0.0 and queue[i] == 0 and close[t, i] == close[t, i]:
                        if pre_cost:
                            side = 1.0 if units[i] > 0.0 else -1.0
                            peak[i] = max(peak[i], 1.0 + side * (close[t, i] / p0[i] - 1.0))
                        else:
                            reason = _judge(i, close[t, i], units, p0, peak, rates)
                            if reason:
                                queue[i], queue_bar[i] = reason, t
                                n_queue += 1
                                n_waiting -= waiting[i]
                                waiting[i] = 0

            if not stops_on and not carries and n_active > 0 and n_waiting == 0:
                end = fill_bars[decision] if decision < n_decisions else last + 1
                if n_active == 1:  # one name: nothing to add up, no piece of an array worth making
                    i = active[0]
                    end = min(end, delisted[i])
                    held, before, money, earned, base = units[i], mark[i], sums[0], sums[1], equity
                    size, begun = abs(held), t
                    for b in range(np.uint64(t + 1), np.uint64(end)):
                        price = close[b, i]
                        worth = money + held * price
                        if not worth > _TINY * capital:  # ruin, or no price
                            break
                        earned += held * (price - before)
                        gap = abs(capital + earned - worth)
                        if gap > residual * worth and gap > residual * base:
                            residual = gap / max(worth, base)
                        equities[b - offset], cashes[b - offset], sizes[b - offset] = worth, money, size * price
                        before, base, t = price, worth, t + 1
                    sums[1], mark[i] = earned, before
                    if t > begun:
                        missing[i] = 0
                else:
                    t, chunk, residual = _hold(
                        t + 1, end, chunk, first, n_active, active, close, delisted, rates[12], units, mark, missing,
                        sums, gains, out, residual,
                    )  # fmt: skip
                    t -= 1
        return n_fills, ruin, shortfall, residual

    _register_helpers()
    # It allocates nothing: without counting references to its arrays it is twice as fast.
    return jit(kernel, _SIGNATURE, _nrt=False)


_TABLE = "Array(float64, 2, 'A', readonly=True)"
_INTS = "Array(int64, 1, 'C', readonly=True)"
_FLOATS = "Array(float64, 1, 'C', readonly=True)"
_SIGNATURE = (
    "Tuple((int64, int64, float64, float64))("
    f"{', '.join([_TABLE] * 6)}, {_FLOATS}, {_INTS}, {_INTS}, {_INTS}, {_INTS}, {_FLOATS}, {_FLOATS}, {_FLOATS}, "
    f"int64, int64, int64, {_INTS}, float64[:, ::1], float64[:, ::1], int64[::1], int64[:, ::1], float64[:, ::1], "
    "float64[:, ::1], int64[:, ::1], float64[::1], float64[::1])"
)


def _register_helpers() -> None:
    """Let compiled kernels call the plain helpers of this module."""
    from numba.extending import register_jitable

    for helper in (_inside_limit, _log, _trade, _solve, _judge, _touch, _touch_all, _hold):
        register_jitable(_nrt=False)(helper)
