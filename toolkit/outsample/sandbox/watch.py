"""Watch one child from outside: collect what it writes, hold it to its limits, end it."""

from __future__ import annotations

import json
import os
import resource
import select
import threading
import time

from outsample.errors import ResultInvalid
from outsample.sandbox.client import Child
from outsample.sandbox.outcome import Bounds, Outcome
from outsample.sandbox.wire import MessageReader

__all__ = ["Watch"]

TICK = 0.01
EXIT_WAIT = 5.0
PIECE = 1 << 20
OUTPUT_LIMIT = 64 << 20
_PAGE = resource.getpagesize()


class Watch:
    """Follows one child to its end, or one answer of a session.

    Parameters
    ----------
    child : Child
    result, output : int
        Reading ends of its pipes.
    bounds : Bounds
    cancel : threading.Event, optional
        Set by somebody else to end the run.
    """

    def __init__(
        self, child: Child, result: int, output: int, bounds: Bounds, cancel: threading.Event | None = None
    ) -> None:
        self._child = child
        self._result = result
        self._output = output
        self._bounds = bounds
        self._cancel = cancel
        self._outcome = Outcome()
        self._since = time.monotonic(), 0.0
        self._reader = MessageReader(bounds.result_bytes)
        self._open = {result, output, child.channel.fileno()}
        self._poll = select.poll()
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)

    def begin(self) -> None:
        """Say that the child was asked for something: its time counts from here, and then from answer to answer."""
        self._since = time.monotonic(), _cpu_seconds(self._child.process)

    def one_answer(self, cancel: threading.Event | None = None) -> Outcome:
        """Wait for one answer of a session; the child lives on unless it was stopped."""
        return self._next(cancel, b"")

    def next_answer(self, cancel: threading.Event | None = None) -> Outcome:
        """Wait for the next of several answers: what was read with the one before belongs to this one."""
        return self._next(cancel, self._reader.rest)

    def _next(self, cancel: threading.Event | None, rest: bytes | bytearray) -> Outcome:
        self._cancel = cancel
        self._outcome = Outcome()
        self._reader = MessageReader(self._bounds.result_bytes, rest)
        if rest:
            self._feed(b"")
        started, cpu = self._since
        self._follow(time.monotonic() + self._bounds.timeout)
        if self._outcome.message is not None:
            self.begin()
            self._outcome.cpu_seconds = max(self._since[1] - cpu, 0.0)
        self._outcome.wall_seconds = time.monotonic() - started
        if self._outcome.message is not None:
            self._drain_output()
        else:
            self._child.kill()
            self._drain_output()
            self._wait_exit()
        return self._outcome

    def to_the_end(self) -> Outcome:
        """Wait until the child has answered and ended, or end it."""
        started = time.monotonic()
        self._follow(started + self._bounds.timeout)
        self._outcome.wall_seconds = time.monotonic() - started
        if self._outcome.message is not None:
            self._outcome.cpu_seconds = _cpu_seconds(self._child.process)
        # Also after an answer: nothing that a strategy left running outlives it.
        self._child.kill()
        self._drain_output()
        if self._outcome.message is None or not (self._outcome.cpu_seconds and self._outcome.peak_bytes):
            self._wait_exit()
        return self._outcome

    def _follow(self, deadline: float) -> None:
        outcome = self._outcome
        while not outcome.stopped and outcome.message is None and self._child.channel.fileno() in self._open:
            wait = min(TICK, max(deadline - time.monotonic(), 0.0))
            for descriptor, _ in self._poll.poll(wait * 1000.0):
                self._ready(descriptor)
            self._measure()
            if time.monotonic() >= deadline:
                outcome.stopped = outcome.stopped or "timeout"
            elif self._cancel is not None and self._cancel.is_set():
                outcome.stopped = outcome.stopped or "cancelled"
        if outcome.message is None and not outcome.stopped:
            self._last_words()

    def _ready(self, descriptor: int) -> None:
        if descriptor == self._child.channel.fileno():
            self._exited()
        elif descriptor == self._output:
            self._text()
        elif descriptor == self._result:
            self._answer()

    def _text(self) -> bool:
        piece = os.read(self._output, PIECE)
        if not piece:
            self._drop(self._output)
            return False
        outcome = self._outcome
        outcome.output += piece[: max(self._bounds.output_bytes - len(outcome.output), 0)]
        outcome.output_bytes += len(piece)
        if outcome.output_bytes > OUTPUT_LIMIT:
            outcome.stopped = outcome.stopped or "output_limit"
        return True

    def _answer(self) -> bool:
        piece = os.read(self._result, PIECE)
        if not piece:
            self._drop(self._result)
            return False
        return self._feed(piece)

    def _feed(self, piece: bytes) -> bool:
        """Add what was read to the answer; False once there is no more to read."""
        try:
            self._outcome.message = self._reader.feed(piece)
        except ResultInvalid as error:
            self._outcome.stopped, self._outcome.reason = "result_invalid", str(error)
            return False
        return self._outcome.message is None

    def _exited(self) -> None:
        try:
            said = json.loads(self._child.channel.recv(4096) or b"{}")
        except OSError:
            said = {}
        self._outcome.code = said.get("code")
        self._outcome.cpu_seconds = float(said.get("cpu", 0.0))
        self._outcome.peak_bytes = self._outcome.peak_bytes or int(said.get("most", 0))
        self._drop(self._child.channel.fileno())

    def _last_words(self) -> None:
        """Read what is still in the pipe of a child that has ended; nobody else holds its other end."""
        while self._waiting(self._result) and self._answer():
            continue

    def _drain_output(self) -> None:
        while not self._outcome.stopped and self._waiting(self._output) and self._text():
            continue

    def _waiting(self, descriptor: int) -> bool:
        if descriptor not in self._open:
            return False
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def _measure(self) -> None:
        try:
            fields = os.pread(self._child.statm, 128, 0).split()
        except OSError:
            return  # it has ended
        if len(fields) < 3:
            return
        # Anonymous memory: resident without what is shared, which counts the mapped data too.
        used = (int(fields[1]) - int(fields[2]) - self._child.base) * _PAGE
        outcome = self._outcome
        outcome.peak_bytes = max(outcome.peak_bytes, used)
        if used > self._bounds.memory_bytes:
            outcome.stopped = outcome.stopped or "memory"

    def _wait_exit(self) -> None:
        """Wait for the server's word on a child that was killed or has ended."""
        deadline = time.monotonic() + EXIT_WAIT
        while self._child.channel.fileno() in self._open and time.monotonic() < deadline:
            for descriptor, _ in self._poll.poll(100.0):
                if descriptor == self._child.channel.fileno():
                    self._exited()
                else:
                    self._drop(descriptor)  # written after the end was decided: not read

    def _drop(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            self._poll.unregister(descriptor)


def _cpu_seconds(process: int) -> float:
    """CPU time of a process, or 0 if it is gone.

    The clock of another process is CPUCLOCK_SCHED (2) of its id, as clock_getcpuclockid(3) composes it.
    """
    try:
        return time.clock_gettime((~process << 3) | 2)
    except OSError:
        return 0.0
