"""What the look-ahead check found, in the report of a study."""

from __future__ import annotations

import dataclasses

from outsample.report.document import Document
from outsample.research.lookahead import LookaheadReport

__all__ = ["with_lookahead"]


def with_lookahead(document: Document, report: LookaheadReport | None) -> Document:
    """Return a document whose header says what the check found; a leak strikes its numbers through.

    Parameters
    ----------
    document : Document
    report : LookaheadReport or None
        None: not checked.
    """
    text, alarm = "not checked" if report is None else report.summary, document.alarm
    if report is not None and report.clean is False:
        where = f" Line {report.line}." if report.line else ""
        alarm = f"These numbers use the future: {text}.{where} {report.hint}".strip()
    return dataclasses.replace(document, facts=(*document.facts, ("Look-ahead", text)), alarm=alarm)
