"""The ``%%backtest`` and ``%%strategy_module`` cells of a notebook file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outsample.errors import DataMissing, ValidationError

__all__ = ["Cell", "backtest_cells", "module_cells", "notebook_cells"]

_BACKTEST, _MODULE = "%%backtest", "%%strategy_module"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A ``%%backtest`` cell.

    Parameters
    ----------
    name : str
        As its line says; without one, the notebook's name and the place of the cell.
    line : str
        What stands behind ``%%backtest``.
    source : str
        What stands below it.
    """

    name: str
    line: str
    source: str


def backtest_cells(path: Path) -> Iterator[Cell]:
    """Return the ``%%backtest`` cells of a notebook.

    Raises
    ------
    DataMissing
        There is no such file.
    ValidationError
        It is no notebook.
    """
    for place, (line, source) in enumerate(_cells(path, _BACKTEST)):
        words = line.split()[:1]
        name = words[0] if words and not words[0].startswith("-") else f"{path.stem}[{place}]"
        yield Cell(name=name, line=line, source=source)


def notebook_cells(path: Path) -> Iterator[tuple[str, str]]:
    """Name and source of each ``%%backtest`` cell; a cell without a name is called after its place."""
    return ((cell.name, cell.source) for cell in backtest_cells(path))


def module_cells(path: Path) -> dict[str, str]:
    """Return the helper modules of a notebook's ``%%strategy_module`` cells: name -> source."""
    return {line.strip(): source for line, source in _cells(path, _MODULE) if line.strip()}


def _cells(path: Path, magic: str) -> Iterator[tuple[str, str]]:
    """Line and body of each cell that begins with a magic."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError as error:
        raise DataMissing(f"There is no file {str(path)!r}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValidationError(f"{path.name} is no notebook: {error}") from error
    for cell in cells:
        first, _, rest = "".join(cell.get("source", "")).lstrip().partition("\n")
        if cell.get("cell_type") == "code" and first.split()[:1] == [magic]:
            yield first.removeprefix(magic).strip(), rest
