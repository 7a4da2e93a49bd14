"""The server process: started clean, warmed once, holds no data, forks one child per run.

It speaks with its parent over one socket of whole messages. A request names what to start and carries
the descriptors that the child needs and a socket for this run. On that socket the server answers twice:
the child's process (a pidfd and its statm file), and, when it has ended, how and what it used. When the
other side of the run's socket is closed, the child is killed; when the control socket is closed,
everything is.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from outsample.sandbox.child import Descriptors, run_child
from outsample.sandbox.confine import Limits
from outsample.sandbox.seccomp import program_for
from outsample.sandbox.stubs import Notes, plant_plotting
from outsample.sandbox.warm import warm

__all__ = ["Server", "main"]

MAXIMUM_REQUEST = 65_536
MAXIMUM_DESCRIPTORS = 8


class Server:
    """Forks children on request and reports how they end.

    Parameters
    ----------
    control : socket
        A connected socket of type SOCK_SEQPACKET.
    notes : Notes
        Where the planted stubs of this process write to.
    """

    def __init__(self, control: socket.socket, notes: Notes) -> None:
        self._control = control
        self._notes = notes
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._runs: dict[int, tuple[int, socket.socket]] = {}  # pidfd -> process, socket of the run
        self._sockets: dict[int, int] = {}  # descriptor of the run's socket -> pidfd

    def serve(self) -> None:
        """Serve until the parent closes the control socket, then end every child."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    if not self._accept():
                        self._end()
                        return
                elif descriptor in self._runs:
                    self._reap(descriptor)
                elif descriptor in self._sockets:
                    self._abandon(descriptor)

    def _accept(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, MAXIMUM_REQUEST, MAXIMUM_DESCRIPTORS)
        if not message:
            return False
        try:
            self._start(json.loads(message), descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _start(self, request: dict[str, Any], descriptors: list[int]) -> None:
        limits = Limits(
            cpu_seconds=request["cpu_seconds"],
            memory_bytes=request["memory_bytes"],
            off=frozenset(request["off"]),
            required=frozenset(request["required"]),
        )
        run = socket.socket(fileno=os.dup(descriptors[0]))
        base = _anonymous_pages()
        server = os.getpid()
        process = os.fork()
        if process == 0:
            names = ("request", "data", "result", "output", "commands")
            run_child(Descriptors(**dict(zip(names, descriptors[1:], strict=False))), limits, server, self._notes)
        pidfd = os.pidfd_open(process)
        statm = os.open(f"/proc/{process}/statm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            socket.send_fds(run, [json.dumps({"process": process, "base": base}).encode()], [pidfd, statm])
        except OSError:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(statm)
        self._runs[pidfd] = (process, run)
        self._sockets[run.fileno()] = pidfd
        self._poll.register(pidfd, select.POLLIN)
        self._poll.register(run, select.POLLIN)

    def _reap(self, pidfd: int) -> None:
        process, run = self._runs.pop(pidfd)
        _, status, usage = os.wait4(process, 0)
        said = {"code": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime}
        try:
            run.send(json.dumps(said).encode())
        except OSError:
            pass  # nobody waits for it any more
        self._poll.unregister(pidfd)
        if self._sockets.pop(run.fileno(), None) is not None:
            self._poll.unregister(run)
        os.close(pidfd)
        run.close()

    def _abandon(self, descriptor: int) -> None:
        pidfd = self._sockets.pop(descriptor)
        self._poll.unregister(descriptor)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)

    def _end(self) -> None:
        for pidfd in self._runs:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _anonymous_pages() -> int:
    descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fields = os.read(descriptor, 128).split()
    finally:
        os.close(descriptor)
    return int(fields[1]) - int(fields[2])


def main(arguments: list[str]) -> None:
    """Warm up and serve: ``python -m outsample.sandbox.server <descriptor> <flavour>``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    warm(arguments[1])
    notes = Notes()
    plant_plotting(notes)
    program_for(0)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        # A fork copies one thread only; locks held by the others would stay locked in every child.
        raise SystemExit(f"The sandbox server has {threads} threads after its imports; it must have one.")
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"ready": os.getpid()}).encode())
    Server(control, notes).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
