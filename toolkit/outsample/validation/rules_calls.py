"""Calls and texts: what is evaluated, formatted, dispatched or written by what a string says."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Sequence

from outsample.validation.finding import Finding
from outsample.validation.names import (
    DISPATCH_METHODS,
    FILE_METHODS,
    INTERNAL_ATTRIBUTES,
    OPTION_PREFIXES,
    TEXT_METHODS,
)
from outsample.validation.places import flag, is_call_to, keyword, literal_text
from outsample.validation.reading import Facts
from outsample.validation.resolve import Resolver
from outsample.validation.scopes import CROWDED, Scope

__all__ = ["check_calls", "check_formats", "check_texts"]

_NAME = re.compile(r"`[^`]*`")
_OUTER = re.compile(r"@(?=[A-Za-z])")
_COMPARISON = (
    ast.Expression, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.List, ast.Tuple,
    ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip
_DISPATCH_DENIED = FILE_METHODS | INTERNAL_ATTRIBUTES | frozenset({
    "query", "eval", "plot", "hist", "boxplot", "style", "pipe", "to_json", "to_html", "to_string", "to_latex",
    "to_markdown", "to_xml", "to_xarray", "info", "read_csv", "read_pickle",
})  # fmt: skip
_QUERY_HINT = "Write the condition itself, df[df['x'] > 1], or a literal such as df.query('x > @limit')."
# the parts of a string in which a name can be hidden from the eye
_DUNDER = re.compile(r"__[a-z]+__\Z")


def check_calls(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings for method calls that evaluate, dispatch or write."""
    for call, scope in facts.calls:
        if not isinstance(call.func, ast.Attribute):
            continue
        name = call.func.attr
        if name in {"query", "eval"}:
            yield from _query(facts, call, name)
        elif name in TEXT_METHODS:
            yield from _text_method(facts, call, name)
        elif name in DISPATCH_METHODS:
            yield from _dispatch(facts, call, name)
        elif name in {"set_option", "option_context", "reset_option", "get_option", "describe_option"}:
            yield from _options(facts, call, scope, resolver)
        if any(item.arg == "engine" for item in call.keywords):
            yield from _engine(facts, call)


def _query(facts: Facts, call: ast.Call, name: str) -> Iterator[Finding]:
    if name in facts.methods:
        return
    expression = call.args[0] if call.args else keyword(call, "expr")
    text = literal_text(expression)
    options = {item.arg for item in call.keywords} - {"inplace", "expr", "engine"}
    if text is None:
        message = f".{name}(...) evaluates a text that is not a literal."
        yield flag(facts, call, "string-eval", message, hint=_QUERY_HINT)
    elif options or len(call.args) > 1:
        message = f".{name}(...) takes only the expression and inplace here."
        yield flag(facts, call, "string-eval", message, hint=_QUERY_HINT)
    elif not _plain_comparison(text):
        message = f".{name}({text[:40]!r}) is more than a comparison of columns."
        yield flag(facts, call, "string-eval", message, hint=_QUERY_HINT)


def _plain_comparison(text: str) -> bool:
    cleaned = _OUTER.sub("", _NAME.sub("column", text)).strip()
    if len(cleaned) > 2000:
        return False
    try:
        tree = ast.parse(cleaned.replace("\n", " "), mode="eval")
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(
        isinstance(node, _COMPARISON) and not (isinstance(node, ast.Name) and node.id.startswith("_")) for node in nodes
    )


def _text_method(facts: Facts, call: ast.Call, name: str) -> Iterator[Finding]:
    if name in facts.methods:
        return
    target = call.args[0] if call.args else keyword(call, TEXT_METHODS[name])
    if name == "info" and call.args:
        target = None  # the first argument of info is verbose
    starred = any(item.arg is None for item in call.keywords)
    if starred or (target is not None and not (isinstance(target, ast.Constant) and target.value is None)):
        hint = f"print(x.{name}()) shows the text."
        yield flag(facts, call, "io-write", f".{name}(...) with a target writes a file; a strategy cannot.", hint=hint)


def _dispatch(facts: Facts, call: ast.Call, name: str) -> Iterator[Finding]:
    values = [*call.args, *(item.value for item in call.keywords if item.arg not in {"axis", "engine", "args"})]
    for value in values:
        yield from _dispatched(facts, value, name)


