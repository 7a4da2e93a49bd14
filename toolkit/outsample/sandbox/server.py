"""The server process: started clean, warmed once, holds no data, forks one child per run.

It speaks with its parent over one socket of whole messages. A request names what to start and carries
the descriptors that the child needs and a socket for this run. On that socket the server answers twice:
the child's process (a pidfd and its statm file), and, when it has ended, how and what it used. When the
other side of the run's socket is closed, the child is killed; when the control socket is closed,
everything is.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from outsample.sandbox.child import MAXIMUM_DESCRIPTORS, MAXIMUM_REQUEST, SESSION_DESCRIPTORS, await_request
from outsample.sandbox.payload import MappedDataset
from outsample.sandbox.seccomp import program_for
from outsample.sandbox.stubs import Notes, plant_plotting
from outsample.sandbox.warm import warm

__all__ = ["Server", "main"]

# Milliseconds without a message after which a child is forked ahead, if there is none; while a session is at work,
# which needs the cores, and then nobody waits for another child.
PAUSE = 30
SESSION_PAUSE = 250
_PAGE = resource.getpagesize()


@dataclass(frozen=True, kw_only=True)
class _Forked:
    """A child that waits for its request."""

    process: int
    pidfd: int
    statm: int
    base: int
    channel: socket.socket


class Server:
    """Forks children on request and reports how they end.

    Parameters
    ----------
    control : socket
        A connected socket of type SOCK_SEQPACKET.
    notes : Notes
        Where the planted stubs of this process write to.
    toy : MappedDataset
        Small invented data on which children rehearse before they are needed.
    """

    def __init__(self, control: socket.socket, notes: Notes, toy: MappedDataset) -> None:
        self._control = control
        self._notes = notes
        self._toy = toy
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._runs: dict[int, tuple[_Forked, socket.socket]] = {}  # pidfd -> child, socket of the run
        self._sockets: dict[int, int] = {}  # descriptor of the run's socket -> pidfd
        # Forked ahead, so that a run does not wait for the fork; used for one run, like every child.
        self._spare: _Forked | None = self._fork()

    def serve(self) -> None:
        """Serve until the parent closes the control socket, then end every child."""
        while True:
            pause = SESSION_PAUSE if self._runs else PAUSE
            ready = self._poll.poll(None if self._spare else pause)
            if not ready:
                self._spare = self._fork()
            for descriptor, _ in ready:
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
            self._start(message, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _start(self, message: bytes, descriptors: list[int]) -> None:
        run = socket.socket(fileno=os.dup(descriptors[0]))
        child = self._spare or self._fork()
        self._spare = None
        try:
            socket.send_fds(child.channel, [message], descriptors[1:])
            said = json.dumps({"process": child.process, "base": child.base}).encode()
            socket.send_fds(run, [said], [child.pidfd, child.statm])
        except OSError:
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        os.close(child.statm)
        child.channel.close()
        self._runs[child.pidfd] = (child, run)
        self._sockets[run.fileno()] = child.pidfd
        self._poll.register(child.pidfd, select.POLLIN)
        self._poll.register(run, select.POLLIN)
        # A session goes on for a while, and needs the cores: the next child is made in a pause.
        if len(descriptors) < 1 + SESSION_DESCRIPTORS:
            self._spare = self._fork()

    def _fork(self) -> _Forked:
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server, base = os.getpid(), _anonymous_pages()
        process = os.fork()
        if process == 0:
            await_request(theirs.detach(), server, self._notes, self._toy)
        theirs.close()
        pidfd = os.pidfd_open(process)
        statm = os.open(f"/proc/{process}/statm", os.O_RDONLY | os.O_CLOEXEC)
        return _Forked(process=process, pidfd=pidfd, statm=statm, base=base, channel=mine)

    def _reap(self, pidfd: int) -> None:
        child, run = self._runs.pop(pidfd)
        _, status, usage = os.wait4(child.process, 0)
        said: dict[str, float] = {"code": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime}
        # At most this, for pages of data and libraries are in it; asked for if nobody looked in time.
        said["most"] = max(usage.ru_maxrss * 1024 - child.base * _PAGE, _PAGE)
        with contextlib.suppress(OSError):  # nobody may wait for it any more
            run.send(json.dumps(said).encode())
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
        if self._spare is not None:
            signal.pidfd_send_signal(self._spare.pidfd, signal.SIGKILL)
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
    toy = warm(arguments[1])
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
    Server(control, notes, toy).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
