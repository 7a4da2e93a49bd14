"""Parameters: the literals of a source that can be changed from outside.

A parameter is a name assigned exactly once at top level, outside any block, to a literal (int, float,
str, bool, None, or a flat tuple or list of them), or a default of ``def strategy(data, ...)``.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from outsample.errors import ConfigError, ValidationError

__all__ = [
    "Literal",
    "Parameter",
    "coerce",
    "comment_range",
    "comments",
    "entry_function",
    "find_literals",
    "replace_literal",
]

Scalar = int | float | str | bool | None
Literal = Scalar | tuple[Scalar, ...] | list[Scalar]

_RESERVED = frozenset({"position", "signal", "data"})
_RANGE = re.compile(r"^\s*(-?[\d.]+(?:e-?\d+)?)\s*\.\.\s*(-?[\d.]+(?:e-?\d+)?)\s*(?:,\s*)?(.*)$", re.IGNORECASE)
_SCALARS = (int, float, str, bool, type(None))


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A literal of a strategy that can be changed from outside.

    Parameters
    ----------
    name : str
    value : int, float, str, bool, None, tuple or list
        What the strategy runs with.
    default : same types
        What the source says.
    low, high : float or None
        Range from the comment ``# low..high``.
    help : str
        Text of the comment.
    line : int
        1-based line of the literal.
    """

    name: str
    value: Literal
    default: Literal
    low: float | None = None
    high: float | None = None
    help: str = ""
    line: int = 0


def entry_function(tree: ast.Module) -> ast.FunctionDef | None:
    """Return the top-level ``def strategy``, the last one if there are several."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "strategy"]
    return found[-1] if found else None


def find_literals(tree: ast.Module) -> dict[str, tuple[Literal, ast.expr]]:
    """Parameter name -> (literal, its node)."""
    bound = [name for node in tree.body for name in _bindings(node)]
    changed = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    found: dict[str, tuple[Literal, ast.expr]] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if not isinstance(target, ast.Name) or value is None or target.id in _RESERVED or target.id.startswith("_"):
            continue
        literal = _literal(value)
        if literal is not None and bound.count(target.id) == 1 and target.id not in changed:
            found[target.id] = (literal[0], value)
    for name, literal_value, default in _defaults(tree):
        if name in found:
            raise ValidationError(
                f"{name!r} is a parameter twice: at top level and as a default of strategy().",
                hint="Keep one of them.",
                line=default.lineno,
            )
        found[name] = (literal_value, default)
    return found


def _defaults(tree: ast.Module) -> Iterator[tuple[str, Literal, ast.expr]]:
    function = entry_function(tree)
    if function is None:
        return
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    for argument, default in pairs:
        literal = _literal(default)
        if literal is not None and not argument.arg.startswith("_"):
            yield argument.arg, literal[0], default


def _literal(node: ast.expr) -> tuple[Literal] | None:
    """The value of a literal node in a 1-tuple, or None (None itself is a literal)."""
    if not isinstance(node, ast.Constant | ast.UnaryOp | ast.Tuple | ast.List):
        return None
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    items = value if isinstance(value, tuple | list) else (value,)
    return (value,) if all(type(item) in _SCALARS for item in items) else None


def _bindings(node: ast.AST) -> Iterator[str]:  # noqa: C901 - one branch per way to bind a name
    """Every binding of a name in the module's scope at or below a node, once per binding."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        outside = [*node.decorator_list, *getattr(node, "bases", [])]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            outside += [*node.args.defaults, *(default for default in node.args.kw_defaults if default)]
        for child in outside:
            yield from _bindings(child)
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        # Names of a comprehension are its own; only a walrus binds outside.
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr) and isinstance(inner.target, ast.Name):
                yield inner.target.id
        return
    for child in ast.iter_child_nodes(node):
        yield from _bindings(child)


def coerce(name: str, value: object, default: Literal) -> Literal:
    """Bring a value to the type of the default, or refuse it."""
    items = value if isinstance(value, tuple | list) else (value,)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
        items = (value,)
    if not all(type(item) in _SCALARS for item in items):
        raise ConfigError(f"The parameter {name!r} takes an int, float, str, bool, None or a flat list. Got {value!r}.")
    if isinstance(default, tuple | list) and isinstance(value, tuple | list):
        return type(default)(value)
    if default is None or value is None or type(value) is type(default):
        return value  # type: ignore[return-value]
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    kind = type(default).__name__
    hint = f"Write {default}.0 in the strategy to allow fractions." if type(default) is int else ""
    raise ConfigError(f"The parameter {name!r} is a {kind} ({default!r}). Got {value!r}.", hint=hint)


def replace_literal(tree: ast.Module, node: ast.expr, value: Literal) -> None:
    """Put a value in the place of a literal's node."""
    fresh = ast.parse(repr(value), mode="eval").body if not _odd_float(value) else _float_node(value)
    for inner in ast.walk(fresh):
        ast.copy_location(inner, node)
    for parent in ast.walk(tree):
        for name, child in ast.iter_fields(parent):
            if child is node:
                setattr(parent, name, fresh)
                return
            if isinstance(child, list) and any(item is node for item in child):
                child[:] = [fresh if item is node else item for item in child]
                return


def _odd_float(value: object) -> bool:
    return isinstance(value, float) and (value != value or value in (float("inf"), float("-inf")))  # noqa: PLR0124


def _float_node(value: Literal) -> ast.expr:
    # nan and inf have no literal; the compiler takes them as constants.
    assert isinstance(value, float)
    return ast.Constant(value)


def comments(source: str) -> dict[int, str]:
    """Return the comment behind each line."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return found  # comments are help texts; a source that does not tokenize was refused by the parser
    return found


def comment_range(comment: str) -> tuple[float | None, float | None, str]:
    """Split ``low..high, text`` into its parts."""
    match = _RANGE.match(comment)
    if not match:
        return None, None, comment
    try:
        return float(match[1]), float(match[2]), match[3].strip()
    except ValueError:
        return None, None, comment
