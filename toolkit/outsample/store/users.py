"""Who is asking: the Jupyter server's user, else OUTSAMPLE_USER, else the user of the operating system."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping

__all__ = ["current_user"]


def current_user(environ: Mapping[str, str] | None = None) -> str:
    """Return the name that rows carry in ``created_by``.

    Without authentication this is bookkeeping, no protection: whoever sets the environment chooses the name.

    Parameters
    ----------
    environ : mapping, optional
        Instead of ``os.environ``. Read: JUPYTERHUB_USER, JPY_USER_INFO, OUTSAMPLE_USER.

    Examples
    --------
    >>> current_user({"OUTSAMPLE_USER": "ada"})
    'ada'
    >>> current_user({"JUPYTERHUB_USER": "grace", "OUTSAMPLE_USER": "ada"})
    'grace'
    """
    env = os.environ if environ is None else environ
    for name in (env.get("JUPYTERHUB_USER"), _server_user(env.get("JPY_USER_INFO")), env.get("OUTSAMPLE_USER")):
        if name:
            return name[:200]
    try:
        return getpass.getuser()[:200]
    except (OSError, KeyError, ImportError):
        return "unknown"


def _server_user(text: str | None) -> str | None:
    """The user that a Jupyter server hands on as a JSON object."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        return None
    name = value.get("username") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None
