"""Start the process of a server.

Nothing here needs more than the standard library: a notebook starts the server before it imports pandas, so that
both import at the same time.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

__all__ = ["Spawned", "server_environment", "spawn", "spawn_ahead"]


@dataclass(frozen=True, kw_only=True)
class Spawned:
    """A server that was started and may not be ready.

    Parameters
    ----------
    process : Popen
    control : socket
        Closing it ends the server.
    log : file
        What it writes while it starts, to be shown if it does not.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    log: IO[bytes]

    def close(self) -> None:
        """End it, at the latest after two seconds."""
        self.control.close()
        try:
            self.process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def forget(self) -> None:
        """Give up what was inherited through a fork, without ending the other process's server."""
        self.control.close()
        self.log.close()
        self.process.returncode = 0  # not our child: nothing to wait for


def server_environment() -> dict[str, str]:
    """Return the environment of a server: nothing of the caller's but where its caches are.

    PYTHONHASHSEED is fixed so that the order of a set is the same in every server. One thread for BLAS, a small
    number of malloc arenas and no background thread of Arrow: a process that forks must have one thread.
    """
    found = {name: os.environ[name] for name in ("HOME", "NUMBA_CACHE_DIR", "TZ") if name in os.environ}
    # Ours first: where the others lie there may be another outsample.
    packages = dict.fromkeys((str(Path(__file__).parents[2]), *map(_folder, ("pandas", "numpy", "numba"))))
    return {
        **found,
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(filter(None, packages)),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _folder(package: str) -> str:
    """Where a package of ours lies, imported or not; nothing where that is not known."""
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            return str(Path(spec.origin).parents[1])
    return ""


def spawn(flavour: str = "base") -> Spawned:
    """Return the server that was started ahead, or start one."""
    with _lock:
        if flavour == _AHEAD and _ahead:
            return _ahead.pop()
    return _start(flavour)


def spawn_ahead() -> None:
    """Start a server for the next `spawn`, unless this process ever started one; does not wait for it.

    A failure is left for the first run to meet.
    """
    with _lock, contextlib.suppress(OSError):
        if not _started:
            _ahead.append(_start(_AHEAD))


def _start(flavour: str) -> Spawned:
    _started.append(flavour)
    with contextlib.ExitStack() as unless_started:
        log = unless_started.enter_context(tempfile.TemporaryFile())
        control, theirs = map(unless_started.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        command = [sys.executable, "-s", "-P", "-m", "outsample.sandbox.server", str(theirs.fileno()), flavour]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            env=server_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C in a terminal is for the parent
        )
        theirs.close()
        unless_started.pop_all()
    return Spawned(process=process, control=control, log=log)


_AHEAD = "base"
_ahead: list[Spawned] = []
_started: list[str] = []  # flavours of all servers so far
_lock = threading.Lock()


def _close() -> None:
    with _lock:
        while _ahead:
            _ahead.pop().close()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it at the fork
    _lock = threading.Lock()
    _started.clear()
    while _ahead:
        _ahead.pop().forget()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
