"""From a node of the syntax tree to a finding with its place in characters."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from outsample.validation.finding import Finding
from outsample.validation.reading import Facts

__all__ = ["flag", "is_call_to", "keyword", "literal_text", "negative"]


def flag(facts: Facts, node: ast.AST, rule: str, message: str, *, hint: str = "", severity: str = "error") -> Finding:
    """Make a finding that covers a node.

    The tree counts columns in UTF-8 bytes; people and editors count characters.
    """
    line = getattr(node, "lineno", 1)
    end_line = getattr(node, "end_lineno", None) or line
    column = _characters(facts.lines, line, getattr(node, "col_offset", 0))
    end_column = _characters(facts.lines, end_line, getattr(node, "end_col_offset", None) or 0)
    return Finding(rule, severity, line, column, end_line, end_column, message, hint)


def _characters(lines: Sequence[str], line: int, offset: int) -> int:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    if text.isascii():
        return offset + 1
    return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore")) + 1


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument of a call, or None.

    Examples
    --------
    >>> call = ast.parse("f(axis=1)", mode="eval").body
    >>> keyword(call, "axis").value
    1
    """
    for item in call.keywords:
        if item.arg == name:
            return item.value
    return None


def literal_text(node: ast.AST | None) -> str | None:
    """Return the text of a string literal, or None.

    Examples
    --------
    >>> literal_text(ast.Constant("a")), literal_text(ast.Constant(1))
    ('a', None)
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def negative(node: ast.AST | None) -> bool:
    """Say whether an expression is written with a leading minus, such as ``-1`` or ``-horizon``.

    Examples
    --------
    >>> negative(ast.parse("-n", mode="eval").body), negative(ast.parse("n", mode="eval").body)
    (True, False)
    """
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def is_call_to(facts: Facts, node: ast.AST) -> ast.Call | None:
    """Return the call whose function a node is, or None."""
    above = facts.parents.get(node)
    return above if isinstance(above, ast.Call) and above.func is node else None
