"""The look-ahead lint: patterns that usually let a strategy see the future.

These are warnings. Whether a strategy really looks ahead is decided by running it on truncated and
perturbed data; the lint says where to look.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from outsample.validation.finding import Finding
from outsample.validation.places import flag, keyword, literal_text, negative
from outsample.validation.reading import Facts, read
from outsample.validation.resolve import MAX_HOPS, Resolver
from outsample.validation.scopes import Scope
from outsample.validation.source import check_text, parse, split_lines

__all__ = ["check_lookahead", "look_ahead_lint"]

_BACKWARD = frozenset({"bfill", "backfill"})
_STATISTICS = frozenset({
    "mean", "std", "var", "median", "min", "max", "quantile", "skew", "kurt", "kurtosis", "sem", "corr", "cov",
    "describe", "mode", "idxmax", "idxmin", "mad",
})  # fmt: skip
# Methods whose result is still a table over time, of the same rows.
_KEEPS = frozenset({
    "get", "pct_change", "diff", "shift", "ffill", "fillna", "dropna", "abs", "clip", "round", "astype", "replace",
    "where", "mask", "add", "sub", "mul", "div", "copy", "loc", "iloc", "reindex", "rename", "average", "stack",
    "cumsum", "cumprod", "cummax", "cummin", "log", "log1p", "isna", "notna",
})  # fmt: skip
_WINDOWS = frozenset({"rolling", "expanding", "ewm", "groupby", "resample"})
_CLOCK = frozenset({
    "pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow", "datetime.datetime.now",
    "time.time",
    "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today",
})  # fmt: skip
_CONFIRM = "The look-ahead check confirms or clears it."


def look_ahead_lint(source: str) -> list[Finding]:
    """Return only the warnings of the look-ahead lint for a source.

    Timing: nothing is run; the answer says what looks like look-ahead, not that it is.

    Examples
    --------
    >>> [item.rule for item in look_ahead_lint("tomorrow = data.get('close').shift(-1)")]
    ['lookahead-shift']
    """
    lines = split_lines(source)
    if any(item.rule in {"source-size", "source-character"} for item in check_text(source, lines)):
        return []
    tree = parse(source, lines)
    if isinstance(tree, Finding):
        return []
    try:
        facts = read(tree, lines)
        return list(check_lookahead(facts, Resolver(facts)))
    except RecursionError:
        return []


def check_lookahead(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield the warnings of the lint, and one for reading the clock."""
    lint = _Lint(facts, resolver)
    for call, scope in facts.calls:
        if isinstance(call.func, ast.Attribute):
            yield from lint.method(call, call.func, scope)
        elif isinstance(call.func, ast.Name):
            yield from lint.function(call, scope)
    for item, scope in facts.subscripts:
        yield from lint.subscript(item, scope)


