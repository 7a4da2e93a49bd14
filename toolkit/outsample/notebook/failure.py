"""How a failing cell looks: category, message, the line that it is about, and what to do."""

from __future__ import annotations

from outsample.classify import classify_error
from outsample.errors import OutsampleError, ValidationError

__all__ = ["CellFailed", "Interrupted", "describe"]


class CellFailed(OutsampleError):
    """A cell under ``%%backtest`` failed; shown without any frame of ours.

    Attributes
    ----------
    error : OutsampleError
        What happened.
    text : str
        What is shown.
    """

    code = "cell-failed"

    def __init__(self, error: OutsampleError, text: str) -> None:
        super().__init__(error.message, hint=error.hint)
        self.error = error
        self.text = text

    def _render_traceback_(self) -> list[str]:
        # IPython asks the exception itself before it formats a traceback.
        return self.text.splitlines()

    def __str__(self) -> str:
        return self.text


class Interrupted(KeyboardInterrupt):
    """The run of a cell was interrupted: still a KeyboardInterrupt, shown in one line.

    Parameters
    ----------
    name : str
        What was running.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was ended, with its processes.")

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


def describe(error: OutsampleError, source: str, *, place: str = "", offset: int = 0) -> str:
    """Return the text of an error.

    Parameters
    ----------
    error : OutsampleError
    source : str
        The strategy.
    place : str
        Where it stands, for example "Cell In[3]".
    offset : int
        Lines before the source in that place (a cell has its magic first).
    """
    lines = [f"[{classify_error(error).value}] {error.message}"]
    if isinstance(error, ValidationError) and error.findings:
        for finding in error.findings:
            if finding.severity == "error":
                lines += ["", *_excerpt(source, finding.line, finding.column, place, offset)]
                lines.append(f"    {finding.rule}: {finding.message}")
                if finding.hint:
                    lines.append(f"    Hint: {finding.hint}")
    else:
        line = getattr(error, "line", None)
        if line:
            lines += ["", *_excerpt(source, line, None, place, offset)]
    if error.hint:
        lines += ["", f"Hint: {error.hint}"]
    return "\n".join(lines)


def _excerpt(source: str, line: int, column: int | None, place: str, offset: int) -> list[str]:
    """The line with its neighbours, as Python shows them, in the numbers of the place."""
    rows = source.splitlines()
    if not 1 <= line <= len(rows):
        return [f"{place or 'Strategy'}, line {line + offset}"]
    shown = [f"{place or 'Strategy'}, line {line + offset}"]
    for number in range(max(1, line - 1), min(len(rows), line + 1) + 1):
        mark = "--> " if number == line else "    "
        shown.append(f"{mark}{number + offset:4d} | {rows[number - 1]}")
        if number == line and column is not None:
            shown.append(f"{'':8} | {' ' * column}^")
    return shown
