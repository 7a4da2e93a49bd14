"""What an expression reaches: modules and their names are looked up in the real module objects.

``typing.sys``, ``dataclasses.builtins``, ``enum.bltns`` exist; a list of forbidden names would miss the
next one. So a module attribute is allowed only if the module's policy lists it, and a module only if it
stands in ``names.MODULES``.
"""

from __future__ import annotations

import ast
import functools
import importlib
import types
import warnings
from typing import NamedTuple

from outsample.validation.names import FINLAB, MODULES, PRESET_MODULES, STUBBED
from outsample.validation.reading import Facts
from outsample.validation.scopes import Binding, Scope

__all__ = ["MAX_HOPS", "Reached", "Resolver", "look_up", "public_names"]


# How many assignments are followed from name to name; only the lint and drawing look through them.
MAX_HOPS = 40
_PASSING = frozenset({"zip", "enumerate", "list", "reversed"})


class Reached(NamedTuple):
    """What a name or an attribute of a module is.

    Attributes
    ----------
    kind : str
        "module", "object" (of an allowed module), "stub" (plotting), "denied", "missing" (not there).
    path : str
        Dotted path.
    """

    kind: str
    path: str


@functools.lru_cache(maxsize=256)
def _module(path: str) -> types.ModuleType | None:
    """Return an allowed module, imported when a source needs it for the first time."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(path)
    except ImportError:
        parent, _, name = path.rpartition(".")
        found = getattr(_module(parent), name, None) if parent else None
        return found if isinstance(found, types.ModuleType) else None


@functools.lru_cache(maxsize=4096)
def look_up(module: str, name: str) -> Reached:
    """Look a name up in an allowed module.

    Examples
    --------
    >>> look_up("math", "sqrt").kind, look_up("typing", "sys").kind, look_up("numpy", "sqroot").kind
    ('object', 'denied', 'missing')
    """
    path = f"{module}.{name}"
    if module in FINLAB:
        kind = "module" if path in FINLAB and path != "finlab.data" else "object"
        return Reached(kind if name in FINLAB[module] else "denied", path)
    if path in MODULES:
        return Reached("module" if _module(path) is not None else "missing", path)
    return Reached(_kind(module, name), path)


def _kind(module: str, name: str) -> str:
    policy = MODULES[module]
    if policy.only is not None:
        return "object" if name in policy.only else "denied"
    if name.startswith("_") or name in policy.denied or (module == "pandas" and name.startswith("read_")):
        return "denied"
    source = _module(module)
    if policy.listed and name not in getattr(source, "__all__", ()):
        return "denied" if hasattr(source, name) else _absent(module)
    try:
        with warnings.catch_warnings():
            # an old name warns when it is looked at
            warnings.simplefilter("ignore")
            found = getattr(source, name)
    except (AttributeError, ImportError):
        return _absent(module)
    return "denied" if isinstance(found, types.ModuleType) else "object"


def _absent(module: str) -> str:
    # Names of these libraries come and go with their versions, and sources ask for both spellings. The names of
    # the standard library that come and go are its imports: dataclasses.builtins is there in 3.11 only.
    return "missing" if module.partition(".")[0] in {"numpy", "pandas", "scipy", "sklearn"} else "denied"


def public_names(module: str) -> list[str]:
    """Return the names of an allowed module that a strategy may use.

    Examples
    --------
    >>> public_names("operator")[:2]
    ['abs', 'add']
    """
    policy = MODULES[module]
    if policy.only is not None:
        return sorted(policy.only)
    names = getattr(_module(module), "__all__", ()) if policy.listed else dir(_module(module))
    return [name for name in names if name[0] != "_" and name not in policy.denied]


class Resolver:
    """Follows names and attributes of one source to what they may reach."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._known: dict[ast.AST, tuple[Reached, ...]] = {}
        self._hops = 0

    def reach(self, node: ast.AST, scope: Scope) -> tuple[Reached, ...]:
        """Return everything an expression may be, as far as modules matter; () for ordinary values."""
        known = self._known.get(node)
        if known is not None:
            return known
        self._known[node] = ()  # a name that depends on itself ends here
        found: tuple[Reached, ...] = ()
        if isinstance(node, ast.Name):
            found = self._name(node, scope)
        elif isinstance(node, ast.Attribute):
            found = self._attribute(node, scope)
        elif isinstance(node, ast.Call | ast.Subscript):
            inner = [node.func if isinstance(node, ast.Call) else node.value]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _PASSING:
                inner.extend(node.args)  # for ax, name in zip(axes, names)
            found = tuple(item for part in inner for item in self.reach(part, scope) if item.kind == "stub")
        self._known[node] = found
        return found

    def paths(self, node: ast.AST, scope: Scope) -> tuple[str, ...]:
        """Return the dotted paths of what an expression may be."""
        return tuple(item.path for item in self.reach(node, scope))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> tuple[Reached, ...]:
        found: list[Reached] = []
        for base in self.reach(node.value, scope):
            if base.kind == "module":
                found.append(look_up(base.path, node.attr))
            elif base.kind == "object":
                found.append(Reached("object", f"{base.path}.{node.attr}"))
            elif base.kind == "stub":
                found.append(base)
        if not found and node.attr in {"plot", "style"} and node.attr not in self.facts.methods:
            found.append(Reached("stub", node.attr))
        return tuple(found)

    def _name(self, node: ast.Name, scope: Scope) -> tuple[Reached, ...]:
        owner = scope.find(node.id)
        place = (node.lineno, node.col_offset)
        bindings = [] if owner is None else owner.candidates(node.id, place, scope)
        found = [item for binding in bindings for item in self._binding(binding, owner or scope)]
        if node.id in PRESET_MODULES and (owner is None or not owner.certain(node.id, place)):
            found.append(Reached("module", PRESET_MODULES[node.id]))
        if node.id == "data" and owner is None:
            found.append(Reached("object", "finlab.data"))
        return tuple(dict.fromkeys(found))

    def _binding(self, binding: Binding, scope: Scope) -> tuple[Reached, ...]:
        if binding.kind == "module":
            return (self.imported(binding.path),)
        if binding.kind == "object":
            module, _, name = binding.path.rpartition(".")
            base = self.imported(module)
            return (look_up(module, name) if base.kind == "module" else base._replace(path=binding.path),)
        if binding.value is None or self._hops >= MAX_HOPS:
            return ()
        self._hops += 1
        found = tuple(item for item in self.reach(binding.value, scope) if item.kind == "stub")
        self._hops -= 1
        return found

    def imported(self, path: str) -> Reached:
        """Return what ``import path`` gives."""
        top = path.partition(".")[0]
        if top in STUBBED:
            return Reached("stub", path)
        if path in FINLAB:
            return Reached("object" if path == "finlab.data" else "module", path)
        if path in MODULES and _module(path) is not None:
            return Reached("module", path)
        if path in self.facts.modules:
            return Reached("value", path)
        return Reached("missing" if path in MODULES else "denied", path)
