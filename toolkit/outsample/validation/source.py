"""Checks of the text itself, and its syntax tree."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator

from outsample.validation.finding import Finding

__all__ = ["MAX_BYTES", "MAX_DEPTH", "check_text", "parse", "split_lines"]

MAX_BYTES = 100 * 1024
# Deep enough for a chain of 60 methods or 140 elif branches, far from the limit of the interpreter.
MAX_DEPTH = 150

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ODD = re.compile(f"[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff\ud800-\udfff{_BIDI}]")
_BIDI_ONLY = re.compile(f"[{_BIDI}]")
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_UTF8 = frozenset({"utf-8", "utf8", "utf_8", "utf-8-sig", "ascii", "us-ascii"})
_NEWLINE = re.compile(r"\r\n|\r|\n")
_MAGIC = re.compile(r"^\s*(%{1,2}[A-Za-z_]|!\s*[A-Za-z]|\?{1,2}[A-Za-z_])")
_LOCK = threading.Lock()
_MAX_ODD = 20  # a binary file would give a finding per byte


def split_lines(source: str) -> list[str]:
    r"""Split a source the way Python's tokeniser does.

    ``str.splitlines`` also splits at form feeds and Unicode separators, which would shift line numbers.

    Examples
    --------
    >>> split_lines("a\r\nb\x0cc")
    ['a', 'b\x0cc']
    """
    return _NEWLINE.split(source)


def check_text(source: str, lines: list[str]) -> Iterator[Finding]:
    """Yield what is wrong with the text before it is parsed.

    Parameters
    ----------
    source : str
        The whole text.
    lines : list of str
        Its lines.
    """
    size = len(source) if source.isascii() else len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"The source has {size:,} bytes; at most {MAX_BYTES:,} are allowed."
        yield Finding("source-size", "error", 1, 1, 1, 1, message, "Put tables into the dataset, not into the source.")
        return
    if _ODD.search(source):
        yield from _odd_characters(lines)
    for number, line in enumerate(lines[:2], 1):
        cookie = _COOKIE.match(line)
        if cookie and cookie[1].lower() not in _UTF8:
            message = f"The source declares the encoding '{cookie[1]}'; UTF-8 is allowed."
            hint = "Save it as UTF-8 and delete the declaration."
            yield Finding("source-encoding", "error", number, 1, number, len(line) + 1, message, hint)


def _odd_characters(lines: list[str]) -> Iterator[Finding]:
    found = 0
    for number, line in enumerate(lines, 1):
        for match in _ODD.finditer(line):
            found += 1
            if found > _MAX_ODD:
                return
            text, column = match[0], match.start() + 1
            rule, message = "source-character", f"The source contains the control character U+{ord(text):04X}."
            hint = "Delete it, or write it as an escape inside a string."
            if _BIDI_ONLY.match(text):
                rule = "source-bidi"
                message = (
                    f"The source contains the direction mark U+{ord(text):04X}: it may read otherwise than it runs."
                )
            elif text == "\ufeff":
                message = "The source contains a byte order mark (U+FEFF)."
                hint = "Save the file as UTF-8 without a byte order mark."
            yield Finding(rule, "error", number, column, number, column + 1, message, hint)


def parse(source: str, lines: list[str]) -> ast.Module | Finding:
    """Parse a source; what cannot be parsed is a finding with its line.

    Examples
    --------
    >>> parse("x = ", ["x = "]).rule
    'syntax'
    """
    try:
        # catch_warnings changes the filters of the whole process: two threads inside it would lose them
        with _LOCK, warnings.catch_warnings():
            # "\d" in a plain string is only a warning, and must not become an error under -W error.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        return _syntax_finding(error, lines)
    except (RecursionError, MemoryError):
        message = "The source is nested too deeply to be parsed."
        return Finding("nesting", "error", 1, 1, 1, 1, message, "Split long expressions into several statements.")
    except ValueError as error:
        return Finding("syntax", "error", 1, 1, 1, 1, f"The source cannot be parsed: {error}.", "")


def _syntax_finding(error: SyntaxError, lines: list[str]) -> Finding:
    line = min(max(error.lineno or 1, 1), max(len(lines), 1))
    text = lines[line - 1] if lines else ""
    column = min(max(error.offset or 1, 1), len(text) + 1)
    end_line = max(error.end_lineno or line, line)
    end_column = error.end_offset or column + 1
    if end_line == line:
        end_column = max(end_column, column + 1)
    magic = next((n for n, item in enumerate(lines, 1) if _MAGIC.match(item)), None)
    if magic is not None and magic <= line:
        text = lines[magic - 1]
        message = f"'{text.strip()[:40]}' is a notebook command; a strategy is plain Python."
        hint = "Delete the line, or move it to a cell of its own."
        return Finding("notebook-magic", "error", magic, 1, magic, len(text) + 1, message, hint)
    reason = (error.msg or "invalid syntax").strip()
    if "nested" in reason or "recursion" in reason.lower() or "too complex" in reason:
        hint = "Split long expressions into several statements."
        return Finding("nesting", "error", line, column, end_line, end_column, f"Nested too deeply: {reason}.", hint)
    return Finding(
        "syntax", "error", line, column, end_line, end_column, f"Python syntax: {reason}.", _syntax_hint(error)
    )


def _syntax_hint(error: SyntaxError) -> str:
    reason = error.msg or ""
    if isinstance(error, TabError):
        return "Indent with spaces only."
    if isinstance(error, IndentationError):
        return "Check how far the line is indented; four spaces a level."
    if "never closed" in reason or "EOF" in reason:
        return "Close the bracket or the quotes."
    if "Missing parentheses in call to 'print'" in reason:
        return "Write print(...)."
    return ""
