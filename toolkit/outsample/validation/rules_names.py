"""Names: safe builtins, private names, modules used as values, dynamic access to attributes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from outsample.validation.finding import Finding
from outsample.validation.names import (
    DUNDER_NAMES,
    FILE_METHODS,
    IMPORT_HINTS,
    INTERNAL_ATTRIBUTES,
    MODULES,
    PRESET_NAMES,
    SAFE_BUILTINS,
)
from outsample.validation.places import flag, is_call_to, literal_text
from outsample.validation.reading import Facts
from outsample.validation.resolve import Resolver
from outsample.validation.scopes import Scope

__all__ = ["check_bound", "check_dynamic", "check_modules", "check_names"]

_BUILTINS = frozenset(dir(builtins))
_ERRORS = frozenset(
    name
    for name in _BUILTINS
    if isinstance(getattr(builtins, name), type) and issubclass(getattr(builtins, name), BaseException)
)
_SAFE = (SAFE_BUILTINS | _ERRORS | PRESET_NAMES | DUNDER_NAMES) - {"SystemExit", "KeyboardInterrupt", "GeneratorExit"}
_DYNAMIC_CODE = frozenset({"eval", "exec", "compile", "__import__", "breakpoint", "execfile", "get_ipython"})
_ACCESS = frozenset({"getattr", "hasattr", "setattr"})
_HINTS = {
    "breakpoint": "Use print(...).",
    "delattr": "Set the attribute to None.",
    "dir": "Delete it; the attributes of an object are known when the strategy is written.",
    "eval": "Write the expression itself; a parameter is a plain assignment at the top of the source.",
    "exec": "Write the statements themselves.",
    "exit": "Let the source end, or raise ValueError(...).",
    "globals": "Use a dictionary of your own.",
    "input": "Make it a parameter: a plain assignment at the top of the source.",
    "locals": "Use a dictionary of your own.",
    "quit": "Let the source end, or raise ValueError(...).",
    "vars": "Use a dictionary of your own.",
    "SystemExit": "Let the source end, or raise ValueError(...).",
}


def check_names(facts: Facts) -> Iterator[Finding]:
    """Yield findings for names that are read: builtins off the list, private and unknown ones."""
    every: set[str] | None = None
    for node, scope in facts.names:
        name = node.id
        owner = scope.find(name)
        if name.startswith("__") and name not in DUNDER_NAMES:
            hint = "Names with two underscores belong to the interpreter."
            yield flag(facts, node, "name-private", f"A strategy must not use '{name}'.", hint=hint)
        elif name in _SAFE:
            if owner is None or not owner.certain(name, (node.lineno, node.col_offset)):
                yield from _safe(facts, node)
        elif owner is not None:
            if name in _BUILTINS and not owner.certain(name, (node.lineno, node.col_offset)):
                yield _denied(facts, node)
        elif name in _BUILTINS or name in _DYNAMIC_CODE:
            yield _denied(facts, node)
        elif name == "display":
            hint = "print(...) is captured and shown with the result."
            message = "display(...) does nothing in a backtest."
            yield flag(facts, node, "display-ignored", message, hint=hint, severity="warning")
        else:
            if every is None:
                every = {item for item, _ in facts.bound} | SAFE_BUILTINS | PRESET_NAMES
            hint = _unknown_hint(facts, name, every)
            yield flag(
                facts, node, "name-unknown", f"The name '{name}' is never assigned.", hint=hint, severity="warning"
            )


def _unknown_hint(facts: Facts, name: str, every: set[str]) -> str:
    if name in IMPORT_HINTS:
        return IMPORT_HINTS[name]
    if name in MODULES:
        return f"Write import {name}."
    return facts.guess(name, every) or "Assign it first; data, sim, pd and np are there without an import."


def _denied(facts: Facts, node: ast.Name) -> Finding:
    name = node.id
    if name == "open":
        hint = "Read with data.get(key), for example data.get('close'); print(...) shows what you want to keep."
        return flag(facts, node, "io-read", "open(...) reaches files; a strategy sees only its dataset.", hint=hint)
    if name in _DYNAMIC_CODE:
        hint = _HINTS.get(name, "Write the code itself.")
        return flag(facts, node, "dynamic-code", f"'{name}' runs code that is not in the source.", hint=hint)
    hint = _HINTS.get(name, "")
    return flag(facts, node, "builtin-denied", f"The builtin '{name}' is not available in a strategy.", hint=hint)


def _safe(facts: Facts, node: ast.Name) -> Iterator[Finding]:
    """Check the few safe builtins that are dangerous as values."""
    name = node.id
    call = is_call_to(facts, node)
    if name in _ACCESS and call is None:
        hint = f"Call it with a literal: {name}(x, 'close')."
        message = f"'{name}' must not be passed around."
        yield flag(facts, node, "dynamic-attribute", message, hint=hint)
    elif name == "type":
        if call is not None:
            if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
                message = "type(...) with other than one argument makes a class at run time."
                yield flag(facts, call, "type-call", message, hint="Write class Name: ...")
        elif not _harmless_type(facts, node):
            message = "'type' must not be passed around: with three arguments it makes classes."
            yield flag(facts, node, "type-call", message, hint="Use lambda x: type(x).")
    elif name == "super" and call is not None and (call.args or call.keywords):
        yield flag(
            facts, call, "builtin-denied", "super(...) takes no arguments here.", hint="Write super().__init__(...)."
        )


def _harmless_type(facts: Facts, node: ast.Name) -> bool:
    above = facts.parents.get(node)
    if isinstance(above, ast.Compare) or _in_annotation(facts, node):
        return True
    if isinstance(above, ast.Tuple | ast.BinOp):
        above = facts.parents.get(above)
    if isinstance(above, ast.Call) and isinstance(above.func, ast.Name):
        return above.func.id in {"isinstance", "issubclass"}
    if not isinstance(above, ast.Call) or len(above.args) != 1 or above.keywords:
        return False
    return isinstance(above.func, ast.Attribute) and above.func.attr in {"apply", "map", "applymap"}


def _in_annotation(facts: Facts, node: ast.AST) -> bool:
    """Say whether a name stands in an annotation, also inside ``dict[str, type] | None``."""
    below, above = node, facts.parents.get(node)
    while isinstance(above, ast.Subscript | ast.List | ast.Tuple | ast.BinOp):
        below, above = above, facts.parents.get(above)
    if isinstance(above, ast.AnnAssign):
        return above.annotation is below
    if isinstance(above, ast.FunctionDef):
        return below not in (*above.decorator_list, *above.args.defaults, *above.args.kw_defaults)
    return False


def check_bound(facts: Facts) -> Iterator[Finding]:
    """Yield findings for names that are assigned and belong to the interpreter."""
    for name, node in facts.bound:
        if name.startswith("__") and name.endswith("__") and len(name) > 4:
            above = facts.parents.get(node)
            if isinstance(node, ast.FunctionDef) and isinstance(above, ast.ClassDef):
                continue  # methods have a rule of their own
            if name in {"__slots__", "__all__", "__version__", "__author__", "__hash__"}:
                continue
            hint = "Names with two underscores belong to the interpreter."
            yield flag(facts, node, "name-private", f"A strategy must not assign '{name}'.", hint=hint)


def check_modules(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings for modules used as values: whoever holds one reaches what it imported."""
    uses: list[tuple[ast.Name | ast.Attribute, Scope]] = [*facts.names, *facts.attributes]
    for node, scope in uses:
        found = [item for item in resolver.reach(node, scope) if item.kind == "module"]
        if not found:
            continue
        above = facts.parents.get(node)
        if isinstance(above, ast.Attribute) or (isinstance(node, ast.Name) and is_call_to(facts, node)):
            continue
        if isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id in _ACCESS:
            continue  # getattr and its kind have a rule of their own
        if isinstance(node.ctx, ast.Load):
            written = ast.unparse(node)
            hint = f"Use its functions: {written}.name(...)."
            message = f"The module '{found[0].path}' must not be used as a value."
            yield flag(facts, node, "module-value", message, hint=hint)
        elif isinstance(node.ctx, ast.Store | ast.Del):
            yield _assigned(facts, node, found[0].path)


