"""Log lines and spans: what a machine is told about what happens.

Modules log with ``logging.getLogger(__name__)``. Nothing is configured on import; the command line and workers
call `configure_logging` once. Spans go through opentelemetry-api where it is installed, and nowhere else.
"""

from __future__ import annotations

import contextlib
import contextvars
import datetime
import importlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping

from outsample.errors import ConfigError

__all__ = ["JsonFormatter", "bound", "configure_logging", "span"]

_context: contextvars.ContextVar[Mapping[str, str] | None] = contextvars.ContextVar("outsample_log", default=None)


@contextlib.contextmanager
def bound(**values: str) -> Iterator[None]:
    """Add values, such as ``run_id`` and ``job_id``, to every log line inside the block.

    Threads that are started inside do not inherit them.
    """
    token = _context.set({**(_context.get() or {}), **values})
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, bound values, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **(_context.get() or {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """The handler of `configure_logging`: a second call replaces it, and it writes to today's stderr."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:
        return sys.stderr


def configure_logging(*, form: str = "text", level: str = "WARNING") -> None:
    """Send the log of outsample to stderr.

    Parameters
    ----------
    form : {"text", "json"}
    level : str
        Least important lines that are shown: DEBUG, INFO, WARNING, ERROR.

    Raises
    ------
    ConfigError
        Another form or level.
    """
    if form not in {"text", "json"}:
        raise ConfigError(f"The form of log lines is text or json. Got {form!r}.")
    if level not in logging.getLevelNamesMapping():
        raise ConfigError(f"The level of log lines is DEBUG, INFO, WARNING or ERROR. Got {level!r}.")
    handler = _Handler()
    handler.setFormatter(
        JsonFormatter() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    logger = logging.getLogger("outsample")
    logger.handlers = [other for other in logger.handlers if not isinstance(other, _Handler)]
    logger.addHandler(handler)
    logger.setLevel(level)


@contextlib.contextmanager
def span(name: str, **attributes: str | float) -> Iterator[None]:
    """Trace a block as a span of opentelemetry; without the package, do nothing.

    Examples
    --------
    >>> with span("outsample.example", strategies=3):
    ...     pass
    """
    try:
        trace = importlib.import_module("opentelemetry.trace")
    except ImportError:
        yield
        return
    with trace.get_tracer("outsample").start_as_current_span(name, attributes=attributes):
        yield
