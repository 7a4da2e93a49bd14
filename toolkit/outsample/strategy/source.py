"""What follows from the text of a strategy alone, whatever its parameters' values."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from outsample.canonical import digest
from outsample.errors import ValidationError
from outsample.strategy.parameters import Literal, comments, find_literals
from outsample.strategy.structure import structure_of

__all__ = ["Source", "parse", "source_of", "syntax_error"]


class Source:
    """A text and its modules.

    Parameters
    ----------
    text : str
    modules : mapping of str to str
    """

    def __init__(self, text: str, modules: Mapping[str, str]) -> None:
        self.text, self.modules = text, modules

    @cached_property
    def _read(self) -> tuple[ast.Module, dict[str, tuple[Literal, ast.expr]]]:
        # Together: parameters are known by their nodes, and another thread may have another tree.
        tree = parse(self.text)
        return tree, find_literals(tree)

    @property
    def tree(self) -> ast.Module:
        """The syntax tree; nobody may change it."""
        return self._read[0]

    @property
    def literals(self) -> dict[str, tuple[Literal, ast.expr]]:
        """Parameter -> default, and its node in the tree; nobody may change them."""
        return self._read[1]

    @cached_property
    def comments(self) -> dict[int, str]:
        """Line -> comment."""
        return comments(self.text)

    @cached_property
    def structure(self) -> Any:  # noqa: ANN401 - a JSON value
        """The canonical structure, as a JSON value that nobody may change."""
        tree, literals = self._read
        own = structure_of(tree, {id(node): name for name, (_, node) in literals.items()})
        if not self.modules:
            return own
        # Literals of a module are no parameters: they are part of its structure.
        helpers = {name: structure_of(parse(source, f"<{name}>"), {}) for name, source in sorted(self.modules.items())}
        return {"strategy": own, "modules": helpers}

    @cached_property
    def sha(self) -> str:
        """Digest of the structure."""
        return digest(self.structure)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name and attribute that is mentioned."""
        found = set()
        trees = [self.tree, *(parse(source, f"<{name}>") for name, source in self.modules.items())]
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.alias):
                found.add((node.asname or node.name).split(".")[0])
                found.add(node.name.split(".")[-1])
        return frozenset(found)


def source_of(text: str, modules: Mapping[str, str]) -> Source:
    """Return a source; the last few are remembered: strategies of one source differ in values only."""
    return _remembered(text, tuple(modules.items()))


@functools.lru_cache(maxsize=8)
def _remembered(text: str, modules: tuple[tuple[str, str], ...]) -> Source:
    return Source(text, dict(modules))


def parse(source: str, filename: str = "<strategy>") -> ast.Module:
    """Return the syntax tree of a source.

    Raises
    ------
    ValidationError
        It is no Python.
    """
    try:
        return ast.parse(source, filename)
    except SyntaxError as error:
        raise syntax_error(error) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValidationError(f"The source cannot be parsed: {error}") from error


def syntax_error(error: SyntaxError) -> ValidationError:
    """Return what Python says of a source as an error that names line and text."""
    place = f" (line {error.lineno})" if error.lineno else ""
    text = (error.text or "").strip()
    return ValidationError(
        f"SyntaxError: {error.msg}{place}", hint=f"Near: {text}" if text else "", line=error.lineno or None
    )
