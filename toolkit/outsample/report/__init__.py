"""Reports: a document as a value, and what lays it out as HTML, text, Markdown or a picture."""

from outsample.report.document import Document, Picture, Table

__all__ = ["Document", "Picture", "Table"]
