"""Run untrusted strategies under the protection of the operating system's kernel."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outsample.sandbox.asynchronous import arun_sandboxed
    from outsample.sandbox.run import close_server, run_sandboxed, sandbox_report, start_server
    from outsample.sandbox.session import SandboxSession

__all__ = [
    "SandboxSession",
    "arun_sandboxed",
    "close_server",
    "run_sandboxed",
    "sandbox_report",
    "start_server",
]

# Imported when they are used: the server is started (see spawn) before there is a pandas.
_HOME_OF = {
    "arun_sandboxed": "asynchronous",
    **dict.fromkeys(("close_server", "run_sandboxed", "sandbox_report", "start_server"), "run"),
}


def __getattr__(name: str) -> object:
    # Confined sessions need Linux; what answers to the name elsewhere has the same methods.
    if name == "SandboxSession":
        if sys.platform.startswith("linux"):
            from outsample.sandbox.session import SandboxSession as Session
        else:
            from outsample.sandbox.portable_session import PortableSession as Session  # type: ignore[assignment]
        return Session
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"outsample.sandbox.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
