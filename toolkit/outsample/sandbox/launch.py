"""Start a confined child for a request and follow it: the way of Linux."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import Self

from outsample.config import SandboxPolicy
from outsample.errors import SandboxCrashed
from outsample.model import ExecutionResult, Status
from outsample.sandbox.client import Child, ServerProcess, discard_server, get_server
from outsample.sandbox.outcome import Bounds
from outsample.sandbox.payload import Payload, dataset_payload, memory_file
from outsample.sandbox.report import satisfies
from outsample.sandbox.request import RunRequest, cpu_limit, flavour, request_json
from outsample.sandbox.results import finish, refusal
from outsample.sandbox.watch import Watch

__all__ = ["Launched", "bounds_of", "choose_server", "execute_confined", "launch"]

_SLACK = 64 << 20
_PIPE = 1 << 20
_DAY = 86_400


class Launched:
    """A child at work, with the parent's ends of its pipes; closing it ends the child.

    Parameters
    ----------
    request : RunRequest
    server : ServerProcess
    mode : {"run", "session"}
        A session has a command pipe too.
    """

    def __init__(self, request: RunRequest, server: ServerProcess, mode: str) -> None:
        payload = dataset_payload(request.data)
        self.bounds = bounds_of(request.policy, payload)
        limit = cpu_limit(request.policy)
        self._open = [memory_file("outsample-request", [request_json(request, mode)])]
        try:
            self.result, theirs_result = self._pipe()
            self.output, theirs_output = self._pipe()
            ends = [theirs_result, theirs_output]
            self.commands, self.room = -1, 0
            if mode == "session":
                theirs_commands, self.commands = self._pipe()
                self.room = fcntl.fcntl(self.commands, fcntl.F_GETPIPE_SZ)
                ends.append(theirs_commands)
            self.child: Child = server.start(
                descriptors=[self._open[0], payload.descriptor, *ends],
                cpu_seconds=_DAY if mode == "session" and request.policy.cpu_seconds is None else limit,
                memory_bytes=self.bounds.memory_bytes,
            )
        except BaseException:
            self._close_open()
            raise
        # Only the child may hold its ends: their closing is how its end is seen.
        for end in ends:
            os.close(end)
            self._open.remove(end)

    def _pipe(self) -> tuple[int, int]:
        reader, writer = os.pipe()
        self._open += [reader, writer]
        with contextlib.suppress(OSError):  # the user's pipes are at their limit: slower, nothing else
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE)
        return reader, writer

    def _close_open(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open = []

    def close(self) -> None:
        """End the child and close everything; more than once is fine."""
        if self._open:
            self.child.close()
            self._close_open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def bounds_of(policy: SandboxPolicy, payload: Payload) -> Bounds:
    """Return the limits of one run; the answer may hold every cell of the data twice."""
    return Bounds(
        timeout=policy.timeout,
        memory_bytes=policy.memory_mb << 20,
        output_bytes=policy.output_kb << 10,
        result_bytes=_SLACK + 16 * payload.cells,
    )


def choose_server(request: RunRequest) -> ServerProcess:
    """Return the server that a request names, or the one of this process."""
    if isinstance(request.server, ServerProcess):
        return request.server
    return get_server(flavour("\n".join((request.source, *request.modules.values()))))


def launch(request: RunRequest, server: ServerProcess, mode: str) -> tuple[Launched, ServerProcess]:
    """Start a child; a server that has just died is replaced once, before anything has run.

    Raises
    ------
    SandboxCrashed
        The new server does not answer either, or the request names a server of its own.
    """
    try:
        return Launched(request, server, mode), server
    except SandboxCrashed:
        if request.server is not None:
            raise
    discard_server(server)
    server = choose_server(request)
    return Launched(request, server, mode), server


def execute_confined(request: RunRequest) -> ExecutionResult:
    """Run a request in a confined child; see `outsample.sandbox.run_sandboxed`."""
    try:
        server = choose_server(request)
        if not satisfies(server.report.level, request.policy.require):
            return refusal(request.policy, server.report)
        launched, server = launch(request, server, "run")
        with launched:
            watch = Watch(launched.child, launched.result, launched.output, launched.bounds, request.cancel)
            outcome = watch.to_the_end()
    except SandboxCrashed as error:
        return ExecutionResult(status=Status.CRASHED, error=error.message, hint=error.hint)
    return finish(outcome, request.policy, server.report)
