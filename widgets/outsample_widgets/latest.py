"""A worker that answers the newest question: what was asked before it and has not begun is dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Latest"]

_PAUSE = 0.5


class Latest:
    """One thread, one place in the queue.

    Parameters
    ----------
    work : callable (question, cancel)
        Runs in the thread; `cancel` is set when a newer question waits and this one has had its time.
    patience : float
        Seconds that a question may run on when a newer one has come.
    idle : callable, optional
        Called in the thread when half a second has passed without a question, once after each pause.

    Notes
    -----
    The thread begins with the first question and ends with `close`; it never keeps the interpreter alive.
    """

    def __init__(
        self,
        work: Callable[[object, threading.Event], None],
        *,
        patience: float = 1.0,
        idle: Callable[[], None] | None = None,
    ) -> None:
        self._work = work
        self._idle = idle
        self._patience = patience
        self._waiting: list[object] = []
        self._signal = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._cancel: threading.Event | None = None
        self._began = 0.0

    def put(self, question: object) -> None:
        """Ask; replaces a question that has not begun."""
        with self._signal:
            if self._closed:
                return
            self._waiting = [question]
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="outsample-explore", daemon=True)
                self._thread.start()
            left = self._patience - (time.monotonic() - self._began)
            cancel = self._cancel
            self._signal.notify_all()
        if cancel is not None:
            timer = threading.Timer(max(left, 0.0), cancel.set)
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """Cancel what runs and end the thread; more than once is fine."""
        with self._signal:
            self._closed = True
            if self._cancel is not None:
                self._cancel.set()
            self._signal.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10.0)

    def _loop(self) -> None:
        while (question := self._next()) is not None:
            with self._signal:
                cancel = self._cancel = threading.Event()
                self._began = time.monotonic()
            try:
                self._work(question, cancel)
            finally:
                with self._signal:
                    self._cancel = None

    def _next(self) -> object | None:
        """The newest question; None when closed. A pause is used for what can wait."""
        rested = self._idle is None
        while True:
            with self._signal:
                if not self._waiting and not self._closed:
                    self._signal.wait(None if rested else _PAUSE)
                if self._closed:
                    return None
                if self._waiting:
                    return self._waiting.pop()
            if not rested and self._idle is not None:
                rested = True
                self._idle()