def _dispatched(facts: Facts, value: ast.expr, method: str) -> Iterator[Finding]:
    """Check the names by which a method calls others: literals, also in lists, dictionaries and names."""
    parts: Sequence[ast.expr] = ()
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        parts = value.elts
    elif isinstance(value, ast.Dict):
        parts = value.values
    elif isinstance(value, ast.IfExp):
        parts = [value.body, value.orelse]
    for part in parts:
        yield from _dispatched(facts, part, method)
    text = literal_text(value)
    if text is not None and (text in _DISPATCH_DENIED or text.startswith(("_", "to_", "read_"))):
        message = f".{method}({text!r}) calls a method that a strategy must not use."
        yield flag(facts, value, "string-dispatch", message, hint="Use 'mean', 'sum' or a function of your own.")
    computed = isinstance(value, ast.JoinedStr) or (isinstance(value, ast.BinOp) and _has_text(value))
    if computed or _joined(value):
        message = f".{method}(...) with a computed name can call anything."
        yield flag(facts, value, "string-dispatch", message, hint="Write the name as a literal.")


def _has_text(node: ast.BinOp) -> bool:
    return any(
        literal_text(side) is not None or (isinstance(side, ast.BinOp) and _has_text(side))
        for side in (node.left, node.right)
    )


def _joined(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in {"join", "replace", "lower", "strip", "format", "decode"} and (
        literal_text(node.func.value) is not None or isinstance(node.func.value, ast.Constant)
    )


def _options(facts: Facts, call: ast.Call, scope: Scope, resolver: Resolver) -> Iterator[Finding]:
    if not any(path.startswith("pandas") for path in resolver.paths(call.func, scope)):
        return
    options: list[ast.expr | None] = [*call.args[::2]] or [None]
    for option in options:
        text = literal_text(option)
        if text is None or not text.startswith(OPTION_PREFIXES):
            hint = "Options under display., mode. and future. may be set."
            message = (
                f"The option {text!r} makes pandas import or read by name." if text else "The option is no literal."
            )
            yield flag(facts, call, "option-import", message, hint=hint)


def _engine(facts: Facts, call: ast.Call) -> Iterator[Finding]:
    engine = keyword(call, "engine")
    if isinstance(engine, ast.Constant) and engine.value in {"python", "cython", "numba", "c", "numexpr", None}:
        return
    if isinstance(call.func, ast.Attribute) and call.func.attr in {"query", "eval", "apply", *TEXT_METHODS}:
        message = "engine= is imported by its name."
        yield flag(facts, call, "option-import", message, hint="Leave it out, or write 'python', 'cython' or 'numba'.")


def check_formats(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings for ``str.format`` on other than harmless literals."""
    for node, scope in facts.attributes:
        if node.attr != "format" or any(item.kind == "stub" for item in resolver.reach(node.value, scope)):
            continue
        if "format" in facts.methods or resolver.reach(node.value, scope):
            continue
        texts = _literals(node.value, scope)
        place = is_call_to(facts, node) or node
        if not texts:
            hint = "Write an f-string: f'{x:.2f}'."
            yield flag(
                facts, place, "string-format", "'.format' on other than a literal can reach attributes.", hint=hint
            )
        elif not all(map(_plain_fields, texts)):
            hint = "Write an f-string, in which attributes are checked: f'{x.name}'."
            message = f"The fields of {texts[0][:40]!r} reach attributes or items."
            yield flag(facts, place, "string-format", message, hint=hint)


def _literals(node: ast.expr, scope: Scope) -> list[str]:
    """Return the texts that an expression may be, if they are all literals: itself, or a name's every value."""
    if not isinstance(node, ast.Name):
        text = literal_text(node)
        return [] if text is None else [text]
    owner = scope.find(node.id)
    if owner is None:
        return []
    values = [literal_text(binding.value) for binding in owner.bindings[node.id]]
    known = [text for text in values if text is not None]
    return known if len(known) == len(values) < CROWDED else []


def _plain_fields(text: str, depth: int = 0) -> bool:
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:
        return True  # a malformed template raises by itself
    for _, name, spec, _ in fields:
        if name and ("." in name or "[" in name or name.startswith("_")):
            return False
        if spec and "{" in spec and (depth > 1 or not _plain_fields(spec, depth + 1)):
            return False
    return True


def check_texts(facts: Facts) -> Iterator[Finding]:
    """Yield findings for literals that are exactly the name of something out of reach."""
    for node in facts.texts:
        text = str(node.value)
        if len(text) > 40:
            continue
        if _DUNDER.match(text) and text != "__main__" and not text.startswith("__init"):
            message = f"The text {text!r} names a part of the interpreter."
            yield flag(facts, node, "string-dunder", message, hint="Delete it, or write another text.")
        elif text in FILE_METHODS and text != "dump":
            above = facts.parents.get(node)
            if not isinstance(above, ast.Expr | ast.FormattedValue):
                message = f"The text {text!r} names a method that writes or reads files."
                yield flag(facts, node, "string-dispatch", message, hint="Use 'mean', 'sum' or a function of your own.")
