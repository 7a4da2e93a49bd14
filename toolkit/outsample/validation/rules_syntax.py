"""Statements: kinds of syntax off the list, classes, patterns, depth."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from outsample.validation.finding import Finding
from outsample.validation.names import DUNDER_METHODS
from outsample.validation.places import flag
from outsample.validation.reading import Facts
from outsample.validation.source import MAX_DEPTH

__all__ = ["check_syntax"]

_KINDS = {
    "AsyncFunctionDef": ("async def", "Write def: a strategy has nothing to wait for."),
    "AsyncFor": ("async for", "Write for."),
    "AsyncWith": ("async with", "Write with."),
    "Await": ("await", "A strategy has nothing to wait for."),
    "TryStar": ("except*", "Write except."),
    "TypeAlias": ("type X = ...", "Write X = ..."),
    "TypeVar": ("def f[T]", "Leave the type parameters out."),
    "ParamSpec": ("def f[**P]", "Leave the type parameters out."),
    "TypeVarTuple": ("def f[*T]", "Leave the type parameters out."),
}
# The only classes whose positional pattern binds the subject itself and calls no attribute.
_SELF_MATCHING = frozenset(
    {"bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple"}
)


def check_syntax(facts: Facts) -> Iterator[Finding]:
    """Yield findings for what no strategy needs and what cannot be followed."""
    for node in facts.refused:
        kind, hint = _KINDS.get(
            type(node).__name__, ("async" if isinstance(node, ast.expr) else type(node).__name__, "")
        )
        yield flag(facts, node, "syntax-denied", f"'{kind}' is not allowed in a strategy.", hint=hint)
    for node in facts.deep[:1]:
        message = f"The source is nested more than {MAX_DEPTH} levels deep."
        yield flag(facts, node, "nesting", message, hint="Split long expressions into several statements.")
    for definition, scope in facts.functions:
        name = definition.name
        if name.startswith("__") and not (scope.kind == "class" and name in DUNDER_METHODS):
            message = f"A strategy must not define '{name}'."
            yield flag(facts, definition, "dunder-definition", message, hint="Give the function an ordinary name.")
    for class_, _ in facts.classes:
        yield from _class(facts, class_)
    for pattern, _ in facts.patterns:
        yield from _pattern(facts, pattern)


def _class(facts: Facts, node: ast.ClassDef) -> Iterator[Finding]:
    for item in node.keywords:
        what = f"{item.arg}=" if item.arg else "**"
        if item.arg == "metaclass":
            yield flag(
                facts, item.value, "metaclass", "A strategy must not use metaclasses.", hint="Write an ordinary class."
            )
        elif item.arg not in {"total", "boundary"}:
            message = f"A class must not be given {what} arguments."
            yield flag(facts, item.value, "metaclass", message, hint="Write an ordinary class.")
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id == "type":
            yield flag(
                facts, base, "metaclass", "A strategy must not make metaclasses.", hint="Write an ordinary class."
            )


def _pattern(facts: Facts, node: ast.MatchClass) -> Iterator[Finding]:
    if node.kwd_attrs:
        message = f"The pattern reads the attribute '{node.kwd_attrs[0]}'."
        yield flag(facts, node, "match-class", message, hint="Match the value, or use isinstance and the attribute.")
    elif node.patterns and not (isinstance(node.cls, ast.Name) and node.cls.id in _SELF_MATCHING):
        message = "A class pattern with arguments reads attributes."
        yield flag(facts, node, "match-class", message, hint="Match the value, or use isinstance and the attribute.")
