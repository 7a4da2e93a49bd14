"""A strategy: source text, its literal parameters, and what identifies it.

A *parameter* is a name assigned exactly once at top level, outside any block, to a literal (int, float,
str, bool, None, or a flat tuple or list of them), or a default of ``def strategy(data, ...)``. It can be
overridden, swept and shown as a control. A comment behind it gives range and help::

    fast = 20  # 5..60, days of the fast average
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import keyword
import sys
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from outsample.errors import ConfigError, DataMissing, ValidationError, nearest
from outsample.strategy.cells import notebook_cells
from outsample.strategy.parameters import (
    Literal,
    Parameter,
    coerce,
    comment_range,
    entry_function,
    find_literals,
    replace_literal,
)
from outsample.strategy.source import Source, parse, source_of, syntax_error

__all__ = ["Strategy"]


@dataclass(frozen=True)
class Strategy:
    """A strategy's source with resolved parameters.

    Parameters
    ----------
    source : str
        Python source, as written.
    name : str
        For people; not part of any key.
    overrides : mapping
        Parameter name -> value; users call `with_params`.
    modules : mapping
        Helper modules, name -> source; users call `with_modules`.

    Raises
    ------
    ConfigError
        An override of a parameter that the source does not have, or of another type.
    ValidationError
        On first use of parameters or structure: the source is no Python, or a name is a parameter twice.

    Examples
    --------
    >>> strategy = Strategy.from_source("fast = 20  # 5..60, days\\nposition = data.get('close').average(fast) > 0")
    >>> strategy.parameters["fast"].value, strategy.parameters["fast"].high
    (20, 60.0)
    >>> strategy.with_params(fast=30).parameters["fast"].value
    30
    >>> strategy.sha == strategy.with_params(fast=30).sha
    True
    """

    source: str
    name: str = "strategy"
    overrides: Mapping[str, Literal] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.overrides:
            return
        literals = self._source.literals
        unknown = [name for name in self.overrides if name not in literals]
        if unknown:
            known = ", ".join(literals) or "none"
            raise ConfigError(
                f"The strategy {self.name!r} has no parameter {unknown[0]!r}.",
                hint=nearest(unknown[0], literals)
                or f"Its parameters: {known}. A parameter is assigned once, at top level, to a literal.",
            )
        resolved = {name: coerce(name, value, literals[name][0]) for name, value in self.overrides.items()}
        object.__setattr__(self, "overrides", resolved)

    # -- makers

    @classmethod
    def from_source(cls, text: str, name: str | None = None) -> Strategy:
        """Make a strategy from source text."""
        if not isinstance(text, str):
            raise ConfigError(f"The source of a strategy is a str. Got {type(text).__name__}.")
        return cls(text, name or "strategy")

    @classmethod
    def from_file(cls, path: str | Path) -> Strategy:
        """Make a strategy from a ``.py`` file; its name is the file's.

        Raises
        ------
        DataMissing
            There is no such file.
        ValidationError
            It is not UTF-8, or no Python.
        """
        file = Path(path)
        try:
            with tokenize.open(file) as stream:
                return cls(stream.read(), file.stem)
        except FileNotFoundError as error:
            raise DataMissing(f"There is no file {str(file)!r}.") from error
        except IsADirectoryError as error:
            raise DataMissing(f"{str(file)!r} is a folder, not a strategy.") from error
        except (UnicodeDecodeError, SyntaxError) as error:
            if isinstance(error, SyntaxError) and error.lineno:
                raise syntax_error(error) from error
            raise ValidationError(f"{file.name} cannot be read: {error}", hint="Save it as UTF-8.") from error

    @classmethod
    def from_notebook(cls, path: str | Path, cell: int | str | None = None) -> Strategy:
        """Make a strategy from a ``%%backtest`` cell of a notebook.

        Parameters
        ----------
        path : path
            An ``.ipynb`` file.
        cell : int, str or None
            Which of its ``%%backtest`` cells: place (0 is the first), name, or None if there is one.
        """
        found = dict(notebook_cells(Path(path)))
        if not found:
            raise DataMissing(f"{Path(path).name} has no %%backtest cell.")
        if cell is None and len(found) > 1:
            raise ConfigError(f"{Path(path).name} has {len(found)} %%backtest cells.", hint=f"cell= one of {[*found]}.")
        names = list(found)
        key = names[0] if cell is None else names[cell] if isinstance(cell, int) and cell < len(names) else cell
        if key not in found:
            raise DataMissing(f"{Path(path).name} has no %%backtest cell {cell!r}.", hint=f"It has {names}.")
        return cls(found[str(key)], str(key))

    def with_params(self, **params: Literal) -> Strategy:
        """Return the strategy with other parameter values.

        Raises
        ------
        ConfigError
            An unknown name (the nearest is given), or a value of another type.
        """
        return dataclasses.replace(self, overrides={**self.overrides, **params})

    def with_modules(self, modules: Mapping[str, str]) -> Strategy:
        """Return the strategy with helper modules that it may import.

        Parameters
        ----------
        modules : mapping of str to str
            Module name -> source. They are checked, run in the sandbox and counted in the key like the
            strategy itself.

        Raises
        ------
        ConfigError
            A name that no module can have, or that Python's own have.
        """
        for name in modules:
            if not name.isidentifier() or keyword.iskeyword(name) or name in sys.stdlib_module_names | _TAKEN:
                raise ConfigError(
                    f"A strategy module cannot be called {name!r}.", hint="Use an identifier that no library has."
                )
        return dataclasses.replace(self, modules={**self.modules, **modules})

    def save(self, path: str | Path) -> Path:
        """Write the source to a file and return its path."""
        file = Path(path)
        file.write_text(self.source, encoding="utf-8")
        return file

    # -- what it is

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters by name, in the order of the source."""
        texts = self._source.comments
        found = {}
        for name, (literal, node) in self._source.literals.items():
            low, high, text = comment_range(texts.get(node.end_lineno or node.lineno, ""))
            default, value = _own(literal), _own(self.overrides.get(name, literal))
            found[name] = Parameter(
                name=name, value=value, default=default, low=low, high=high, help=text, line=node.lineno
            )
        return found

    @cached_property
    def values(self) -> Mapping[str, Literal]:
        """The resolved value of every parameter."""
        return {name: parameter.value for name, parameter in self.parameters.items()}

    @property
    def entry(self) -> str:
        """``"function"`` if the source defines ``strategy`` at top level, else ``"script"``."""
        return "script" if self._function is None else "function"

    @property
    def structure(self) -> Any:  # noqa: ANN401 - a JSON value
        """The canonical structure, as a JSON value."""
        return copy.deepcopy(self._source.structure)

    @property
    def sha(self) -> str:
        """Digest of the structure: equal for equal code, whatever its comments, layout and parameters."""
        return self._source.sha

    @property
    def names(self) -> frozenset[str]:
        """Every name and attribute that the source mentions."""
        return self._source.names

    def syntax_tree(self, filename: str = "<strategy>") -> ast.Module:
        """Return a fresh syntax tree with the parameters' values put in; lines are those of the source."""
        tree = parse(self.source, filename)
        for name, (_, node) in find_literals(tree).items() if self.overrides else ():
            if name in self.overrides:
                replace_literal(tree, node, self.overrides[name])
        return tree

    # -- helpers

    @property
    def _source(self) -> Source:
        return source_of(self.source, self.modules)

    @property
    def _function(self) -> ast.FunctionDef | None:
        return entry_function(self._source.tree)


def _own(value: Literal) -> Literal:
    """A list that its holder may change: strategies of one text share what was read from it."""
    return value[:] if isinstance(value, list) else value


# Names that mean something inside a strategy already.
_TAKEN = frozenset({"data", "finlab", "numpy", "outsample", "pandas", "scipy", "sklearn"})
