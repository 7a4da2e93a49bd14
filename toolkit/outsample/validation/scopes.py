"""Names and the scopes they are bound in, as Python resolves them."""

from __future__ import annotations

import ast
from typing import NamedTuple

__all__ = ["CROWDED", "Binding", "Place", "Scope"]

Place = tuple[int, int]
# From this many bindings of one name on, a use may see any of them; following the last would be quadratic.
CROWDED = 64


class Binding(NamedTuple):
    """One place where a name gets a value.

    Attributes
    ----------
    kind : str
        "module", "object" (imported), "value", "parameter" or "function".
    path : str
        Dotted path of what was imported; otherwise empty.
    place : tuple of int
        Line and column behind the binding: what stands there or later may see it.
    steady : bool
        The statement stands directly in the body of its scope: it runs whenever the scope does, in order.
    value : ast.expr or None
        The expression on the right, if there is one.
    """

    kind: str
    path: str
    place: Place
    steady: bool
    value: ast.expr | None = None


class Scope:
    """A region with its own names: the module, a class, a function or a comprehension."""

    __slots__ = ("bindings", "deleted", "kind", "node", "outer", "parent")

    def __init__(self, kind: str, node: ast.AST, parent: Scope | None) -> None:
        self.kind = kind
        self.node = node
        self.parent = parent
        self.bindings: dict[str, list[Binding]] = {}
        self.outer: dict[str, str] = {}
        self.deleted: set[str] = set()

    def find(self, name: str) -> Scope | None:
        """Return the scope in which a name used here is bound, or None."""
        scope: Scope | None = self
        while scope is not None:
            declared = scope.outer.get(name)
            if declared == "global":
                scope = scope.root()
                return scope if name in scope.bindings else None
            # the names of a class are not visible from inside its methods
            visible = scope.kind != "class" or scope is self
            if declared is None and visible and name in scope.bindings:
                return scope
            scope = scope.parent
        return None

    def bind(self, name: str, binding: Binding) -> None:
        """Add a binding; of very many for one name only those that make a difference are kept."""
        known = self.bindings.setdefault(name, [])
        if len(known) < CROWDED or (binding.path and all(item.path != binding.path for item in known)):
            known.append(binding)

    def enclosing(self, name: str) -> Scope:
        """Return the function around this one that a ``nonlocal`` name belongs to."""
        nearest: Scope | None = None
        scope = self.parent
        while scope is not None:
            if scope.kind == "function":
                if name in scope.bindings and name not in scope.outer:
                    return scope
                nearest = nearest or scope
            scope = scope.parent
        return nearest or self.root()

    def root(self) -> Scope:
        """Return the scope of the module."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def candidates(self, name: str, place: Place, user: Scope) -> list[Binding]:
        """Return the bindings that a use of a name at a place may see.

        Of the steady ones only the last before the use counts, when the use is in this very scope;
        a use inside a function may see them all.
        """
        bindings = self.bindings[name]
        if len(bindings) == 1 or len(bindings) >= CROWDED or user is not self or name in self.deleted:
            return bindings
        before = [item for item in bindings if item.steady and item.place <= place]
        if not before:
            return bindings
        last = max(before, key=lambda item: item.place)
        return [last, *(item for item in bindings if not item.steady)]

    def certain(self, name: str, place: Place) -> bool:
        """Say whether a name used at a place is surely the source's own and not the builtin.

        In a function a bound name is always local. In a module or class it falls back to the builtin until
        a statement that always runs has bound it.
        """
        if self.kind in {"function", "comprehension"}:
            return True
        if name in self.deleted:
            return False
        return any(item.steady and item.place <= place for item in self.bindings[name])
