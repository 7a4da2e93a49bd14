"""The shape of a message: what is left without names and numbers, so that equal faults are counted as one."""

from __future__ import annotations

import re

__all__ = ["shape_of"]

_LONGEST = 200
_RULES = tuple(
    (re.compile(pattern), mark)
    for pattern, mark in (
        (r"\s+", " "),
        (r"0x[0-9a-fA-F]+", "<address>"),
        (r"(?<!\w)(?:[A-Za-z]:)?[\\/][\w.\-]+(?:[\\/][\w.\-]+)+", "<path>"),
        (r"\"[^\"]{0,300}\"|'[^']{0,300}'|「[^」]{0,300}」|『[^』]{0,300}』|“[^”]{0,300}”|`[^`]{0,300}`", "<name>"),
        (r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?", "<date>"),
        (r"(?<![\w<])[-+]?\d[\d,_]*(?:\.\d+)?(?:[eE][-+]?\d+)?", "<n>"),
        (r"\(<n>(?:, ?<n>)*,?\)", "(<n>)"),
    )
)


def shape_of(message: str) -> str:
    """Return a message without its names, dates, paths and numbers, on one line.

    Examples
    --------
    >>> shape_of("could not broadcast (3,4) into (5,)")
    'could not broadcast (<n>) into (<n>)'
    >>> shape_of("Unknown key 'price:foo' at 2020-01-31")
    'Unknown key <name> at <date>'
    """
    text = message.strip()[:2000]
    for pattern, mark in _RULES:
        text = pattern.sub(mark, text)
    return text[:_LONGEST]
