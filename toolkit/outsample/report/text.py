"""A document as plain text, for terminals, and as Markdown."""

from __future__ import annotations

import unicodedata

from outsample.report.document import Document, Table

__all__ = ["markdown", "plain"]


def plain(document: Document) -> str:
    """Return the document as aligned plain text."""
    width = max((_width(label) for label, _ in document.facts), default=0)
    lines = [document.title, "=" * _width(document.title)]
    lines += [f"{_padded(label, width, right=False)}  {text}" for label, text in document.facts]
    lines += ["", f"[{document.level}]"]
    if document.alarm:
        lines.append(f"!! {document.alarm}")
    lines += [f"  - {reason}" for reason in document.reasons]
    for table in (document.metrics, *document.tables):
        if table.rows:
            lines += ["", table.title, *_grid(table)]
            lines += [table.note] if table.note else []
    if document.warnings:
        lines += ["", "Warnings", *(f"  - {warning}" for warning in document.warnings)]
    if document.output.strip():
        lines += ["", "Printed by the strategy", *(f"  | {line}" for line in document.output.rstrip().splitlines())]
    return "\n".join(lines)


def markdown(document: Document) -> str:
    """Return the document as Markdown."""
    lines = [f"# {_md(document.title)}", ""]
    lines += [f"- {_md(label)}: {_md(text)}" for label, text in document.facts]
    lines += ["", f"**{document.level}**", ""]
    if document.alarm:
        lines += [f"> **{_md(document.alarm)}**", ""]
    lines += [f"- {_md(reason)}" for reason in document.reasons]
    for table in (document.metrics, *document.tables):
        if table.rows:
            marks = ["---:" if place in table.numeric else "---" for place in range(len(table.columns))]
            lines += ["", f"## {_md(table.title)}", "", _row(table.columns), _row(marks)]
            lines += [_row(row) for row in table.rows]
            lines += ["", _md(table.note)] if table.note else []
    if document.warnings:
        lines += ["", "## Warnings", "", *(f"- {_md(warning)}" for warning in document.warnings)]
    return "\n".join(lines) + "\n"


def _grid(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    widths = [max(_width(row[place]) for row in rows) for place in range(len(table.columns))]
    lines = [
        "  ".join(
            _padded(text, width, right=place in table.numeric)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(map(_width, lines)), *lines[1:]]


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * max(width - _width(text), 0)
    return space + text if right else text + space


def _md(text: str) -> str:
    for char in "\\`*_<>|[]":
        text = text.replace(char, f"\\{char}")
    return text.replace("\n", " ")


def _row(cells: object) -> str:
    assert isinstance(cells, list | tuple)
    return "| " + " | ".join(cell if set(cell) <= {"-", ":"} else _md(cell) for cell in cells) + " |"
