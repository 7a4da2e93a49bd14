"""The settings of a command: its ``--config`` file, and the log as they say."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outsample.settings import Settings

__all__ = ["configured"]

_NAME = "OUTSAMPLE_CONFIG"


@contextlib.contextmanager
def configured(file: str | None = None, *, debug: bool = False) -> Iterator[Settings]:
    """Use a settings file for everything inside the block, and configure the log.

    Parameters
    ----------
    file : str, optional
        Instead of ``outsample.yaml``.
    debug : bool
        Show every log line.
    """
    from outsample.logs import bound, configure_logging
    from outsample.settings import load_settings

    before = os.environ.get(_NAME)
    if file is not None:
        # Layers below read their settings themselves; this is how they all see the same file.
        os.environ[_NAME] = file
    try:
        settings = load_settings()
        configure_logging(form=settings.output.log, level="DEBUG" if debug else settings.output.level)
        with bound(run_id=uuid.uuid4().hex[:12]):
            yield settings
    finally:
        if before is None:
            os.environ.pop(_NAME, None)
        else:
            os.environ[_NAME] = before
