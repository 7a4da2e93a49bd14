"""HTML of a document: pure functions of str, everything escaped, no scripts, nothing from elsewhere."""

from __future__ import annotations

import base64
import html
from functools import lru_cache
from importlib.resources import files

from outsample.report.document import Document, Picture, Table
from outsample.report.formats import counted

__all__ = ["error_html", "fragment", "page"]


def fragment(document: Document) -> str:
    """Return the document as one element for a notebook's output, with its style.

    Readable when the style is stripped: headings, description lists and tables carry the meaning.
    """
    return f'<style>{_style()}</style>\n<div class="outsample">{_body(document)}</div>'


def page(document: Document, *, language: str = "en") -> str:
    """Return the document as a self-contained HTML page that needs no network and no scripts."""
    return (
        f'<!doctype html>\n<html lang="{_escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_escape(document.title)} - outsample</title>\n<style>{_style()}</style>\n</head>\n"
        f'<body class="outsample-page">\n<main class="outsample">{_body(document)}</main>\n</body>\n</html>\n'
    )


def error_html(category: str, message: str, place: str, excerpt: str, hint: str) -> str:
    """Return an error as HTML: category, message, place in the strategy, the line, and what to do."""
    where = f'<p class="os-place">{_escape(place)}</p>' if place else ""
    code = f"<pre>{_escape(excerpt)}</pre>" if excerpt else ""
    advice = f'<p class="os-hint">{_escape(hint)}</p>' if hint else ""
    return (
        f'<style>{_style()}</style><div class="outsample os-error" role="alert">'
        f'<p><span class="os-badge os-failed">{_escape(category)}</span> <strong>{_escape(message)}</strong></p>'
        f"{where}{code}{advice}</div>"
    )


@lru_cache(maxsize=1)
def _style() -> str:
    return files("outsample.report").joinpath("style.css").read_text(encoding="utf-8")


def _escape(text: str) -> str:
    return html.escape(str(text), quote=True)


def _body(document: Document) -> str:
    parts = [
        f"<h2>{_escape(document.title)}</h2>",
        _verdict(document),
        _facts(document.facts),
        _table(document.metrics, struck=bool(document.alarm), heading=False),
        *(_picture(picture) for picture in document.pictures),
        *(_table(table, struck=bool(document.alarm)) for table in document.tables),
        _warnings(document.warnings),
        _output(document.output),
    ]
    return "\n".join(part for part in parts if part)


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    items = "".join(f"<div><dt>{_escape(label)}</dt><dd>{_escape(text)}</dd></div>" for label, text in facts)
    return f'<dl class="os-facts">{items}</dl>'


def _verdict(document: Document) -> str:
    reasons = "".join(f"<li>{_escape(reason)}</li>" for reason in document.reasons)
    alarm = f'<p class="os-alarm" role="alert">{_escape(document.alarm)}</p>' if document.alarm else ""
    name = document.level.lower().replace("_", "-")
    return (
        f'<div class="os-verdict"><p><span class="os-badge os-{_escape(name)}">{_escape(document.level)}</span></p>'
        f"{alarm}<ul>{reasons}</ul></div>"
    )


def _table(table: Table, *, struck: bool = False, heading: bool = True) -> str:
    if not table.rows:
        return ""

    def cell(tag: str, place: int, text: str) -> str:
        words = ["os-number"] * (place in table.numeric) + ["os-foreign"] * (place in table.foreign)
        kind = f' class="{" ".join(words)}"' if words else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{kind}>{_escape(text)}</{tag}>"

    head = "".join(cell("th", place, name) for place, name in enumerate(table.columns))
    body = "".join(
        "<tr>" + "".join(cell("td", place, text) for place, text in enumerate(row)) + "</tr>\n" for row in table.rows
    )
    mark = " os-struck" if struck else ""
    grid = (
        f'<div class="os-scroll"><table class="os-table{mark}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )
    note = f'<p class="os-note">{_escape(table.note)}</p>' if table.note else ""
    if table.folded:
        return f"<details><summary>{_escape(table.title)}</summary>{grid}{note}</details>"
    title = f"<h3>{_escape(table.title)}</h3>" if heading else ""
    return f"{title}{grid}{note}"


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{_escape(picture.alternative)}">'
        f"<figcaption>{_escape(picture.title)}</figcaption></figure>"
    )


def _warnings(warnings: tuple[str, ...]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{_escape(warning)}</li>" for warning in warnings)
    title = counted(len(warnings), "warning")
    return f'<details class="os-warnings" open><summary>{title}</summary><ul>{items}</ul></details>'


def _output(text: str) -> str:
    if not text.strip():
        return ""
    return f"<details><summary>Printed by the strategy</summary><pre>{_escape(text)}</pre></details>"