class _Lint:
    """The lint of one source, with what it knows about names that hold tables over time."""

    def __init__(self, facts: Facts, resolver: Resolver) -> None:
        self.facts = facts
        self.resolver = resolver
        self._tables: dict[ast.AST, bool] = {}
        self._hops = 0

    def warn(self, node: ast.AST, rule: str, message: str, hint: str) -> Finding:
        return flag(self.facts, node, rule, message, hint=f"{hint} {_CONFIRM}", severity="warning")

    def method(self, call: ast.Call, func: ast.Attribute, scope: Scope) -> Iterator[Finding]:
        name = func.attr
        paths = self.resolver.paths(func, scope)
        first = call.args[0] if call.args else keyword(call, "periods")
        if name in {"shift", "pct_change", "diff"} and negative(first) and not _across(call, position=2):
            message = f".{name}({ast.unparse(first) if first else ''}) reads later rows."
            yield self.warn(call, "lookahead-shift", message, "A positive number reads earlier rows.")
        elif "numpy.roll" in paths:
            message = "np.roll wraps the last rows to the front."
            yield self.warn(call, "lookahead-shift", message, "Use .shift(n).")
        elif name in _BACKWARD or _backward(call):
            message = f".{name} fills gaps with later values."
            yield self.warn(call, "lookahead-fill", message, "Use .ffill().")
        elif name == "interpolate":
            yield self.warn(call, "lookahead-fill", ".interpolate fills gaps from both sides.", "Use .ffill().")
        elif name == "rolling" and _true(keyword(call, "center")):
            message = "A centred window reads later rows."
            yield self.warn(call, "lookahead-center", message, "Leave center=True out.")
        elif name == "FixedForwardWindowIndexer":
            yield self.warn(call, "lookahead-center", "A forward window reads later rows.", "Use .rolling(n).")
        elif name == "merge_asof" and literal_text(keyword(call, "direction")) in {"forward", "nearest"}:
            message = "merge_asof takes the next row, which lies in the future."
            yield self.warn(call, "lookahead-fill", message, "Use direction='backward'.")
        elif name == "resample" and literal_text(keyword(call, "label")) == "left":
            message = "Labels at the left date a whole period with its first day."
            yield self.warn(call, "lookahead-label", message, "Use label='right', or .bars('W').")
        elif any(path in _CLOCK for path in paths):
            hint = "Take dates from the index of a frame."
            message = f"{ast.unparse(func)}() reads the clock: the result would change tomorrow."
            yield flag(self.facts, call, "clock", message, hint=hint, severity="warning")
        else:
            yield from self.sample(call, func, scope)

    def sample(self, call: ast.Call, func: ast.Attribute, scope: Scope) -> Iterator[Finding]:
        """Warn of statistics and fits over the whole sample."""
        name = func.attr
        # ranks of these tables are across the names unless asked otherwise
        whole = _along(call) if name == "rank" else name in _STATISTICS and not _across(call, position=0)
        if whole and self.table(func.value, scope):
            if self.shown(call, scope):
                return
            message = f".{name}() over all rows uses the whole sample, also what comes later."
            hint = f"Use .expanding().{name}() or .rolling(n).{name}(), or axis=1 for across the names."
            yield self.warn(call, "lookahead-sample", message, hint)
        elif name in {"zscore", "detrend", "filtfilt", "savgol_filter"}:
            if any(path.startswith("scipy.") for path in self.resolver.paths(func, scope)):
                message = f"{name} uses every row of what it is given."
                yield self.warn(call, "lookahead-sample", message, "Compute it in a rolling window.")
        elif name in {"fit", "fit_transform", "fit_predict"} and name not in self.facts.methods:
            message = f".{name}(...) learns from every row that it is given."
            yield self.warn(call, "lookahead-fit", message, "Fit on rows up to a date and apply to later ones.")

    def shown(self, node: ast.AST, scope: Scope) -> bool:
        """Say whether an expression is only printed or drawn: it decides nothing."""
        above = self.facts.parents.get(node)
        while isinstance(above, ast.expr):
            if isinstance(above, ast.Call):
                if isinstance(above.func, ast.Name) and above.func.id in {"print", "display"}:
                    return True
                if any(item.kind == "stub" for item in self.resolver.reach(above.func, scope)):
                    return True
            above = self.facts.parents.get(above)
        return False

    def function(self, call: ast.Call, scope: Scope) -> Iterator[Finding]:
        for path in self.resolver.paths(call.func, scope):
            name = path.rpartition(".")[2]
            if path == "sklearn.model_selection.train_test_split" and not _false(keyword(call, "shuffle")):
                message = "train_test_split mixes earlier and later rows."
                yield self.warn(call, "lookahead-fit", message, "Use shuffle=False or TimeSeriesSplit.")
            elif path in {"scipy.stats.zscore", "scipy.signal.filtfilt", "scipy.signal.savgol_filter"}:
                message = f"{name} uses every row of what it is given."
                yield self.warn(call, "lookahead-sample", message, "Compute it in a rolling window.")

    def subscript(self, node: ast.Subscript, scope: Scope) -> Iterator[Finding]:
        """Warn of the last row, which is the end of the data and not of a window, and of reversed time."""
        if not isinstance(node.ctx, ast.Load):
            return
        index = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        base = node.value
        place = isinstance(base, ast.Attribute) and base.attr in {"iloc", "iat", "values", "index"}
        table = self.table(base.value if isinstance(base, ast.Attribute) else base, scope)
        if isinstance(index, ast.Slice):
            if negative(index.step) and (place or table):
                message = "[::-1] runs through time backwards: cumulative functions then see the future."
                yield self.warn(node, "lookahead-reverse", message, "Keep the rows in their order.")
            return
        if place and negative(index) and isinstance(base, ast.Attribute) and table:
            message = f".{base.attr}[{ast.unparse(index)}] is the end of the data, not the current row."
            yield self.warn(node, "lookahead-last", message, "Keep the column of values, or shift it.")

    def table(self, node: ast.AST, scope: Scope) -> bool:
        """Say whether an expression is a table over time that comes from ``data.get``."""
        known = self._tables.get(node)
        if known is None:
            self._tables[node] = False  # a name that depends on itself ends here
            known = self._tables[node] = self._table(node, scope)
        return known

    def _table(self, node: ast.AST, scope: Scope) -> bool:
        if isinstance(node, ast.Name):
            owner = scope.find(node.id)
            if owner is None or owner.kind == "comprehension":
                return False
            if self._hops >= MAX_HOPS:
                return False
            bindings = owner.candidates(node.id, (node.lineno, node.col_offset), scope)
            self._hops += 1
            found = any(item.value is not None and self.table(item.value, owner) for item in bindings)
            self._hops -= 1
            return found
        if isinstance(node, ast.Call):
            return self._call(node, scope)
        parts: tuple[ast.expr, ...] = ()
        if isinstance(node, ast.BinOp):
            parts = (node.left, node.right)
        elif isinstance(node, ast.Compare):
            parts = (node.left,)
        elif isinstance(node, ast.UnaryOp):
            parts = (node.operand,)
        elif isinstance(node, ast.Attribute | ast.Subscript):
            parts = (node.value,)
        return any(self.table(part, scope) for part in parts)

    def _call(self, node: ast.Call, scope: Scope) -> bool:
        func = node.func
        if not isinstance(func, ast.Attribute):
            return False
        if func.attr == "get" and isinstance(func.value, ast.Name) and func.value.id == "data":
            return True
        if any(path.startswith("numpy.") for path in self.resolver.paths(func, scope)):
            return any(self.table(item, scope) for item in node.args[:1])
        if func.attr in _KEEPS:
            return self.table(func.value, scope)
        # a window's result is again a table of the same rows
        inner = func.value
        windowed = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute)
        if windowed and inner.func.attr in _WINDOWS:  # type: ignore[attr-defined]
            return self.table(inner.func.value, scope)  # type: ignore[attr-defined]
        return False


def _across(call: ast.Call, *, position: int) -> bool:
    """Say whether a call works across the columns (axis=1)."""
    axis = keyword(call, "axis")
    if axis is None and len(call.args) > position:
        axis = call.args[position]
    return isinstance(axis, ast.Constant) and axis.value in {1, "columns"} and axis.value is not True


def _along(call: ast.Call) -> bool:
    """Say whether a call is asked to work along time (axis=0)."""
    axis = keyword(call, "axis") or (call.args[0] if call.args else None)
    return isinstance(axis, ast.Constant) and axis.value in {0, "index"} and axis.value is not False


def _backward(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"fillna", "reindex", "asfreq", "get_indexer"}:
        return False
    return literal_text(keyword(call, "method")) in {"bfill", "backfill", "nearest"}


def _true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _false(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
