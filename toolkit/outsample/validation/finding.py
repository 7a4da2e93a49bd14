"""What the validator says about one place in a source."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding", "sort_findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of the validator.

    Attributes
    ----------
    rule : str
        Stable identifier; every one is explained in the reference of rules.
    severity : str
        "error": the strategy is not run. "warning": it is run, and the finding is shown.
    line, column : int
        First character, both counted from 1 (characters, not bytes).
    end_line, end_column : int
        The place behind the last character.
    message : str
        What was found.
    hint : str
        What to do instead; may be empty.

    Examples
    --------
    >>> print(Finding("io-read", "error", 3, 1, 3, 5, "open(...) reads a file.", "Use data.get(key)."))
    line 3:1: error: open(...) reads a file. Use data.get(key). [io-read]
    """

    rule: str
    severity: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.message} {self.hint}".rstrip()
        return f"line {self.line}:{self.column}: {self.severity}: {text} [{self.rule}]"


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """Return the distinct findings in the order of the source; errors first at the same place.

    Examples
    --------
    >>> late = Finding("b", "error", 2, 1, 2, 2, "x")
    >>> early = Finding("a", "warning", 1, 1, 1, 2, "y")
    >>> [item.rule for item in sort_findings([late, early, late])]
    ['a', 'b']
    """
    return sorted(dict.fromkeys(findings), key=lambda item: (item.line, item.column, item.severity, item.rule))
