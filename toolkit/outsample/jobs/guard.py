"""Refusals at the start: switches for development that must not reach a deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from outsample.errors import ConfigError

__all__ = ["check_environment"]

_TRUE = frozenset({"1", "true", "yes", "on"})
_DEPLOYED = frozenset({"staging", "production"})


def check_environment(environ: Mapping[str, str] | None = None) -> None:
    """Refuse the stub user of development where OUTSAMPLE_ENV says staging or production.

    Raises
    ------
    ConfigError
        OUTSAMPLE_DEV_AUTH is on there.

    Examples
    --------
    >>> check_environment({"OUTSAMPLE_DEV_AUTH": "true", "OUTSAMPLE_ENV": "development"})
    """
    env = os.environ if environ is None else environ
    stage = env.get("OUTSAMPLE_ENV", "").strip().lower()
    if env.get("OUTSAMPLE_DEV_AUTH", "").strip().lower() in _TRUE and stage in _DEPLOYED:
        raise ConfigError(
            f"OUTSAMPLE_DEV_AUTH is for development and refused with OUTSAMPLE_ENV={stage}.",
            hint="Unset OUTSAMPLE_DEV_AUTH: the user comes from the Jupyter server.",
        )
