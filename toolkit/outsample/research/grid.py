"""Grids of parameter values: their combinations, constraints on them, and neighbourhoods in them."""

from __future__ import annotations

import ast
import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from outsample import errors
from outsample.strategy import Literal

__all__ = ["Constraint", "allowed", "combinations", "neighbourhood_medians"]

Constraint = str | Callable[[Mapping[str, Literal]], bool]
MAXIMUM_COMBINATIONS = 100_000
_COMPARE: Mapping[type, Callable[..., object]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_ARITHMETIC: Mapping[type, Callable[..., object]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def combinations(
    grid: Mapping[str, Sequence[Literal]], constraint: Constraint | None = None
) -> list[dict[str, Literal]]:
    """Return the combinations of a grid that a constraint allows, the last name varying fastest.

    Parameters
    ----------
    grid : mapping of parameter name to values
    constraint : str or callable, optional
        See `allowed`.

    Raises
    ------
    ConfigError
        No grid, no values, too many combinations, or none that is allowed.

    Examples
    --------
    >>> combinations({"a": [1, 2], "b": [True]})
    [{'a': 1, 'b': True}, {'a': 2, 'b': True}]
    >>> combinations({"fast": [10, 60], "slow": [50]}, "fast < slow")
    [{'fast': 10, 'slow': 50}]
    """
    if not grid:
        raise errors.ConfigError("A sweep needs a grid: parameter name -> values.", hint="grid={'fast': [10, 20]}")
    for name, values in grid.items():
        if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray) or not len(values):
            raise errors.ConfigError(f"grid[{name!r}] must be a list of values. Got {values!r}.")
    total = math.prod(len(values) for values in grid.values())
    if total > MAXIMUM_COMBINATIONS:
        raise errors.ConfigError(f"The grid has {total:,} combinations; {MAXIMUM_COMBINATIONS:,} are allowed.")
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    if constraint is None:
        return every
    rule = allowed(constraint, tuple(grid))
    kept = [params for params in every if rule(params)]
    if not kept:
        raise errors.ConfigError(f"The constraint {constraint!r} allows none of the {total:,} combinations.")
    return kept


def allowed(constraint: Constraint, names: Sequence[str]) -> Callable[[Mapping[str, Literal]], bool]:
    """Return a constraint as a function of parameters.

    Parameters
    ----------
    constraint : str or callable
        A comparison of parameters and numbers, such as "fast < slow" or "fast * 2 <= slow < 200", or a
        function of the parameters.
    names : sequence of str
        Parameters that the grid names.
    """
    if callable(constraint):
        return lambda params: bool(constraint(params))
    try:
        tree = ast.parse(constraint, mode="eval").body
    except SyntaxError:
        tree = ast.Constant(value=None)
    if not isinstance(tree, ast.Compare):
        raise errors.ConfigError(f"A constraint compares parameters. Got {constraint!r}.", hint="'fast < slow'")
    _value(tree, dict.fromkeys(names, 1), constraint)  # names and operations are checked before anything runs
    return lambda params: bool(_value(tree, params, constraint))


def _value(node: ast.expr, params: Mapping[str, Literal], text: str) -> object:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in params:
            hint = errors.nearest(node.id, params)
            raise errors.ConfigError(f"{node.id!r} in the constraint {text!r} is no name of the grid.", hint=hint)
        return params[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _ARITHMETIC[type(node.op)](_value(node.left, params, text), _value(node.right, params, text))
    if isinstance(node, ast.Compare) and all(type(one) in _COMPARE for one in node.ops):
        values = [_value(one, params, text) for one in (node.left, *node.comparators)]
        pairs = zip(node.ops, values[:-1], values[1:], strict=True)
        return all(_COMPARE[type(one)](a, b) for one, a, b in pairs)
    raise errors.ConfigError(
        f"The constraint {text!r} may hold parameters, numbers, + - * / and comparisons.", hint="'fast < slow'"
    )


def neighbourhood_medians(
    grid: Mapping[str, Sequence[Literal]], params: Sequence[Mapping[str, Literal]], values: Sequence[float]
) -> list[float]:
    """Return for each combination the median of its own value and its neighbours'.

    Neighbours are at most one step away along each parameter. An undefined value stays undefined, and is
    left out of its neighbours' medians.

    Parameters
    ----------
    grid : mapping
    params : sequence of mapping
        The combinations that `values` belong to; the grid may have others.
    values : sequence of float
    """
    table = np.full([len(axis) for axis in grid.values()], np.nan)
    places = [tuple(list(grid[name]).index(one[name]) for name in grid) for one in params]
    for place, value in zip(places, values, strict=True):
        table[place] = value
    found = []
    for place, value in zip(places, values, strict=True):
        box = table[tuple(slice(max(at - 1, 0), at + 2) for at in place)]
        found.append(math.nan if math.isnan(value) else float(np.nanmedian(box)))
    return found
