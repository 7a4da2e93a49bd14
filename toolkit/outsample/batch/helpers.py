"""Simulation and metrics of a batch in processes of their own, where one process would be too little.

The strategies of a batch run in sandboxes, but what follows, some 20 ms of a hundred small operations, holds the
lock of the interpreter: with one process, two strategies are never measured at the same time. A helper takes over
that step for one strategy after another. It gets the same request and the same positions, and evaluation is a
function of the two, so that no number depends on whether a helper was there. A helper that is missing or has ended
is no error: the strategy is evaluated here. So is one whose evaluation failed there, for a helper does not have all
that this process may have, say an engine from a folder of `sys.path`.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

from outsample import pipeline
from outsample.batch.helper import Asked, pack, read_message, unpack, write_message
from outsample.data import Dataset
from outsample.engine.market import market_of
from outsample.model import ExecutionResult
from outsample.pipeline import Outcome
from outsample.request import Request

__all__ = ["Helper", "HelperGone", "Helpers", "SharedEvaluation", "close_helpers"]

# A dataset larger than this stays in one process.
LARGEST_DATA = 256 << 20
# A helper takes about a second to start: it has to have this much to do.
WORTH_SECONDS = 2.0


class HelperGone(Exception):
    """A helper has ended."""


class Helper:
    """A process that evaluates; one thread at a time may use it.

    Parameters
    ----------
    idle : float, optional
        Seconds without work after which it ends by itself.
    """

    def __init__(self, idle: float | None = None) -> None:
        # Our packages and not what lies in the current folder; ours first, for there may be another outsample.
        packages = dict.fromkeys(
            str(Path(sys.modules[name].__path__[0]).parent) for name in ("outsample", "pandas", "numpy")
        )
        given = () if idle is None else (str(idle),)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-s", "-P", "-m", "outsample.batch.helper", *given],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C in a terminal is for the batch
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asks, self._answers = self._process.stdin, self._process.stdout
        self._ready = False
        self._data: weakref.ref[Dataset] | None = None

    @property
    def process(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has started and can be asked at once."""
        if not self._ready and self.alive:
            waiting = select.poll()
            waiting.register(self._answers, select.POLLIN)
            if waiting.poll(0):
                with contextlib.suppress(EOFError, OSError):
                    self._ready = bytes(read_message(self._answers.fileno())) == b"ready"
        return self._ready and self.alive

    def evaluate(self, request: Request, execution: ExecutionResult) -> Outcome | None:
        """Return what `outsample.pipeline.evaluate` returns; None where it raises an error in the helper.

        Raises
        ------
        HelperGone
            The helper has ended.
        """
        try:
            self._send_data(request.data)
            self._send(b"e", pack(Asked(request=request, execution=execution), {"data": request.data}))
            text = read_message(self._answers.fileno())
        except (OSError, EOFError) as error:
            raise HelperGone(str(error)) from error
        known = {"data": request.data, "request": request, "execution": execution}

        def named(name: str) -> object:
            return market_of(request.data) if name == "market" else known[name]

        outcome: Outcome | None = unpack(text, named)
        return outcome

    def _send_data(self, data: Dataset) -> None:
        if self._data is None or self._data() is not data:
            self._data = None
            self._send(b"d", pack(data, {}))
            self._data = weakref.ref(data)

    def _send(self, kind: bytes, text: bytes) -> None:
        os.write(self._asks.fileno(), kind)
        write_message(self._asks.fileno(), text)

    def close(self) -> None:
        """End it; more than once is fine."""
        self._process.kill()
        self._process.wait()
        self._asks.close()
        self._answers.close()

    def forget(self) -> None:
        """Give up what was inherited through a fork."""
        self._process.returncode = 0  # not our child: nothing to wait for
        self._asks.close()
        self._answers.close()


class Helpers:
    """The helpers of this process: those that wait for work, and those that start. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Helper] = []
        self._busy: set[int] = set()

    def borrow(self) -> Helper | None:
        """Return a helper that is ready and free, or None."""
        with self._lock:
            self._bury()
            for helper in self._all:
                if helper.process not in self._busy and helper.ready:
                    self._busy.add(helper.process)
                    return helper
        return None

    def give_back(self, helper: Helper, *, usable: bool) -> None:
        """Let others use a helper, or end it."""
        with self._lock:
            self._busy.discard(helper.process)
            if not usable and helper in self._all:
                self._all.remove(helper)
        if not usable:
            helper.close()

    def want(self, count: int) -> None:
        """Start what is missing; does not wait for it."""
        with self._lock:
            self._bury()
            while len(self._all) < count:
                self._all.append(Helper())

    def close(self) -> None:
        """End every helper; more than once is fine."""
        with self._lock:
            found, self._all = self._all, []
            self._busy.clear()
        for helper in found:
            helper.close()

    def forget(self) -> None:
        """In a forked process: leave the helpers to the one that started them."""
        self._lock = threading.Lock()
        for helper in self._all:
            helper.forget()
        self._all = []
        self._busy = set()

    def _bury(self) -> None:
        for helper in [item for item in self._all if not item.alive and item.process not in self._busy]:
            self._all.remove(helper)
            helper.close()


_helpers = Helpers()


def close_helpers() -> None:
    """End the helpers of this process; more than once is fine, the next large batch starts new ones."""
    _helpers.close()


@dataclasses.dataclass(kw_only=True)
class SharedEvaluation:
    """`outsample.pipeline.evaluate`, by a helper where one is free and here otherwise.

    Parameters
    ----------
    total : int
        Strategies of the batch.
    count : int
        Helpers at most.
    helpers : Helpers, optional
        Those of this process unless others are given.
    """

    total: int
    count: int
    helpers: Helpers = dataclasses.field(default_factory=lambda: _helpers)
    _here: int = 0
    _away: int = 0
    _seconds: float = 0.0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def __call__(self, request: Request, execution: ExecutionResult) -> Outcome:
        """Evaluate one strategy; arguments, result and errors are those of `outsample.pipeline.evaluate`."""
        outcome = self._away_from_here(request, execution)
        if outcome is not None:
            return outcome
        began = time.thread_time()
        outcome = pipeline.evaluate(request, execution)
        self._count(request.data, time.thread_time() - began)
        return outcome

    def _away_from_here(self, request: Request, execution: ExecutionResult) -> Outcome | None:
        """Return the outcome of a helper; None where there is none that could say it."""
        helper = self.helpers.borrow()
        if helper is None:
            return None
        usable = False
        try:
            outcome = helper.evaluate(request, execution)
            usable = True
        except HelperGone:
            return None
        finally:
            self.helpers.give_back(helper, usable=usable)
        if outcome is not None:
            with self._lock:
                self._away += 1
        return outcome

    def _count(self, data: Dataset, seconds: float) -> None:
        """Start helpers once what is left would take longer than their start."""
        with self._lock:
            self._here += 1
            self._seconds += seconds
            left = self.total - self._here - self._away
            expected = left * self._seconds / self._here
            wanted = self._here > 1 and expected > WORTH_SECONDS and _size(data) <= LARGEST_DATA
        if wanted:
            self.helpers.want(self.count)


def _size(data: Dataset) -> int:
    """Bytes of the frames, roughly."""
    return 8 * len(data.dates) * len(data.symbols) * len(data.keys())


def _after_fork() -> None:
    _helpers.forget()


atexit.register(close_helpers)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
