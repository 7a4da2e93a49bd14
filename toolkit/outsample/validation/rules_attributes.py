"""Attributes: private ones, the interpreter's internals, names of modules, files, drawing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from outsample.validation.finding import Finding
from outsample.validation.names import (
    FILE_METHODS,
    FINLAB_ABSENT,
    INDICATORS,
    INTERNAL_ATTRIBUTES,
    OPTION_PREFIXES,
    PLOT_ATTRIBUTES,
    TEXT_METHODS,
)
from outsample.validation.places import flag, is_call_to, literal_text
from outsample.validation.reading import Facts
from outsample.validation.resolve import Reached, Resolver
from outsample.validation.rules_imports import denied_name
from outsample.validation.scopes import Scope

__all__ = ["check_attributes"]

_RECORD_HINTS = {
    "_replace": "Use a dataclass and dataclasses.replace(x, name=value).",
    "_asdict": "Use a dataclass, or build the dictionary from the names.",
    "_fields": "Use a dataclass, or write the names.",
    "_make": "Call the class: Point(*values).",
    "__class__": "Use isinstance(x, ...) or type(x).",
    "__dict__": "Use a dictionary of your own.",
    "__doc__": "",
}


def check_attributes(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield the findings of every attribute, read or assigned."""
    for node, scope in facts.attributes:
        base = resolver.reach(node.value, scope)
        if node.attr.startswith("_"):
            if not _own(facts, node, scope):
                yield _private(facts, node)
        elif node.attr in INTERNAL_ATTRIBUTES and not (node.attr == "obj" and _on_first_argument(node, scope)):
            message = f"'.{node.attr}' reaches into the interpreter."
            yield flag(facts, node, "attribute-internal", message, hint=_internal_hint(node.attr))
        elif base and base[0].kind == "stub":
            continue
        else:
            yield from _public(facts, node, scope, base, resolver)


def _public(
    facts: Facts, node: ast.Attribute, scope: Scope, base: tuple[Reached, ...], resolver: Resolver
) -> Iterator[Finding]:
    modules = [item for item in base if item.kind == "module"]
    if modules:
        found = resolver.reach(node, scope)
        if isinstance(node.ctx, ast.Load):
            yield from (denied_name(facts, node, item) for item in found if item.kind == "denied")
            if len(base) == 1:  # a name that may be something else as well may have other attributes
                yield from (denied_name(facts, node, item) for item in found if item.kind == "missing")
            if any(item.path == "pandas.eval" for item in found) and not is_call_to(facts, node):
                yield _evaluating(facts, node)
            if any(item.path == "finlab.login" for item in found):
                message = "finlab.login(...) does nothing here; no account is needed."
                yield flag(facts, node, "login-ignored", message, hint="Delete the line.", severity="warning")
        else:
            yield _assigned(facts, node, f"{modules[0].path}.{node.attr}")
        return
    paths = [item.path for item in base if item.kind == "object"]
    if not isinstance(node.ctx, ast.Load):
        if paths and not _option(f"{paths[0]}.{node.attr}") and not paths[0].startswith("finlab.data"):
            yield _assigned(facts, node, f"{paths[0]}.{node.attr}")
        return
    if paths and any(path.startswith("pandas.options") for path in paths):
        if not _option(f"{paths[0]}.{node.attr}", reading=True):
            yield _option_finding(facts, node)
        return
    yield from _method(facts, node, paths)


def _method(facts: Facts, node: ast.Attribute, paths: list[str]) -> Iterator[Finding]:
    name = node.attr
    if name == "indicator" and (
        "finlab.data" in paths or (isinstance(node.value, ast.Name) and node.value.id == "data")
    ):
        yield _indicator(facts, node)
    elif "finlab.data" in paths and name in FINLAB_ABSENT:
        yield flag(facts, node, "finlab-name", f"'data.{name}' of finlab is not supported.", hint=FINLAB_ABSENT[name])
    elif name in facts.methods:
        return  # the strategy's own method of that name
    elif name in FILE_METHODS:
        hint = "print(...) what you want to see, or save from the notebook after the backtest."
        if name in {"fromfile", "memmap", "open_memmap"}:
            hint = "Read with data.get(key); add the file to the dataset."
        rule = "io-read" if name in {"fromfile", "memmap", "open_memmap"} else "io-write"
        yield flag(facts, node, rule, f"'.{name}' reaches files; a strategy cannot.", hint=hint)
    elif name in PLOT_ATTRIBUTES and not paths:
        hint = "Nothing to change: the report draws equity and drawdown by itself."
        message = f"'.{name}' does nothing in a backtest; drawing is left out."
        if name == "style":
            message = "'.style' does nothing in a backtest; tables are not displayed."
        yield flag(facts, node, "plot-ignored", message, hint=hint, severity="warning")
    elif name == "display" and is_call_to(facts, node):
        hint = "Nothing to change: the report is shown when the backtest has run."
        message = "'.display()' does nothing in a backtest."
        yield flag(facts, node, "display-ignored", message, hint=hint, severity="warning")
    elif name in {"query", "eval"} and not is_call_to(facts, node):
        yield _evaluating(facts, node)
    elif name in TEXT_METHODS and name != "info" and not is_call_to(facts, node):
        hint = f"Call it without a target: x.{name}()."
        yield flag(facts, node, "io-write", f"'.{name}' must not be passed around: it can write files.", hint=hint)
    elif name == "format_map":
        hint = "Write an f-string: f'{x:.2f}'."
        yield flag(facts, node, "string-format", "'.format_map' can reach attributes.", hint=hint)


