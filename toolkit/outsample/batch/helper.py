"""The process behind a `Helper`: simulates and measures what it is sent, and ends when nobody needs it.

It is a process of this program with the rights of the user, as the one that started it; no code of a strategy
comes here. A message is its length and a pickle. Datasets travel once and stand in messages by their place
holder; so do the parts of an answer that the other side has already.
"""

from __future__ import annotations

import io
import os
import pickle
import select
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["IDLE_SECONDS", "Asked", "main", "pack", "read_message", "unpack", "write_message"]

# So long a helper waits for work before it gives its memory back.
IDLE_SECONDS = 120.0
_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One evaluation.

    Parameters
    ----------
    request : Request
    execution : ExecutionResult
    """

    request: Any
    execution: Any


class _Pickler(pickle.Pickler):
    """Names objects that the other side has, instead of writing them out."""

    def __init__(self, buffer: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(buffer, protocol=5)
        self._names = names

    def persistent_id(self, obj: object) -> str | None:
        return self._names.get(id(obj))


class _Unpickler(pickle.Unpickler):
    def __init__(self, text: bytes | bytearray, known: Callable[[str], object]) -> None:
        super().__init__(io.BytesIO(text))
        self._known = known

    def persistent_load(self, pid: str) -> object:
        return self._known(pid)


def pack(value: object, known: Mapping[str, object]) -> bytes:
    """Return the pickle of a value in which the objects of `known` are named and not written out."""
    buffer = io.BytesIO()
    _Pickler(buffer, {id(item): name for name, item in known.items()}).dump(value)
    return buffer.getvalue()


def unpack(text: bytes | bytearray, known: Callable[[str], object]) -> Any:  # noqa: ANN401 - whatever was packed
    """Return the value of a pickle of `pack`, from our own process; `known` gives an object for its name."""
    return _Unpickler(text, known).load()


def write_message(descriptor: int, text: bytes) -> None:
    """Write one message to a pipe."""
    for piece in (_LENGTH.pack(len(text)), text):
        view = memoryview(piece)
        while view:
            view = view[os.write(descriptor, view) :]


def read_message(descriptor: int) -> bytearray:
    """Read one message from a pipe.

    Raises
    ------
    EOFError
        The other side has ended.
    """
    return _exactly(descriptor, _LENGTH.unpack(_exactly(descriptor, _LENGTH.size))[0])


def _exactly(descriptor: int, size: int) -> bytearray:
    text = bytearray(size)
    view = memoryview(text)
    while view:
        count = os.readv(descriptor, [view])
        if not count:
            raise EOFError("The other side of the pipe has ended.")
        view = view[count:]
    return text


def main(idle: float = IDLE_SECONDS) -> None:
    """Answer until the pipe is closed or nothing has come for a while: ``python -m outsample.batch.helper``."""
    # What a library prints must not stand between two messages.
    answers = os.dup(1)
    os.dup2(2, 1)
    _warm()
    write_message(answers, b"ready")
    held: dict[str, object] = {}
    while select.select([0], [], [], idle)[0]:
        try:
            kind, text = chr(os.read(0, 1)[0]), read_message(0)
        except (EOFError, IndexError):
            return
        if kind == "d":
            held = {"data": unpack(text, held.__getitem__)}
        else:
            write_message(answers, _answer(unpack(text, held.__getitem__), held))


def _warm() -> None:
    """Load what an evaluation needs before the word that all is ready: the first one would wait for it."""
    from outsample import pipeline  # noqa: F401 - for its own sake
    from outsample.data import load
    from outsample.engine import sim
    from outsample.metrics import measure

    data = load("synthetic:2x60")
    simulation = sim(data.frame("close").notna(), data)
    measure(simulation, benchmark=simulation.returns)


def _answer(asked: Asked, held: Mapping[str, object]) -> bytes:
    """Return an outcome, or None where it is an error: the one who asked evaluates again and meets it himself."""
    from outsample.engine.market import market_of
    from outsample.pipeline import evaluate

    try:
        found = evaluate(asked.request, asked.execution)
    except Exception:  # noqa: BLE001 - it may be of this process alone, which has other paths than the one who asked
        found = None
    known = {**held, "request": asked.request, "execution": asked.execution, "market": market_of(held["data"])}
    return pack(found, known)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
