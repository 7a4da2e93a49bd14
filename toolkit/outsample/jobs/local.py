"""The local backend: a supervisor of its own process, started when a job is submitted.

It belongs to the store, not to whoever started it: it outlives a notebook's kernel, serves every process that
submits to the same store, and ends by itself after a minute without a job. One runs at a time: it holds a lock on
``jobs/supervisor.lock``. ``jobs/wake`` is a pipe through which others tell it that there is something to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from outsample.archive import Store
from outsample.jobs.supervisor import folder_of

__all__ = ["ensure_supervisor", "locked", "poke"]

# So long may a supervisor that was started take until it holds the lock.
_START_SECONDS = 30.0
_LOCK = "supervisor.lock"


def poke(store: Store) -> None:
    """Tell the supervisor of a store that there is something to do; without one nothing happens."""
    with contextlib.suppress(OSError):
        pipe = os.open(folder_of(store) / "wake", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, b".")
        finally:
            os.close(pipe)


def ensure_supervisor(store: Store, url: str) -> None:
    """Start the supervisor of a store if there is none.

    Parameters
    ----------
    store : Store
    url : str
        Address of the store as the supervisor opens it.
    """
    root = folder_of(store)
    root.mkdir(parents=True, exist_ok=True)
    poke(store)
    with locked(root) as mine:
        if not mine or time.time() - (root / _LOCK).stat().st_mtime < _START_SECONDS:
            return
        os.utime(root / _LOCK)
    with (root / "log.txt").open("ab") as log:
        # Through a shell that ends at once: it is nobody's child and leaves no zombie in a notebook's kernel.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-m", "outsample.jobs.supervise"],
            env={**os.environ, "OUTSAMPLE_STORE": url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )


@contextlib.contextmanager
def locked(root: Path) -> Iterator[bool]:
    """Give whether the lock of the supervisor was free; it is held inside the block."""
    place = root / _LOCK
    if not place.exists():
        place.touch()
        os.utime(place, (0, 0))
    with place.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
