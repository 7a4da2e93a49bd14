"""The static twin of a widget: what is read where no script runs (papermill, GitHub, exported HTML)."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from outsample.report.formats import shown

__all__ = ["Twin", "rows_of"]

# The last rule: a notebook whose kernel is gone shows the twin and not, below it, that a widget has no model;
# such a sentence is the only output of text without an element around it.
_STYLE = """
.os-twin{max-width:60rem;font:14px/1.45 var(--jp-content-font-family,system-ui,sans-serif)}
.os-twin table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.os-twin th,.os-twin td{padding:.15rem .7rem;text-align:right}
.os-twin th:first-child,.os-twin td:first-child{text-align:left}
.os-twin img{max-width:100%}
.jp-OutputArea-child:has(.os-twin)+.jp-OutputArea-child>.jp-OutputArea-output:not(:has(*)){display:none}
"""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A title, sentences, a picture and small tables.

    Parameters
    ----------
    title : str
    lines : tuple of str
    png : bytes
        Empty: no picture.
    alternative : str
        What the picture shows, in words.
    tables : tuple of (caption, columns, rows)
        All text.
    """

    title: str
    lines: tuple[str, ...] = ()
    png: bytes = b""
    alternative: str = ""
    tables: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = ()

    def html(self, uid: str = "") -> str:
        """Return it as one HTML element without scripts; `uid` is how a live widget finds and hides it."""
        parts = [f"<h3>{_escape(self.title)}</h3>"]
        parts += [f"<p>{_escape(line)}</p>" for line in self.lines]
        if self.png:
            data = base64.b64encode(self.png).decode("ascii")
            parts.append(f'<img src="data:image/png;base64,{data}" alt="{_escape(self.alternative or self.title)}">')
        parts += [_table(*table) for table in self.tables]
        mark = f" os-twin-{_escape(uid)}" if uid else ""
        return f'<style>{_STYLE}</style><div class="os-twin{mark}">{"".join(parts)}</div>'

    def plain(self) -> str:
        """Return it as text."""
        parts = [self.title, *self.lines]
        for caption, columns, rows in self.tables:
            frame = pd.DataFrame(list(rows), columns=list(columns))
            parts += [caption, frame.to_string(index=False)]
        return "\n".join(part for part in parts if part)

    def bundle(self, uid: str = "") -> dict[str, object]:
        """Return it by mime type: text, HTML and, where there is a picture, PNG."""
        found: dict[str, object] = {"text/plain": self.plain(), "text/html": self.html(uid)}
        if self.png:
            found["image/png"] = base64.b64encode(self.png).decode("ascii")
        return found


def rows_of(frame: pd.DataFrame, limit: int = 20) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return columns and the first rows of a table as text."""
    columns = tuple(str(name).replace("_", " ") for name in frame.columns)
    rows = tuple(tuple(shown(value) for value in row) for row in frame.head(limit).itertuples(index=False, name=None))
    return columns, rows


def _escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_escape(name)}</th>' for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{_escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f"<table><caption>{_escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
