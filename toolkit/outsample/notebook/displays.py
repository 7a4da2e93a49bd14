"""How values of lower layers, which know nothing of reports, are displayed in a notebook."""

from __future__ import annotations

import base64
from typing import Any

__all__ = ["add_displays", "remove_displays"]

_MODULE, _NAME = "outsample.research.bootstrap", "Bootstrap"


def add_displays(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Show a bootstrap as a report; by its name, so that nothing is imported before there is one."""
    shell.display_formatter.mimebundle_formatter.for_type_by_name(_MODULE, _NAME, _bootstrap)


def remove_displays(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Take it away again."""
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.deferred_printers.pop((_MODULE, _NAME), None)
    for kind in [kind for kind in formatter.type_printers if (kind.__module__, kind.__name__) == (_MODULE, _NAME)]:
        formatter.pop(kind)


def _bootstrap(value: Any, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ANN401, ARG001
    from outsample.report.bootstrap import bootstrap_document
    from outsample.report.data import attached
    from outsample.report.html import fragment
    from outsample.report.text import plain

    document = bootstrap_document(value)
    bundle = {"text/plain": plain(document), "text/html": fragment(document), **attached(value)}
    if document.pictures:
        bundle["image/png"] = base64.b64encode(document.pictures[0].png).decode("ascii")
    return bundle
