"""The supervisor: takes claims, gives them to children, renews leases, and ends what must end.

One thread and one loop. A local supervisor and a worker of the queue are the same loop with another
source. Whatever happens to it, the table stays true: its children end with it (the kernel sees to that), and
their leases run out.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from outsample.errors import OutsampleError, StoreError
from outsample.jobs.children import Child
from outsample.jobs.sources import Source
from outsample.jobs.states import Ending, finish, give_back, heartbeat, note_peak, reap
from outsample.jobs.table import asked_to_cancel
from outsample.store import Store
from outsample.store.files import write_text
from outsample.store.retention import retain

__all__ = ["Options", "Supervisor", "folder_of", "healthy", "worker_name"]

_log = logging.getLogger(__name__)
HEARTBEAT, WATCH, KEEP, RETAIN = 5.0, 0.2, 3.0, 600.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a supervisor works.

    Parameters
    ----------
    slots : int
        Jobs at once.
    idle_seconds : float or None
        It ends after so long without a job; None: never.
    wake : int or None
        Descriptor that becomes readable when there may be something to do.
    """

    slots: int = 1
    idle_seconds: float | None = None
    wake: int | None = None


def folder_of(store: Store) -> Path:
    """Return the folder of the jobs of a store."""
    return store.folder / "jobs"