def _assigned(facts: Facts, node: ast.AST, path: str) -> Finding:
    hint = "Keep the value in a name of your own."
    return flag(facts, node, "module-assign", f"'{path}' belongs to a module and must not be changed.", hint=hint)


def check_dynamic(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield findings for getattr, hasattr and setattr with other than a harmless literal name."""
    for call, scope in facts.calls:
        if not isinstance(call.func, ast.Name) or call.func.id not in _ACCESS:
            continue
        name = call.func.id
        owner = scope.find(name)
        if owner is not None and owner.certain(name, (call.lineno, call.col_offset)):
            continue
        text = literal_text(call.args[1]) if len(call.args) > 1 else None
        starred = any(isinstance(item, ast.Starred) for item in call.args) or bool(call.keywords)
        if text is None or starred:
            message = f"{name}(...) with a computed name can reach anything."
            hint = f"Write the name as a literal, {name}(x, 'close'), or use a dictionary."
            yield flag(facts, call, "dynamic-attribute", message, hint=hint)
            continue
        if text.startswith("_") or text in INTERNAL_ATTRIBUTES or text in FILE_METHODS or not text.isidentifier():
            message = f"{name}(..., {text!r}) reaches an attribute that a strategy must not use."
            yield flag(facts, call, "dynamic-attribute", message)
            continue
        yield from _of_module(facts, call, text, resolver, scope)


def _of_module(facts: Facts, call: ast.Call, text: str, resolver: Resolver, scope: Scope) -> Iterator[Finding]:
    # the same as the attribute written out, so that modules are looked up in the same way
    written = ast.copy_location(ast.Attribute(call.args[0], text, ast.Load()), call)
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    inner = resolver.reach(call.args[0], scope)
    if name == "setattr" and any(item.kind in {"module", "object"} for item in inner):
        yield _assigned(facts, call, f"{inner[0].path}.{text}")
        return
    for found in resolver.reach(written, scope):
        if found.kind in {"denied", "module"}:
            message = f"{name}(..., {text!r}) reaches '{found.path}', which a strategy must not use."
            yield flag(facts, call, "dynamic-attribute", message)
