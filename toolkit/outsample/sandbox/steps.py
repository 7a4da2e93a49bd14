"""Strategies that are nothing but operators on frames, worked out step by step and not run.

``position = close.average(fast) > close.average(slow)`` with a thousand parameter sets has 65 averages and a
thousand comparisons. A source of such lines only, each of which assigns operators on frames, methods of
`StrategyFrame`, parameters and constants, does nothing but give values. So a step of it is worked out once for all
sets that agree on the parameters in it, by the same operators as ever.

Whatever is not of that kind, and every set in which a step raises, warns or gives anything but a frame or a
scalar, is left to `outsample.sandbox.execute`, which says what happened. What comes out is the same either way.
"""

from __future__ import annotations

import ast
import operator
import types
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from outsample.data import StrategyFrame
from outsample.data.light import bytes_of
from outsample.sandbox.execute import table_of
from outsample.sandbox.namespace import Scene

__all__ = ["Steps", "find_steps"]

Params = Mapping[str, object]
Read = Callable[[Params], object]
Finish = Callable[[Params], pd.DataFrame]

# Values that are kept for other sets take at most so many bytes together.
KEPT_BYTES = 64 << 20
_SCALARS = (int, float, bool, str, type(None))
# Of pandas' own methods some that give a new frame whatever they are asked.
_METHODS = {"abs", "diff", "shift"} | {
    name
    for kind in StrategyFrame.__mro__[: StrategyFrame.__mro__.index(pd.DataFrame)]
    for name, item in vars(kind).items()
    if isinstance(item, types.FunctionType) and not name.startswith("_")
}
_BINARY: dict[type[ast.AST], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: dict[type[ast.AST], Callable[..., object]] = {
    ast.Invert: operator.invert,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


class Steps:
    """A source as steps.

    Parameters
    ----------
    kind : {"position", "signal"}
        What the result is.
    lines : sequence of callable
        Every line, in its order: each is worked out for each set, since it may fail.
    result : callable
    kept : _Kept
        Values of steps.
    """

    def __init__(self, kind: str, lines: Sequence[Read], result: Finish, kept: _Kept) -> None:
        self.kind = kind
        self._lines, self._result, self._kept = lines, result, kept
        self._failed = False

    def run(self, params: Params, caught: Sequence[object]) -> pd.DataFrame | None:
        """Return the table that these parameters lead to; None: run them, and all that follow, the ordinary way.

        Parameters
        ----------
        params : mapping
            A value of the default's type for each parameter that is marked.
        caught : sequence
            Where warnings are recorded; empty so far.
        """
        if self._failed:
            return None
        self._kept.begin()
        try:
            for read in self._lines:
                read(params)
            found = self._result(params)
        except Exception:  # noqa: BLE001 - whatever it is, it happens again where it is told
            found = None
        if found is None or caught:
            self._failed = True
            self._kept.clear()
            return None
        return found


def find_steps(tree: ast.Module, marks: Mapping[str, str], entry: str, scene: Scene) -> Steps | None:
    """Return a source as steps; None if it is not of that kind.

    Parameters
    ----------
    tree : Module
        With a mark where the value of each parameter stands.
    marks : mapping of str to str
        Mark -> parameter.
    entry : {"script", "function"}
    scene : Scene
        Where its data come from.
    """
    try:
        return _Reader(marks, scene).read(tree, entry)
    except (_OtherKindError, RecursionError):
        return None


class _OtherKindError(Exception):
    """A source, or a value, of another kind."""


class _Kept:
    """Values of steps: those of the set at hand, and those that other sets may share."""

    def __init__(self) -> None:
        self.here: dict[int, object] = {}
        self.shared: dict[tuple[object, ...], object] = {}
        self._bytes = 0

    def begin(self) -> None:
        """Another set follows."""
        self.here.clear()

    def share(self, key: tuple[object, ...], value: object) -> None:
        """Keep a value for other sets; if there is no room, all others are forgotten."""
        size = bytes_of(value) if type(value) is StrategyFrame else 64
        if self._bytes + size > KEPT_BYTES:
            self.clear()
        if size <= KEPT_BYTES:
            self.shared[key] = value
            self._bytes += size

    def clear(self) -> None:
        """Forget everything."""
        self.here.clear()
        self.shared.clear()
        self._bytes = 0


class _Reader:
    """Turns lines of source into steps."""

    def __init__(self, marks: Mapping[str, str], scene: Scene) -> None:
        self._marks, self._scene, self._kept = marks, scene, _Kept()
        self._every = frozenset(marks.values())
        self._data: str | None = "data"
        self._lines: list[Read] = []
        self._known: dict[str, tuple[Read, frozenset[str]]] = {}
        self._count = 0

    def read(self, tree: ast.Module, entry: str) -> Steps:
        """Return the steps of a source."""
        if entry == "function":
            return self._steps("position", self._function(tree.body))
        self._body(tree.body)
        for kind in ("position", "signal"):
            if kind in self._known:
                return self._steps(kind, self._known[kind][0])
        raise _OtherKindError

    def _steps(self, kind: str, result: Read) -> Steps:
        return Steps(kind, self._lines, lambda params: table_of(result(params), self._scene), self._kept)

    def _body(self, lines: Sequence[ast.stmt]) -> None:
        for line in lines:
            if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
                self._assign(line.targets[0].id, line.value)
            elif not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)):
                raise _OtherKindError

    def _assign(self, name: str, value: ast.expr) -> None:
        if name == self._data:
            raise _OtherKindError
        found = self._expression(value)
        self._known[name] = found
        self._lines.append(found[0])

    def _function(self, body: Sequence[ast.stmt]) -> Read:
        """Read ``def strategy(data, ...)``, and constants before it."""
        *before, function = body
        if not isinstance(function, ast.FunctionDef) or function.name != "strategy" or function.decorator_list:
            raise _OtherKindError
        self._data = None  # nothing before the function reads data
        self._body(before)
        asked, outside = function.args, set(self._known)
        plain = not (asked.posonlyargs or asked.kwonlyargs or asked.vararg or asked.kwarg)
        if not plain or len(asked.args) != len(asked.defaults) + 1:
            raise _OtherKindError
        self._data = asked.args[0].arg
        for argument, default in zip(asked.args[1:], asked.defaults, strict=True):
            self._assign(argument.arg, default)
        *lines, last = function.body
        inside = {node.id for line in lines for node in ast.walk(line) if isinstance(node, ast.Name)
                  and isinstance(node.ctx, ast.Store)}  # fmt: skip
        if not isinstance(last, ast.Return) or last.value is None or inside & outside:
            raise _OtherKindError
        self._body(lines)
        return self._expression(last.value)[0]

    def _expression(self, node: ast.expr) -> tuple[Read, frozenset[str]]:
        """Return how the value of an expression is found, and the parameters in it."""
        if isinstance(node, ast.Constant):
            return self._constant(node.value)
        if isinstance(node, ast.Name) and node.id in self._known:
            return self._known[node.id]
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return self._step(_UNARY[type(node.op)], [node.operand])
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return self._step(_BINARY[type(node.op)], [node.left, node.right])
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _BINARY:
            return self._step(_BINARY[type(node.ops[0])], [node.left, node.comparators[0]])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return self._call(node, node.func.value, node.func.attr)
        raise _OtherKindError

    def _constant(self, value: object) -> tuple[Read, frozenset[str]]:
        if isinstance(value, str) and value in self._marks:
            name = self._marks[value]
            return lambda params: params[name], frozenset([name])
        return lambda _: _checked(value), frozenset()

    def _call(self, node: ast.Call, of: ast.expr, method: str) -> tuple[Read, frozenset[str]]:
        names = [word.arg for word in node.keywords if word.arg is not None]
        if len(names) < len(node.keywords):
            raise _OtherKindError
        values = [*node.args, *(word.value for word in node.keywords)]
        if isinstance(of, ast.Name) and of.id == self._data and self._data not in self._known:
            if method != "get" or len(values) != 1 or names:
                raise _OtherKindError
            return self._step(self._scene.data.get, values)
        if method not in _METHODS:
            raise _OtherKindError
        plain = len(node.args)

        def call(frame: object, *given: object) -> object:
            if type(frame) is not StrategyFrame:
                raise _OtherKindError
            return getattr(frame, method)(*given[:plain], **dict(zip(names, given[plain:], strict=True)))

        return self._step(call, [of, *values])

    def _step(self, compute: Callable[..., object], nodes: Sequence[ast.expr]) -> tuple[Read, frozenset[str]]:
        found = [self._expression(node) for node in nodes]
        reads, names = [read for read, _ in found], frozenset[str]().union(*(names for _, names in found))
        self._count += 1
        place, kept, order = self._count, self._kept, sorted(names)

        def alone(params: Params) -> object:
            if place not in kept.here:
                kept.here[place] = _checked(compute(*[read(params) for read in reads]))
            return kept.here[place]

        def shared(params: Params) -> object:
            # Equal values of one type are one value, but for the zeros.
            key = (place, *[params[name] or (repr(params[name]),) for name in order])
            if key not in kept.shared:
                value = _checked(compute(*[read(params) for read in reads]))
                kept.share(key, value)
                return value
            return kept.shared[key]

        return (alone if names == self._every else shared), names


def _checked(value: object) -> object:
    if type(value) is StrategyFrame or type(value) in _SCALARS:
        return value
    raise _OtherKindError
