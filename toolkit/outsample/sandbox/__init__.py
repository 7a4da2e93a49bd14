"""Run untrusted strategies under the protection of the operating system's kernel."""

from outsample.sandbox.client import close_server
from outsample.sandbox.run import run_sandboxed

__all__ = ["close_server", "run_sandboxed"]