def worker_name() -> str:
    """Return the name under which this process claims jobs."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}"


class Supervisor:
    """Runs jobs of a source until it is told to stop, or is idle for long enough.

    Parameters
    ----------
    store : Store
    source : Source
    options : Options
    url : str
        Address of the store, with what a child needs to open it.
    """

    def __init__(self, store: Store, source: Source, options: Options, url: str) -> None:
        self._store, self._source, self._options, self._url = store, source, options, url
        self._children: list[Child] = []
        self._stopping = False
        self._next = dict.fromkeys(("heartbeat", "watch", "keep", "retain"), 0.0)
        self._busy = time.monotonic()
        self._failed_starts, self._hold = 0, 0.0
        self._root = folder_of(store)
        self._health = self._root / "workers" / f"{worker_name()}.json"

    def run(self) -> None:
        """Work until the end; jobs that run then are given back."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._health.parent.mkdir(exist_ok=True)
        _sweep(self._root)
        with (self._root / "log.txt").open("ab") as log, _signals(self.stop) as pipe:
            try:
                while not self._stopping and not self._idle():
                    self._turn(log.fileno(), pipe)
            finally:
                self._end()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    def stop(self) -> None:
        """Take no new job, give the running ones back, and end."""
        self._stopping = True

    # -- one turn of the loop

    def _turn(self, log: int, pipe: int) -> None:
        self._replace(log)
        try:
            self._fill()
            self._tend()
        except StoreError as error:
            # The store may be away for a while; leases decide what becomes of the jobs.
            _log.warning("%s", error)
            time.sleep(0.5)
        self._wait(pipe)

    def _replace(self, log: int) -> None:
        """As many children as are needed: one that waits, and one per job."""
        for child in [child for child in self._children if child.ready and child.worn]:
            self._drop(child)
        busy = sum(child.claim is not None for child in self._children)
        while len(self._children) < min(busy + 1, self._options.slots) and time.monotonic() >= self._hold:
            self._children.append(Child(self._url, self._root, worker_name(), log))

    def _fill(self) -> None:
        for child in self._children:
            if child.ready and not self._stopping:
                held = self._source.next()
                if held is None:
                    return
                self._busy = time.monotonic()
                self._failed_starts = 0
                with contextlib.suppress(OSError):  # it ended just now: `_watch` writes that down
                    child.start(held)

    def _wait(self, pipe: int) -> None:
        working = any(child.claim is not None for child in self._children)
        wake = [] if self._options.wake is None else [self._options.wake]
        # Ids on a queue wake nobody, so they are looked for.
        pause = WATCH if working else (1.0 if wake else 0.1)
        watched: list[int | Child] = [pipe, *wake, *self._children]
        readable, _, _ = select.select(watched, [], [], pause if not wake or working else 1.0)
        for item in readable:
            if isinstance(item, Child):
                self._listen(item)
            else:
                with contextlib.suppress(OSError):
                    os.read(item, 4096)
        self._clear()

    def _listen(self, child: Child) -> None:
        claim, peak = child.claim, child.peak_mb
        child.listen()
        if claim is not None and child.claim is None and peak:
            with contextlib.suppress(StoreError):
                note_peak(self._store, claim, peak)

    def _clear(self) -> None:
        """Take note of children that ended."""
        for child in [child for child in self._children if not child.alive]:
            child.listen()
            if child.claim is not None:
                self._close(child, "killed", f"The process of this job ended: {_how(child.process.returncode)}.")
            else:
                if not child.ready:
                    # Whatever keeps children from starting is not mended by starting them faster.
                    self._failed_starts += 1
                    self._hold = time.monotonic() + min(2.0**self._failed_starts, 30.0)
                    _log.warning("A child did not start: %s. See the log of the jobs.", _how(child.process.returncode))
                self._drop(child)

    def _due(self, what: str, seconds: float) -> bool:
        if time.monotonic() < self._next[what]:
            return False
        self._next[what] = time.monotonic() + seconds
        return True

    def _tend(self) -> None:
        if self._due("watch", WATCH):
            self._watch()
        if self._due("heartbeat", HEARTBEAT):
            for child in self._working():
                if child.claim is not None and not heartbeat(self._store, child.claim):
                    self._drop(child)  # another attempt may be running elsewhere
            write_text(self._health, json.dumps({"pid": os.getpid(), "backend": self._source.backend}))
        if self._due("keep", KEEP):
            reap(self._store)
            self._source.keep()
        if self._due("retain", RETAIN):
            self._retain()

    def _retain(self) -> None:
        """Remove what the setting `store.retention_days` says is old; without it nothing."""
        done = retain(self._store)
        if done is not None and (done.keys or done.jobs):
            _log.info("Retention removed %d results and %d jobs: %d bytes.", len(done.keys), len(done.jobs), done.bytes)

    def _working(self) -> list[Child]:
        return [child for child in self._children if child.claim is not None]

    def _watch(self) -> None:
        working = self._working()
        if not working:
            return
        self._busy = time.monotonic()
        wanted = asked_to_cancel(self._store, [child.claim.job_id for child in working if child.claim is not None])
        for child in working:
            claim = child.claim
            if claim is None:
                continue
            limit = claim.memory_limit_mb
            if claim.job_id in wanted:
                self._close(child, "cancelled", "Cancelled on request.")
            elif child.seconds > claim.timeout:
                self._close(child, "timeout", f"The job took longer than its limit of {claim.timeout} s.")
            elif child.measure(limit):
                self._close(child, "memory", f"The job used {child.peak_mb:.0f} MB; its limit is {limit} MB.")

    def _close(self, child: Child, category: str, message: str) -> None:
        """End a child and write down why its job ended; what it wrote itself before that stands."""
        claim, seconds, peak = child.claim, child.seconds, child.peak_mb
        self._drop(child)
        if claim is None:
            return
        status = "cancelled" if category == "cancelled" else "failed"
        usage = {"wall_seconds": seconds, "peak_memory_mb": peak or None}
        finish(self._store, claim, Ending(status=status, error_category=category, error_message=message, usage=usage))

    def _drop(self, child: Child) -> None:
        child.kill()
        self._children.remove(child)

    def _idle(self) -> bool:
        limit = self._options.idle_seconds
        return limit is not None and time.monotonic() - self._busy > limit

    def _end(self) -> None:
        for child in list(self._children):
            claim = child.claim
            self._drop(child)
            if claim is not None:
                with contextlib.suppress(OutsampleError):
                    give_back(self._store, claim)
        self._health.unlink(missing_ok=True)


@contextlib.contextmanager
def _signals(stop: object) -> Iterator[int]:
    """Call `stop` on SIGTERM and SIGINT, and wake the loop on them and when a child ends."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        assert callable(stop)
        stop()

    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    old = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _sweep(root: Path) -> None:
    """Remove the temporary files of children whose supervisor is gone."""
    host = worker_name().rpartition(":")[0]
    for folder in root.glob("tmp/*"):
        where, _, rest = folder.name.rpartition(":")
        pid = rest.partition("-")[0]
        # Of processes on other machines that share the folder nothing is known here.
        if where == host and pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def healthy(store: Store, *, backend: str = "rq", within: float = 3 * HEARTBEAT) -> bool:
    """Whether a supervisor on this machine has lately said that it works."""
    host = worker_name().rpartition(":")[0]
    for file in (folder_of(store) / "workers").glob(f"{host}:*.json"):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            fresh = time.time() - file.stat().st_mtime < within
        except (OSError, ValueError):
            continue
        if fresh and said["backend"] == backend and psutil.pid_exists(said["pid"]):
            return True
    return False
