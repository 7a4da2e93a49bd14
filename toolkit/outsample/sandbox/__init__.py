"""Run untrusted strategies under the protection of the operating system's kernel."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from outsample.sandbox.asynchronous import arun_sandboxed
from outsample.sandbox.run import close_server, run_sandboxed, sandbox_report, start_server

if TYPE_CHECKING:
    from outsample.sandbox.session import SandboxSession

__all__ = [
    "SandboxSession",
    "arun_sandboxed",
    "close_server",
    "run_sandboxed",
    "sandbox_report",
    "start_server",
]


def __getattr__(name: str) -> object:
    # Confined sessions need Linux; what answers to the name elsewhere has the same methods.
    if name == "SandboxSession":
        if sys.platform.startswith("linux"):
            from outsample.sandbox.session import SandboxSession as Session
        else:
            from outsample.sandbox.portable_session import PortableSession as Session  # type: ignore[assignment]
        return Session
    raise AttributeError(name)
