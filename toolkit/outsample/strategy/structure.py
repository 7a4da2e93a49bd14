"""The structure of a source: what stays when comments, layout and parameter values change.

A walk of the syntax tree of our own: the class of each node and its non-empty fields, without docstrings,
comments, positions and contexts, each parameter's literal replaced by its name. ``ast.dump`` differs
between Python versions; this does not.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

__all__ = ["structure_of"]


def structure_of(node: object, names: Mapping[int, str]) -> object:  # noqa: PLR0911 - one return per kind of node
    """Return the structure of a node as a JSON value; `names` maps id(node) of a literal to its parameter."""
    if id(node) in names:
        return {"parameter": names[id(node)]}
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", {"values": [structure_of(part, names) for part in _merged(node.values)]}]
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.AST):
        fields = {}
        for name, value in ast.iter_fields(node):
            if name in {"ctx", "kind", "type_comment", "type_ignores"}:
                continue
            if name == "body" and isinstance(value, list):
                value = _without_docstring(node, value)  # noqa: PLW2901
            if value is not None and value != []:
                fields[name] = structure_of(value, names)
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [structure_of(item, names) for item in node]
    if isinstance(node, str | int):
        return node
    return None


def _constant(value: object) -> object:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return {"const": value}
    if isinstance(value, int):
        return {"int": hex(value)}  # decimal text of huge integers is limited by Python
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return {"ellipsis": True}


def _merged(parts: list[ast.expr]) -> list[ast.expr]:
    """Adjacent and empty strings of an f-string as one: Python versions split them differently."""
    merged: list[ast.expr] = []
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if not part.value:
                continue
            if merged and isinstance(merged[-1], ast.Constant) and isinstance(merged[-1].value, str):
                merged[-1] = ast.Constant(merged[-1].value + part.value)
                continue
        merged.append(part)
    return merged


def _without_docstring(node: ast.AST, body: list[ast.stmt]) -> list[ast.stmt]:
    holders = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    if isinstance(node, holders) and body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return body[1:]
    return body
