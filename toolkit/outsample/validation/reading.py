"""One walk over a syntax tree that gathers everything the rules look at.

Names are bound to scopes as Python does it, so that the rules know whether ``open`` is the builtin or
the strategy's own table, and whether ``signal`` is a module or a frame.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from outsample.errors import nearest
from outsample.validation.scopes import Binding, Place, Scope
from outsample.validation.source import MAX_DEPTH

__all__ = ["Facts", "read"]

MAX_GUESSES = 10
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(slots=True)
class Facts:
    """What one walk found; every node comes with the scope it stands in."""

    tree: ast.Module
    lines: list[str]
    root: Scope
    modules: frozenset[str] = frozenset()
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    names: list[tuple[ast.Name, Scope]] = field(default_factory=list)
    attributes: list[tuple[ast.Attribute, Scope]] = field(default_factory=list)
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)
    subscripts: list[tuple[ast.Subscript, Scope]] = field(default_factory=list)
    imports: list[tuple[ast.Import | ast.ImportFrom, Scope]] = field(default_factory=list)
    functions: list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, Scope]] = field(default_factory=list)
    classes: list[tuple[ast.ClassDef, Scope]] = field(default_factory=list)
    patterns: list[tuple[ast.MatchClass, Scope]] = field(default_factory=list)
    texts: list[ast.Constant] = field(default_factory=list)
    refused: list[ast.AST] = field(default_factory=list)
    deep: list[ast.AST] = field(default_factory=list)
    bound: list[tuple[str, ast.AST]] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    private: set[str] = field(default_factory=set)
    guesses: int = 0

    def guess(self, name: str, allowed: Iterable[str]) -> str:
        """Return a phrase with the nearest names, for the first findings only: comparing is slow."""
        self.guesses += 1
        return nearest(name, allowed) if self.guesses <= MAX_GUESSES else ""


_NOTHING = (
    ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop, ast.MatchSingleton,
    ast.Pass, ast.Break, ast.Continue,
)  # fmt: skip

_PLAIN = (
    ast.Module, ast.Return, ast.Assert, ast.Raise, ast.Expr, ast.AugAssign, ast.BoolOp, ast.BinOp,
    ast.UnaryOp, ast.IfExp, ast.Dict, ast.Set, ast.Yield, ast.YieldFrom, ast.Compare, ast.FormattedValue,
    ast.JoinedStr, ast.Starred, ast.List, ast.Tuple, ast.Slice, ast.arguments, ast.arg, ast.keyword,
    ast.withitem, ast.Delete, ast.match_case, ast.MatchValue, ast.MatchSequence, ast.MatchOr,
)  # fmt: skip


class _Reader:
    """The walk. Its state is the scope and whether the current statement is steady."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.scope = facts.root
        self.steady = True
        self.depth = 0

    def visit(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(node.__class__, _Reader.unknown)
        if handler is not None:
            handler(self, node)

    def children(self, node: ast.AST) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.facts.deep.append(node)
        else:
            handlers, parents, unknown = _HANDLERS, self.facts.parents, _Reader.unknown
            for value in node.__dict__.values():
                if value.__class__ is list:
                    for item in value:
                        if isinstance(item, ast.AST):
                            parents[item] = node
                            handler = handlers.get(item.__class__, unknown)
                            if handler is not None:
                                handler(self, item)
                elif isinstance(value, ast.AST):
                    handler = handlers.get(value.__class__, unknown)
                    if handler is not None:
                        parents[value] = node
                        handler(self, value)
        self.depth -= 1

    def unknown(self, node: ast.AST) -> None:
        self.facts.refused.append(node)
        if isinstance(node, ast.AsyncFunctionDef):
            self.definition(node)
        else:
            self.block(node)

    def each(self, nodes: Iterable[ast.AST | None], parent: ast.AST) -> None:
        for node in nodes:
            if node is not None:
                self.facts.parents[node] = parent
                self.visit(node)

    def bind(
        self, name: str, node: ast.AST, *, kind: str = "value", path: str = "", value: ast.expr | None = None
    ) -> None:
        scope = self.scope
        steady = self.steady
        while scope.kind == "comprehension" and isinstance(self.facts.parents.get(node), ast.NamedExpr):
            scope = scope.parent or scope
        if scope.outer.get(name) == "global":
            scope, steady = scope.root(), False
        elif scope.outer.get(name) == "nonlocal":
            scope, steady = scope.enclosing(name), False
        place = _end(node, value)
        scope.bind(name, Binding(kind, path, place, steady, value))
        self.facts.bound.append((name, node))

    # --- expressions

    def name(self, node: ast.Name) -> None:
        if node.ctx.__class__ is ast.Load:
            self.facts.names.append((node, self.scope))
        elif isinstance(node.ctx, ast.Del):
            self.scope.deleted.add(node.id)
            self.facts.names.append((node, self.scope))
        else:
            self.bind(node.id, node, value=_bound_value(node, self.facts.parents))

    def attribute(self, node: ast.Attribute) -> None:
        self.facts.attributes.append((node, self.scope))
        self.children(node)

    def call(self, node: ast.Call) -> None:
        self.facts.calls.append((node, self.scope))
        self.children(node)

    def subscript(self, node: ast.Subscript) -> None:
        self.facts.subscripts.append((node, self.scope))
        self.children(node)

    def constant(self, node: ast.Constant) -> None:
        if node.value.__class__ is str:
            self.facts.texts.append(node)

    def walrus(self, node: ast.NamedExpr) -> None:
        steady, self.steady = self.steady, False
        self.each((node.value, node.target), node)
        self.steady = steady

    def lambda_(self, node: ast.Lambda) -> None:
        self.function(node, (*node.args.defaults, *node.args.kw_defaults), [node.body])

    def comprehension(self, node: ast.AST) -> None:
        first = node.generators[0]  # type: ignore[attr-defined]
        self.facts.parents[first] = node
        # the first iterable is evaluated outside: [open for open in open(path)]
        self.each([first.iter], first)
        outer, steady = self.scope, self.steady
        self.scope, self.steady = Scope("comprehension", node, outer), False
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.facts.deep.append(node)
        else:
            for generator in node.generators:  # type: ignore[attr-defined]
                self.facts.parents[generator] = node
                if generator.is_async:
                    self.facts.refused.append(generator.target)
                self.each([generator.target], generator)
                self.each([None if generator is first else generator.iter, *generator.ifs], generator)
            results = [getattr(node, name, None) for name in ("elt", "key", "value")]
            self.each(results, node)
        self.depth -= 1
        self.scope, self.steady = outer, steady

    # --- statements

    def assignment(self, node: ast.AST) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
        value = node.value  # type: ignore[attr-defined]
        self.each([value, getattr(node, "annotation", None)], node)
        if value is None and isinstance(targets[0], ast.Name) and self.scope.kind != "function":
            return  # "x: int" binds nothing
        self.each(targets, node)

    def block(self, node: ast.AST) -> None:
        steady, self.steady = self.steady, False
        self.children(node)
        self.steady = steady

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        facts = self.facts
        facts.functions.append((node, self.scope))
        if self.scope.kind == "class":
            facts.methods.add(node.name)
        arguments = node.args
        annotated = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        outside = (
            *node.decorator_list, *arguments.defaults, *arguments.kw_defaults, node.returns,
            *(item.annotation for item in annotated if item is not None), *getattr(node, "type_params", ()),
        )  # fmt: skip
        self.bind(node.name, node, kind="function")
        self.function(node, outside, node.body)

    def function(self, node: Function, outside: Iterable[ast.AST | None], body: Iterable[ast.AST]) -> None:
        self.each(outside, node)
        outer, steady = self.scope, self.steady
        self.scope, self.steady = Scope("function", node, outer), True
        arguments = node.args
        for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if item is not None:
                self.bind(item.arg, item, kind="parameter")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.facts.deep.append(node)
        else:
            self.each(body, node)
        self.depth -= 1
        self.scope, self.steady = outer, steady

    def class_(self, node: ast.ClassDef) -> None:
        self.facts.classes.append((node, self.scope))
        self.bind(node.name, node, kind="function")
        self.each((*node.decorator_list, *node.bases, *node.keywords, *getattr(node, "type_params", ())), node)
        outer, steady = self.scope, self.steady
        self.scope, self.steady = Scope("class", node, outer), True
        self.depth += 1
        self.each(node.body, node)
        self.depth -= 1
        self.scope, self.steady = outer, steady

    def global_(self, node: ast.Global) -> None:
        self.scope.outer.update(dict.fromkeys(node.names, "global"))
        self.facts.bound.extend((name, node) for name in node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        self.scope.outer.update(dict.fromkeys(node.names, "nonlocal"))
        self.facts.bound.extend((name, node) for name in node.names)

    def import_(self, node: ast.Import) -> None:
        self.facts.imports.append((node, self.scope))
        for alias in node.names:
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            self.bind(alias.asname or path, node, kind="module", path=path)

    def import_from(self, node: ast.ImportFrom) -> None:
        self.facts.imports.append((node, self.scope))
        for alias in node.names:
            if alias.name != "*":
                self.bind(alias.asname or alias.name, node, kind="object", path=f"{node.module}.{alias.name}")

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name, node)
            self.scope.deleted.add(node.name)  # unbound again after the block
        self.children(node)

    # --- patterns

    def capture(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name, node)
        self.children(node)

    def mapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.bind(node.rest, node)
        self.children(node)

    def pattern(self, node: ast.MatchClass) -> None:
        self.facts.patterns.append((node, self.scope))
        self.children(node)


def _handlers() -> dict[type[ast.AST], Callable[[_Reader, Any], None] | None]:
    """Return what is done with every node kind that is allowed; a kind that is not here is refused."""
    table: dict[type[ast.AST], Callable[[_Reader, Any], None] | None] = dict.fromkeys(_subclasses(_NOTHING))
    table.update(dict.fromkeys(_PLAIN, _Reader.children))
    table.update(dict.fromkeys((ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match), _Reader.block))
    table.update(dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), _Reader.comprehension))
    table.update(dict.fromkeys((ast.Assign, ast.AnnAssign), _Reader.assignment))
    table.update({
        ast.Name: _Reader.name,
        ast.Attribute: _Reader.attribute,
        ast.Call: _Reader.call,
        ast.Subscript: _Reader.subscript,
        ast.Constant: _Reader.constant,
        ast.NamedExpr: _Reader.walrus,
        ast.Lambda: _Reader.lambda_,
        ast.FunctionDef: _Reader.definition,
        ast.ClassDef: _Reader.class_,
        ast.Global: _Reader.global_,
        ast.Nonlocal: _Reader.nonlocal_,
        ast.Import: _Reader.import_,
        ast.ImportFrom: _Reader.import_from,
        ast.ExceptHandler: _Reader.handler,
        ast.MatchMapping: _Reader.mapping,
        ast.MatchClass: _Reader.pattern,
        ast.MatchAs: _Reader.capture,
        ast.MatchStar: _Reader.capture,
    })  # fmt: skip
    return table


