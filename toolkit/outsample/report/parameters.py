"""The parameters of a notebook: read from its tagged cell, checked before anything runs."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from outsample.errors import ConfigError, DataInvalid, nearest
from outsample.strategy.parameters import comments

__all__ = ["NotebookParameter", "checked_parameters", "notebook_parameters"]


@dataclass(frozen=True, kw_only=True)
class NotebookParameter:
    """One assignment of the cell tagged ``parameters``.

    Parameters
    ----------
    name : str
    default : object
        The literal; None also where the default is no literal.
    help : str
        The comment behind it.
    """

    name: str
    default: object
    help: str = ""


def notebook_parameters(notebook: str | Path) -> dict[str, NotebookParameter]:
    """Return the parameters of a notebook by name, in the order of its tagged cell.

    Raises
    ------
    DataInvalid
        The file is no notebook, or its tagged cell no Python.
    """
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", ())]
        source = "".join(tagged[0]["source"]) if tagged else ""
        tree = ast.parse(source)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise DataInvalid(
            f"The parameters of {Path(notebook).name} cannot be read: {error}",
            hint="Tag one cell of plain assignments with 'parameters'.",
        ) from error
    texts = comments(source)
    found = {}
    for node in tree.body:
        target, value = _assigned(node)
        if value is not None:
            found[target] = NotebookParameter(
                name=target, default=_literal(ast.unparse(value)), help=texts.get(value.end_lineno or 0, "")
            )
    return found


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def checked_parameters(notebook: str | Path, given: Mapping[str, object]) -> dict[str, object]:
    """Return given values as the types that the notebook's defaults have.

    Parameters
    ----------
    notebook : path
    given : mapping
        Name -> value; a text is read as the type of the default.

    Raises
    ------
    ConfigError
        A name that the notebook does not have (papermill alone only warns), or a value of another type.
    """
    known = notebook_parameters(notebook) if given else {}
    return {name: _checked(Path(notebook).name, name, value, known) for name, value in given.items()}


def _checked(notebook: str, name: str, value: object, known: Mapping[str, NotebookParameter]) -> object:
    if name not in known:
        shown = ", ".join(known) or "none"
        raise ConfigError(
            f"{notebook} has no parameter {name!r}.", hint=nearest(name, known) or f"Its parameters: {shown}."
        )
    default = known[name].default
    if isinstance(default, str):
        return value if isinstance(value, str) else _text(notebook, name, value)
    read = _literal(value) if isinstance(value, str) else value
    if default is None or value is None or _fits(read, default):
        return value if default is None else read
    raise ConfigError(
        f"The parameter {name} of {notebook} is {_kind(default)} (default {default!r}). Got {value!r}.",
        hint=f"For example -p {name}={default!r}.",
    )


def _text(notebook: str, name: str, value: object) -> object:
    """A number where a text belongs is a mistake; on a command line it cannot be told apart, and is text."""
    raise ConfigError(f"The parameter {name} of {notebook} is a text. Got {value!r}.", hint=f"Write {str(value)!r}.")


def _fits(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))


def _kind(value: object) -> str:
    names = {
        bool: "True or False",
        int: "a whole number",
        float: "a number",
        list: "a list",
        tuple: "a list",
        dict: "a mapping",
    }
    return names.get(type(value), type(value).__name__)


def _literal(text: object) -> object:
    try:
        return ast.literal_eval(str(text))
    except (ValueError, SyntaxError):
        return text if isinstance(text, str) and text.isidentifier() else None
