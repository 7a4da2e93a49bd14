"""What a run may use, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from outsample.sandbox.wire import Message

__all__ = ["Bounds", "Outcome"]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a watched child may use.

    Parameters
    ----------
    timeout : float
        Wall-clock seconds.
    memory_bytes : int
        Anonymous memory above the value at its start.
    output_bytes : int
        Captured text that is kept.
    result_bytes : int
        Largest answer.
    """

    timeout: float
    memory_bytes: int
    output_bytes: int
    result_bytes: int


@dataclass(kw_only=True)
class Outcome:
    """What was seen.

    Parameters
    ----------
    stopped : str
        Why the watch ended it: "timeout", "memory", "output_limit", "result_invalid", "cancelled" or "".
    message : Message or None
        The answer, unchecked.
    reason : str
        Text of a refused answer.
    output : bytearray
        First part of the captured text.
    output_bytes : int
        All of it.
    peak_bytes : int
        Highest anonymous memory above the start; of a child that ended before the first look, an upper
        bound: with the data and libraries that it had mapped.
    code : int or None
        Exit code, negative for a signal; None when the server vanished.
    cpu_seconds, wall_seconds : float
    """

    stopped: str = ""
    message: Message | None = None
    reason: str = ""
    output: bytearray = field(default_factory=bytearray)
    output_bytes: int = 0
    peak_bytes: int = 0
    code: int | None = None
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
