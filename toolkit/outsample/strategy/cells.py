"""The ``%%backtest`` cells of a notebook file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from outsample.errors import DataMissing, ValidationError

__all__ = ["notebook_cells"]


def notebook_cells(path: Path) -> Iterator[tuple[str, str]]:
    """Name and source of each ``%%backtest`` cell; a cell without a name is called after its place."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError as error:
        raise DataMissing(f"There is no file {str(path)!r}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValidationError(f"{path.name} is no notebook: {error}") from error
    place = 0
    for cell in cells:
        text = "".join(cell.get("source", ""))
        first, _, rest = text.lstrip().partition("\n")
        if cell.get("cell_type") == "code" and first.startswith("%%backtest"):
            words = first.split()[1:2]
            name = words[0] if words and not words[0].startswith("-") else f"{path.stem}[{place}]"
            yield name, rest
            place += 1
