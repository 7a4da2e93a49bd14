"""How a report is displayed: one mixin for everything that has one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from outsample.report.data import attached
from outsample.report.document import Document
from outsample.report.html import fragment, page
from outsample.report.text import markdown, plain

__all__ = ["Shown"]


class Shown:
    """Display in notebooks: HTML where there is a page, aligned text where there is none."""

    def document(self, *, pictures: bool = True) -> Document:
        """Return the report as a value."""
        raise NotImplementedError

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the report as a self-contained HTML page, and write it to `path` if one is given."""
        text = page(self.document())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        return markdown(self.document(pictures=False))

    def text_bundle(self) -> dict[str, str]:
        """Return the report as a notebook shows it, without pictures: plain text and HTML by type."""
        document = self.document(pictures=False)
        return {"text/plain": plain(document), "text/html": fragment(document)}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        document = self.document()
        bundle = {"text/plain": plain(document), "text/html": fragment(document), **attached(self)}
        if document.pictures:
            bundle["image/png"] = base64.b64encode(document.pictures[0].png).decode("ascii")
        return bundle

    def __str__(self) -> str:
        return plain(self.document(pictures=False))
