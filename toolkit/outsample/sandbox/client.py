"""The parent's side of the server process: start it, ask it for children, close it."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from outsample.errors import SandboxCrashed
from outsample.model import SandboxReport
from outsample.sandbox.confine import LAYERS
from outsample.sandbox.payload import memory_file
from outsample.sandbox.report import describe
from outsample.sandbox.spawn import spawn

__all__ = ["Child", "ServerProcess", "close_server", "discard_server", "get_server"]

START_TIMEOUT = 300.0  # an empty kernel cache compiles for a minute
REPLY_TIMEOUT = 30.0
PROBE_TIMEOUT = 20.0


@dataclass(frozen=True, kw_only=True)
class Child:
    """A started child, as its parent sees it.

    Parameters
    ----------
    process : int
    pidfd, statm : int
        Descriptors; whoever holds the child closes them.
    base : int
        Anonymous pages at its start.
    channel : socket
        Says how it ended; closing it kills it.
    """

    process: int
    pidfd: int
    statm: int
    base: int
    channel: socket.socket

    def kill(self) -> None:
        """End the child; fine if it has ended already."""
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Kill it and give back the descriptors."""
        self.kill()
        self.channel.close()
        os.close(self.pidfd)
        os.close(self.statm)


class ServerProcess:
    """A running server.

    Parameters
    ----------
    flavour : {"base", "science"}
        Which libraries it has imported.
    off : collection of str
        Layers that its children do not put on.
    """

    def __init__(self, flavour: str = "base", *, off: frozenset[str] = frozenset()) -> None:
        self.flavour = flavour
        self.off = off
        self._closed = False
        self._lock = threading.Lock()
        self._spawned = spawn(flavour)
        self._control = self._spawned.control
        try:
            self._wait_ready()
            self.report = self._probe()
        except BaseException:
            self.close()
            raise
        active = {name for name, said in self.report.layers.items() if said == "active"}
        self._required = sorted(active & {*LAYERS})

    @property
    def process(self) -> int:
        """Process id of the server."""
        return self._spawned.process.pid

    @property
    def alive(self) -> bool:
        """Whether it still serves."""
        return not self._closed and self._spawned.process.poll() is None

    def _wait_ready(self) -> None:
        self._control.settimeout(START_TIMEOUT)
        try:
            message = self._control.recv(4096)
        except TimeoutError:
            message = b""
        if not message:
            raise SandboxCrashed("The sandbox server did not start.", hint=self._said())

    def _said(self) -> str:
        """Last words of the server; it has none of its own when all is well."""
        log = self._spawned.log.fileno()
        end = os.fstat(log).st_size
        return os.pread(log, 2000, max(end - 2000, 0)).decode(errors="replace").strip()

    def start(self, *, descriptors: Sequence[int], cpu_seconds: int, memory_bytes: int) -> Child:
        """Start a child.

        Parameters
        ----------
        descriptors : sequence of int
            Request, data, result pipe, output pipe and perhaps a command pipe; the caller keeps its own.
        cpu_seconds, memory_bytes : int
            Limits.

        Raises
        ------
        SandboxCrashed
            The server is gone or does not answer.
        """
        request = {
            "cpu_seconds": cpu_seconds,
            "memory_bytes": memory_bytes,
            "off": sorted(self.off),
            "required": getattr(self, "_required", []),
        }
        channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno(), *descriptors])
            channel.settimeout(REPLY_TIMEOUT)
            message, received, _, _ = socket.recv_fds(channel, 4096, 2)
            if not message:
                raise SandboxCrashed("The sandbox server ended while it started a run.")
        except (OSError, SandboxCrashed) as error:
            channel.close()
            raise SandboxCrashed("The sandbox server does not answer.", hint=self._said() or "Run it again.") from error
        except BaseException:
            channel.close()
            raise
        said = json.loads(message)
        return Child(process=said["process"], pidfd=received[0], statm=received[1], base=said["base"], channel=channel)

    def _probe(self) -> SandboxReport:
        """Let a locked child try what must not work, and describe the protection by what happened."""
        # The address of a socket has at most 107 bytes; the folder of a job may lie deeper than that.
        place = "/tmp" if len(tempfile.gettempdir()) > 60 else None  # noqa: S108 - the folder in it is ours alone
        folder = Path(tempfile.mkdtemp(prefix="outsample-probe-", dir=place))
        (folder / "read").write_text("x", encoding="ascii")
        folder.chmod(0o777)  # only the sandbox may be what stops the child
        with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(folder / "socket"))
            unix.listen()
            (folder / "socket").chmod(0o777)
            targets = {
                "read": str(folder / "read"),
                "write": str(folder / "write"),
                "port": port.getsockname()[1],
                "unix": str(folder / "socket"),
                "parent": self.process,
            }
            try:
                lines = self._ask({"mode": "probe", "targets": targets})
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return describe(lines)

    def _ask(self, request: Mapping[str, object]) -> list[Mapping[str, Mapping[str, object]]]:
        paper = memory_file("outsample-request", [json.dumps(request).encode()])
        reader, writer = os.pipe()
        try:
            child = self.start(descriptors=[paper, paper, writer, writer], cpu_seconds=10, memory_bytes=256 << 20)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(paper)
        try:
            child.channel.settimeout(PROBE_TIMEOUT)
            child.channel.recv(4096)  # it has ended; what it wrote fits into the pipe
        except TimeoutError:
            child.kill()
        finally:
            child.close()
        with os.fdopen(reader, "rb") as stream:
            text = stream.read()
        return [json.loads(line) for line in text.splitlines() if line.startswith(b"{")]

    def close(self) -> None:
        """End the server and all its children; more than once is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._spawned.close()

    def forget(self) -> None:
        """Give up what was inherited through a fork, without ending the other process's server."""
        self._closed = True
        self._spawned.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


_servers: dict[str, ServerProcess] = {}
_lock = threading.Lock()


def get_server(flavour: str = "base") -> ServerProcess:
    """Return the server of this process, started or restarted if need be. Thread-safe."""
    with _lock:
        server = _servers.get(flavour)
        if server is not None and not server.alive:
            server.close()
            server = None
        if server is None:
            server = ServerProcess(flavour)
            _servers[flavour] = server
        return server


def discard_server(server: ServerProcess) -> None:
    """End a server that does not answer, so that the next call of `get_server` starts another."""
    with _lock:
        if _servers.get(server.flavour) is server:
            del _servers[server.flavour]
    server.close()


def close_server() -> None:
    """End the servers of this process; more than once is fine, the next run starts a new one."""
    with _lock:
        servers = list(_servers.values())
        _servers.clear()
    for server in servers:
        server.close()


def _after_fork() -> None:
    # The forked process must neither talk to the parent's server nor keep it alive.
    global _lock  # noqa: PLW0603 - another thread may have held it at the fork
    _lock = threading.Lock()
    for server in _servers.values():
        server.forget()
    _servers.clear()


atexit.register(close_server)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