def _own(facts: Facts, node: ast.Attribute, scope: Scope) -> bool:
    """Say whether a private attribute is the strategy's own, or one of the few harmless ones."""
    name = node.attr
    if name == "__name__" and isinstance(node.ctx, ast.Load):
        return True  # a text, as in type(error).__name__
    if name in {"__init__", "__post_init__"}:
        return (
            isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "super"
        )
    if (name.startswith("__") and name.endswith("__")) or not _on_first_argument(node, scope):
        return False
    return isinstance(node.ctx, ast.Store) or name in _declared(facts)


def _declared(facts: Facts) -> set[str]:
    """Return the private names that the classes of the source declare.

    In their bodies, as methods, or on the first argument of a method. A subclass may use what its base declares.
    """
    if not facts.private:
        facts.private.add("")
        for class_, _ in facts.classes:
            for item in class_.body:
                if isinstance(item, ast.FunctionDef):
                    facts.private.add(item.name)
                elif isinstance(item, ast.Assign | ast.AnnAssign):
                    targets = item.targets if isinstance(item, ast.Assign) else [item.target]
                    facts.private.update(target.id for target in targets if isinstance(target, ast.Name))
        for node, scope in facts.attributes:
            if isinstance(node.ctx, ast.Store) and node.attr.startswith("_") and _on_first_argument(node, scope):
                facts.private.add(node.attr)
    return facts.private


def _on_first_argument(node: ast.Attribute, scope: Scope) -> bool:
    """Say whether an attribute belongs to the first argument of the method around it, usually self."""
    inner: Scope | None = scope
    while inner is not None and isinstance(node.value, ast.Name):
        if inner.parent is not None and inner.parent.kind == "class" and isinstance(inner.node, ast.FunctionDef):
            arguments = [*inner.node.args.posonlyargs, *inner.node.args.args]
            if arguments and arguments[0].arg == node.value.id:
                return True
        inner = inner.parent
    return False


def _private(facts: Facts, node: ast.Attribute) -> Finding:
    if node.attr.startswith("__"):
        rule, message = "attribute-dunder", f"'.{node.attr}' reaches into the interpreter."
        hint = _RECORD_HINTS.get(node.attr, "Names with two underscores belong to the interpreter.")
    else:
        rule, message = "attribute-private", f"'.{node.attr}' is private to whoever made the object."
        hint = _RECORD_HINTS.get(
            node.attr, "Only attributes that the same class assigns on self may start with an underscore."
        )
    return flag(facts, node, rule, message, hint=hint)


def _assigned(facts: Facts, node: ast.AST, path: str) -> Finding:
    hint = "Keep the value in a name of your own."
    return flag(facts, node, "module-assign", f"'{path}' belongs to a module and must not be changed.", hint=hint)


def _option(path: str, *, reading: bool = False) -> bool:
    name = path.removeprefix("pandas.options").removeprefix(".")
    if not path.startswith("pandas.options"):
        return False
    return name.startswith(OPTION_PREFIXES) or (reading and f"{name}." in OPTION_PREFIXES)


def _option_finding(facts: Facts, node: ast.AST) -> Finding:
    hint = "Options under display., mode. and future. may be set."
    return flag(facts, node, "option-import", "This option makes pandas import or read by name.", hint=hint)


def _evaluating(facts: Facts, node: ast.Attribute) -> Finding:
    hint = "Call it with a literal, df.query('x > 1')."
    message = f"'.{node.attr}' must not be passed around: it evaluates texts."
    return flag(facts, node, "string-eval", message, hint=hint)


def _indicator(facts: Facts, node: ast.Attribute) -> Finding:
    call = is_call_to(facts, node)
    name = (literal_text(call.args[0]) or "") if call and call.args else ""
    formula = INDICATORS.get(name.upper().rpartition("-")[2])
    if formula:
        hint = f"Instead of {name}: {formula}, with close = data.get('close')."
    else:
        hint = "The frames have average(n), rise(n), fall(n), sustain(n), ewm and rolling; or write the formula."
    return flag(facts, node, "indicator", "data.indicator is not available: it needs a compiled library.", hint=hint)


def _internal_hint(name: str) -> str:
    if name == "mro":
        return "Use isinstance(x, ...)."
    if name in {"ctypes", "data_as"}:
        return "Raw memory is out of reach; use the array itself."
    if name.startswith(("tb_", "with_")):
        return "print(error) shows an exception."
    return "Delete it."
