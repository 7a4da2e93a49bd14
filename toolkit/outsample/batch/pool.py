"""Threads that work through a list: results as they come, an orderly end at Ctrl-C."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Pool"]

T = TypeVar("T")
R = TypeVar("R")


class Pool(Generic[T, R]):
    """Work through items with a number of threads.

    Threads, because the work happens in sandbox processes and in kernels that release the lock. Where items
    fail, `work` returns that as a value; what it raises all the same is raised by `run`.

    Parameters
    ----------
    work : callable
        (place, item, stop) -> result. It should end early once `stop` is set.
    threads : int
    """

    def __init__(self, work: Callable[[int, T, threading.Event], R], *, threads: int) -> None:
        self._work = work
        self._threads = threads
        self.stop = threading.Event()

    def run(self, items: Sequence[T], on_done: Callable[[int, R], None]) -> bool:
        """Run all items and return whether none was left out.

        Parameters
        ----------
        items : sequence
        on_done : callable
            Called in the calling thread with place and result, in the order of finishing. It may call
            `stop.set()`: then no further item starts, and what is at work ends early.

        Raises
        ------
        KeyboardInterrupt
            After the threads have ended and `on_done` has seen what they were doing.
        """
        todo = iter(range(len(items)))
        finished: queue.SimpleQueue[tuple[int, R | None, BaseException | None]] = queue.SimpleQueue()
        lock = threading.Lock()

        def loop() -> None:
            while not self.stop.is_set():
                with lock:
                    place = next(todo, None)
                if place is None:
                    return
                try:
                    finished.put((place, self._work(place, items[place], self.stop), None))
                except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
                    finished.put((place, None, error))

        threads = [
            # With the context of the caller: what it bound to its log lines.
            threading.Thread(
                target=contextvars.copy_context().run, args=(loop,), name=f"outsample-batch-{number}", daemon=True
            )
            for number in range(min(self._threads, len(items)))
        ]
        for thread in threads:
            thread.start()
        return self._collect(threads, finished, on_done, len(items))

    def _collect(
        self,
        threads: Sequence[threading.Thread],
        finished: queue.SimpleQueue[tuple[int, R | None, BaseException | None]],
        on_done: Callable[[int, R], None],
        total: int,
    ) -> bool:
        count, interrupted = 0, False
        while True:
            try:
                alive = any(thread.is_alive() for thread in threads)
                try:
                    # A wait without an end could not be interrupted on every system.
                    place, value, error = finished.get(timeout=0.2 if alive else 0.0)
                except queue.Empty:
                    if not alive and finished.empty():
                        break
                    continue
                if error is not None:
                    self.stop.set()
                    raise error
                count += 1
                on_done(place, value)  # type: ignore[arg-type]
            except KeyboardInterrupt:
                self.stop.set()
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        return count == total
