"""The process of a local supervisor; `outsample.jobs.local` starts it when a job is submitted."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from outsample.archive import Store
from outsample.errors import JobError
from outsample.jobs.local import locked
from outsample.jobs.sources import LocalSource
from outsample.jobs.supervisor import Options, Supervisor, folder_of, worker_name
from outsample.jobs.table import active_jobs
from outsample.settings import load_settings

__all__ = ["main"]

_log = logging.getLogger(__name__)
IDLE_SECONDS = 60.0
# Others hold the lock for a moment, to see whether somebody has it; only a supervisor holds it for so long.
_PATIENCE_SECONDS = 2.0


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[bool]:
    """Give whether this is the one supervisor of the store."""
    began = time.monotonic()
    while True:
        with locked(root) as mine:
            if mine or time.monotonic() - began > _PATIENCE_SECONDS:
                yield mine
                return
        time.sleep(0.02)


@contextlib.contextmanager
def _wake(root: Path) -> Iterator[int]:
    place = root / "wake"
    with contextlib.suppress(FileExistsError):
        os.mkfifo(place, 0o600)
    # Open for both ends: else it would be at its end whenever nobody writes.
    pipe = os.open(place, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield pipe
    finally:
        os.close(pipe)


def _seconds(text: str) -> float:
    """What OUTSAMPLE_JOB_IDLE says; nobody is there to be told that it is no number."""
    try:
        return max(float(text or IDLE_SECONDS), 0.0)
    except ValueError:
        _log.warning("OUTSAMPLE_JOB_IDLE must be a number of seconds. Got %r.", text)
        return IDLE_SECONDS


def main(arguments: list[str]) -> int:
    """Run the supervisor of the store of OUTSAMPLE_STORE.

    Parameters
    ----------
    arguments : list of str
        Perhaps the seconds after which it ends when there is nothing to do.
    """
    logging.basicConfig(level=logging.WARNING)
    idle = _seconds(arguments[0] if arguments else os.environ.get("OUTSAMPLE_JOB_IDLE", ""))
    slots = load_settings().parallel.workers or os.cpu_count() or 1
    with Store.open() as store:
        root = folder_of(store)
        root.mkdir(parents=True, exist_ok=True)
        while True:
            with _alone(root) as mine:
                if not mine:
                    return 0
                os.utime(root / "supervisor.lock", (0, 0))  # it has started: the next one may, once this has ended
                with _wake(root) as pipe:
                    supervisor = Supervisor(
                        store,
                        LocalSource(store, worker_name()),
                        Options(slots=slots, idle_seconds=idle, wake=pipe),
                        store.engine.url.render_as_string(hide_password=False),
                    )
                    try:
                        supervisor.run()
                    except JobError as error:  # children cannot be started
                        _log.error("%s %s", error, error.hint)
                        return 1
            # Whoever submitted while the lock was still held has started no other supervisor.
            if supervisor.stopped or not active_jobs(store, backend="local"):
                return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
