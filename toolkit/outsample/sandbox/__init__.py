"""Run untrusted strategies under the protection of the operating system's kernel."""

from __future__ import annotations

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
    # Sessions need Linux; the rest can be imported everywhere.
    if name == "SandboxSession":
        from outsample.sandbox.session import SandboxSession

        return SandboxSession
    raise AttributeError(name)
