"""The life of one child: map the data, lock the door, run the code, answer, end."""

from __future__ import annotations

import io
import json
import mmap
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from outsample.sandbox.confine import Limits, confine
from outsample.sandbox.execute import answer
from outsample.sandbox.linux import die_with_parent
from outsample.sandbox.payload import MappedDataset, open_payload
from outsample.sandbox.probes import probe
from outsample.sandbox.series import Series
from outsample.sandbox.stubs import Notes
from outsample.sandbox.warm import rehearse, rehearse_series

__all__ = ["SESSION_DESCRIPTORS", "Descriptors", "await_request"]

RESULT, COMMANDS = 3, 4
MAXIMUM_REQUEST = 65_536
MAXIMUM_DESCRIPTORS = 8
SESSION_DESCRIPTORS = 5  # one more than a run has
# Seconds without a request after which a child has time for a longer rehearsal.
IDLE = 0.03


@dataclass(frozen=True, kw_only=True)
class Descriptors:
    """What the parent sent along.

    Parameters
    ----------
    request, data : int
        Memory files: what to do (JSON), and the dataset.
    result, output : int
        Pipes: the answers, and captured text.
    commands : int or None
        Pipe of further parameter sets, one JSON object a line; sessions only.
    """

    request: int
    data: int
    result: int
    output: int
    commands: int | None = None


def await_request(channel: int, server: int, notes: Notes, toy: MappedDataset) -> NoReturn:
    """Wait for the one request of this process, do it, and end the process; never returns.

    Parameters
    ----------
    channel : int
        Socket to the server; the request comes with its descriptors.
    server : int
        Process id of the server.
    notes : Notes
        Where the planted stubs write to.
    toy : MappedDataset
        For a rehearsal while nobody waits.
    """
    try:
        die_with_parent(signal.SIGKILL)
        # The control socket of the server first of all: who keeps it could keep the server from seeing
        # that its parent is gone.
        os.dup2(channel, RESULT)
        os.closerange(RESULT + 1, 1 << 20)
        rehearse(toy)
        with socket.socket(fileno=RESULT) as waiting:
            if not select.select([waiting], [], [], IDLE)[0]:
                rehearse_series(toy)
            message, received, _, _ = socket.recv_fds(waiting, MAXIMUM_REQUEST, MAXIMUM_DESCRIPTORS)
        if message:
            names = ("request", "data", "result", "output", "commands")
            descriptors = Descriptors(**dict(zip(names, received, strict=False)))
            _run(json.loads(message), descriptors, server, notes)
            os._exit(0)
    finally:
        os._exit(1)


def _run(message: Mapping[str, Any], descriptors: Descriptors, server: int, notes: Notes) -> None:
    limits = Limits(
        cpu_seconds=message["cpu_seconds"],
        memory_bytes=message["memory_bytes"],
        off=frozenset(message["off"]),
        required=frozenset(message["required"]),
    )
    request = _read_json(descriptors.request)
    dataset = open_payload(descriptors.data) if request["mode"] != "probe" else None
    _keep_only(descriptors)
    os.environ.clear()
    layers = confine(limits, server)
    if dataset is None:
        probe(request["targets"], layers, RESULT)
    elif request["mode"] == "session":
        _session(request, dataset, notes)
    else:
        _once(request, dataset, notes)


def _read_json(descriptor: int) -> dict[str, Any]:
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE) as memory:
        found: dict[str, Any] = json.loads(memory[:])
        return found


def _keep_only(descriptors: Descriptors) -> None:
    """Bring the pipes to their places and close everything else.

    The mapping of the data holds a duplicate of its descriptor, which is closed here too: it is never unmapped
    before the end.
    """
    # First out of the way of the numbers below.
    result, output = _high(descriptors.result), _high(descriptors.output)
    commands = None if descriptors.commands is None else _high(descriptors.commands)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(result, RESULT)
    last = RESULT
    if commands is not None:
        os.dup2(commands, COMMANDS)
        last = COMMANDS
    # Not closerange(n, n): on CPython 3.11 an empty range closes everything.
    os.closerange(last + 1, 1 << 20)
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    sys.stdout = _text(1)
    sys.stderr = _text(2)


def _high(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 16)


def _text(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors="backslashreplace", line_buffering=True)


def _once(request: Mapping[str, Any], dataset: MappedDataset, notes: Notes) -> None:
    _send(answer(request, request["params"], dataset, notes))
    # Its parent reads what it used, and ends it: sooner than to wait until it has ended and ask who saw it.
    select.poll().poll()


def _session(request: Mapping[str, Any], dataset: MappedDataset, notes: Notes) -> None:
    """Answer one parameter set, or a series of them, after another, each in a new namespace with the seeds reset."""
    series = Series(request, dataset, notes, _send)
    with io.FileIO(COMMANDS, "rb") as raw, io.BufferedReader(raw) as commands:
        for command in commands:
            asked = json.loads(command)
            if isinstance(asked, list):
                series.answer(asked)
            else:
                _send(answer(request, asked, dataset, notes))


def _send(parts: Sequence[bytes | memoryview]) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(RESULT, view) :]
