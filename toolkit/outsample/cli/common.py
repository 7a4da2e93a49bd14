"""What the commands share: exit codes and the errors that mean "could not run"."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from outsample.errors import ConfigError, DataError, JobError, MissingExtra, StoreError

__all__ = ["CANNOT_RUN", "COULD_NOT_RUN", "DONE", "FAILED"]

DONE, FAILED, COULD_NOT_RUN = 0, 1, 2
CANNOT_RUN = (ConfigError, DataError, StoreError, JobError, MissingExtra)
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name
    __all__ += ["Commands"]
