"""The kernel over many tables: the rows, the run and the trades of each, without coming back to Python.

It calls the kernels of `outsample.engine.weights` and `outsample.engine.kernel`, one table after another, so
that each number is the one that the ordinary engine computes. What is new here is the count of trades, by the
rule of `outsample.engine.trade_kernel`, and the end and the deepest fall of a curve of returns.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# ruff: noqa: PLR0913, PLR0917

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

# The parts of the ordinary engine, by the names that they have in their modules.
from outsample.engine.kernel import _SIGNATURE as _RUN_SIGNATURE
from outsample.engine.kernel import WORK as _WORK
from outsample.engine.kernel import make_kernel
from outsample.engine.weights import _normalise_rows
from outsample.jit import jit

__all__ = ["count_trades", "many_kernel"]


def _count_trades(fills, amounts, n, n_names):
    """Number of flat-to-flat holdings, open ones too."""
    units, held = np.zeros(n_names), np.zeros(n_names, np.bool_)
    count = 0
    for f in range(n):
        i = fills[f, 1]
        if not held[i]:
            held[i], units[i] = True, 0.0
            count += 1
        before = units[i]
        after = before + amounts[f, 0]
        # An exit to zero sells exactly what is held; rounding of the walk is not a holding.
        if abs(after) <= abs(before) and abs(after) <= 1e-9 * abs(before):
            held[i] = False
        else:
            units[i] = after
    return count


count_trades: Callable[..., int] = jit(_count_trades, "int64(int64[:, ::1], float64[:, ::1], int64, int64)")

# The compiled kernels that the one below calls; set before it is compiled.
_rows: Any = None
_run: Any = None
_count: Any = None


def _curve(equity, returns):
    """Write the net returns of a curve of equity; return the end and the deepest fall of the wealth they make."""
    worth, peak, deepest, near = 1.0, 1.0, 0.0, 1.0
    for k in range(1, len(equity)):
        before = equity[k - 1]
        if equity[k] == before:  # nothing held, or ruined: a return of nothing
            returns[k - 1] = 0.0
            continue
        change = equity[k] / before - 1.0 if before > 0.0 else 0.0
        returns[k - 1] = change
        factor = 1.0 + change
        worth *= max(0.0, factor)
        if worth > peak:
            peak = worth
            near = peak * (1.0 + deepest) * (1.0 + 1e-9)
        elif worth <= near:  # divided only where it may be the deepest
            deepest = min(deepest, worth / peak - 1.0)
            near = peak * (1.0 + deepest) * (1.0 + 1e-9)
    return worth, deepest


def _changed(table, rows, changes):
    """Write the places of rows whose values are not those of the row before; return how many there are."""
    count = 0
    for k in range(len(rows)):
        new = k == 0
        if not new:
            a, b = rows[k - 1], rows[k]
            for j in range(table.shape[1]):
                if table[a, j] != table[b, j]:
                    new = True
                    break
        if new:
            changes[count] = k
            count += 1
    return count


def _make(version: int) -> Callable[..., object]:
    # The version of the kernels that are called is part of this closure, and so of the key of the cache.
    def many(
        values, rows, columns, member, leverage, limit, only_changes, fills_of, close, trade, nothing, volume, days,
        delisted, rates, first, last, delist_after, mode, returns, ends, counts,
    ):  # fmt: skip
        n, n_bars = len(columns), last - first + 1
        room = min(len(rows) * n, 65_536)
        names, weights = np.empty(room, np.int64), np.empty(room)
        fills, amounts = np.empty((1024, 4), np.int64), np.empty((1024, 5))
        out, carry = np.empty((3, n_bars)), np.zeros((2, n_bars if rates[3] != 0.0 or rates[4] != 0.0 else 0))
        stale, changes, sums = np.zeros(n, np.int64), np.empty(len(rows), np.int64), np.zeros(2)
        numbers, integers, gains = np.zeros((_WORK[0], n)), np.zeros((_WORK[1], n), np.int64), np.empty(n_bars)
        for s in range(values.shape[0]):
            table, asked = values[s], rows
            if only_changes:  # equal rows are equal weights: they need not be normalised to be left out
                n_changes = _changes_of(table, rows, changes)
                asked = rows[changes[:n_changes]]
            kept, start, divisors = _rows(table, asked, columns, member, leverage, limit, only_changes, names, weights)
            if len(kept) and kept[0] < 0:
                counts[s] = -1  # an infinite weight: the ordinary way says which
                continue
            if start[-1] > len(names):
                names, weights = np.empty(start[-1], np.int64), np.empty(start[-1])
                kept, start, divisors = _rows(
                    table, asked, columns, member, leverage, limit, only_changes, names, weights
                )
            if only_changes:
                kept = changes[kept]
            # The decisions that count, moved to the front of their arrays.
            used, count = 0, 0
            bars = np.empty(len(kept), np.int64)
            for k in range(len(kept)):
                bar = fills_of[kept[k]]
                a, b = start[k], start[k + 1]
                if bar > last or (k + 1 < len(kept) and fills_of[kept[k + 1]] == bar):
                    continue
                for j in range(a, b):
                    names[used], weights[used] = names[j], weights[j]
                    used += 1
                bars[count], divisors[count] = bar, divisors[k]
                count += 1
                start[count] = used
            while True:
                stale[:], numbers[:], integers[:] = 0, 0.0, 0
                n_fills, _ruin, _short, _residual = _run(
                    close, trade, nothing, nothing, nothing, volume, days, delisted, bars[:count], start[: count + 1],
                    names[:used], weights[:used], divisors[:count], rates, first, last, delist_after, mode, out, carry,
                    stale, fills, amounts, numbers, integers, sums, gains,
                )  # fmt: skip
                if n_fills <= len(fills):
                    break
                fills, amounts = np.empty((n_fills, 4), np.int64), np.empty((n_fills, 5))
            counts[s] = _count(fills, amounts, n_fills, n)
            ends[s, 0], ends[s, 1] = _curve_of(out[0], returns[s])
        return version

    return many


_curve_of: Any = _curve
_changes_of: Any = _changed

_TABLE = "Array(float64, 2, 'A', readonly=True)"
_INTS = "Array(int64, 1, 'C', readonly=True)"
_FLOATS = "Array(float64, 1, 'C', readonly=True)"
_SIGNATURES = [
    f"int64(Array({kind}, 3, 'A', readonly=True), int64[::1], int64[::1], Array(boolean, 2, 'A', readonly=True), "
    f"float64, float64, boolean, {_INTS}, {', '.join([_TABLE] * 4)}, {_FLOATS}, {_INTS}, {_FLOATS}, int64, int64, "
    f"int64, {_INTS}, float64[:, ::1], float64[:, ::1], int64[::1])"
    for kind in ("boolean", "float64")
]


@functools.cache
def many_kernel() -> Callable[..., object]:
    """Return the kernel, compiled for tables of booleans and of numbers.

    It takes [table x row x column] values, what `target_weights` and the engine's kernel take, and for each
    table fills a row of net returns, the end and the deepest fall of their wealth, and the number of trades
    (-1: an infinite weight, nothing was run).
    """
    import numba
    from numba.extending import register_jitable

    names = globals()
    plain = cast(Any, make_kernel(stops=False)).plain
    compile_plain = cast(Any, register_jitable)
    names["_rows"] = compile_plain(_normalise_rows)
    options: dict[str, Any] = {"nogil": True, "cache": True, "_nrt": False}
    names["_run"] = cast(Any, numba.njit)(_RUN_SIGNATURE, **options)(plain)
    names["_count"], names["_curve_of"] = compile_plain(_count_trades), compile_plain(_curve)
    names["_changes_of"] = compile_plain(_changed)
    sources = [Path(__file__).with_name(name).stat() for name in ("kernel.py", "weights.py")]
    return jit(_make(sum(one.st_mtime_ns + one.st_size for one in sources) % 2**62), _SIGNATURES)