def _subclasses(kinds: Iterable[type[ast.AST]]) -> list[type[ast.AST]]:
    return [found for kind in kinds for found in (kind, *kind.__subclasses__())]


def _end(node: ast.AST, value: ast.expr | None) -> Place:
    """Return the place from which a binding can be seen: behind its right-hand side."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.body[0].lineno, node.body[0].col_offset  # behind the defaults, before the body
    if value is not None:
        node = value
    return getattr(node, "end_lineno", 0) or 0, getattr(node, "end_col_offset", 0) or 0


def _bound_value(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> ast.expr | None:
    """Return the expression that a target takes its value from, also when it is unpacked."""
    above = parents.get(node)
    while isinstance(above, ast.Tuple | ast.List | ast.Starred):
        above = parents.get(above)
    if isinstance(above, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        return above.value
    if isinstance(above, ast.For | ast.comprehension):
        return above.iter
    if isinstance(above, ast.withitem):
        return above.context_expr
    return None


def read(tree: ast.Module, lines: list[str], modules: frozenset[str] = frozenset()) -> Facts:
    """Walk over a tree once.

    Parameters
    ----------
    tree : ast.Module
        The parsed source.
    lines : list of str
        Its lines.
    modules : frozenset of str
        Names of the user's own strategy modules that may be imported.
    """
    facts = Facts(tree, lines, Scope("module", tree, None), modules)
    _Reader(facts).visit(tree)
    return facts


_HANDLERS = _handlers()
