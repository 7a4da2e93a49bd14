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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from outsample.errors import JobError, OutsampleError, StoreError
from outsample.jobs.children import Child
from outsample.jobs.sources import Source
from outsample.jobs.states import FINAL, Ending, finish, give_back, heartbeat, note_peak, reap
from outsample.jobs.table import asked_to_cancel, find_job
from outsample.store import Store
from outsample.store.files import write_text
from outsample.store.retention import retain

__all__ = ["Options", "Supervisor", "folder_of", "healthy", "worker_name"]

_log = logging.getLogger(__name__)
HEARTBEAT, WATCH, REAP, KEEP, RETAIN = 5.0, 0.2, 1.0, 3.0, 600.0
# Retention does not come before the jobs that a supervisor was started for.
FIRST_RETAIN = 30.0
# A child that does not say within so many seconds that it is ready is ended; so many in a row are enough. On a new
# machine the first one compiles the kernels, for minutes if others keep the processors busy.
START_SECONDS, STARTS = 600.0, 5
# Results that retention removes at once; while jobs run their leases must not wait for it.
_MANY, _FEW = 500, 20
# What `Options.on_end` is told of a job.
_TOLD = (
    *("job_id", "kind", "name", "status", "attempt", "created_by", "error_category", "error_message"),
    *("result_key", "result_path", "wall_seconds", "peak_memory_mb"),
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a supervisor works.

    Parameters
    ----------
    slots : int
        Jobs at once.
    idle_seconds : float or None
        It ends after so long without a job; None: never. However short that is, it looks for one first.
    wake : int or None
        Descriptor that becomes readable when there may be something to do.
    on_end : callable, optional
        Called with what is known of each job that ended here; it must return at once.
    """

    slots: int = 1
    idle_seconds: float | None = None
    wake: int | None = None
    on_end: Callable[[Mapping[str, Any]], None] | None = None


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
        self._next = dict.fromkeys(("heartbeat", "watch", "reap", "keep"), 0.0)
        self._next["retain"] = time.monotonic() + FIRST_RETAIN
        self._busy, self._nothing = time.monotonic(), False
        self._failed_starts, self._hold = 0, 0.0
        self._root = folder_of(store)
        self._health = self._root / "workers" / f"{worker_name()}.json"

    def run(self) -> None:
        """Work until the end; jobs that run then are given back.

        Raises
        ------
        JobError
            Child processes cannot be started here.
        """
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
            self._wait(pipe)
        except StoreError as error:
            # The store may be away for a while; leases decide what becomes of the jobs.
            _log.warning("%s", error)
            time.sleep(0.5)

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
                self._nothing = held is None
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
        readable, _, _ = select.select(watched, [], [], pause)
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
        if claim is not None and child.claim is None:
            self._tell(claim.job_id)

    def _clear(self) -> None:
        """Take note of children that ended, or never began."""
        for child in list(self._children):
            if child.alive and not child.late(START_SECONDS):
                continue
            if child.alive:
                self._not_started(child, f"it was not ready after {START_SECONDS:.0f} s")
                continue
            self._listen(child)
            how = _how(child.process.returncode)
            if child.claim is not None:
                self._close(child, "killed", f"The process of this job ended: {how}.")
            elif child.ready:
                self._drop(child)
            else:
                self._not_started(child, how)

    def _not_started(self, child: Child, how: str) -> None:
        # Whatever keeps children from starting is not mended by starting them faster.
        self._failed_starts += 1
        self._hold = time.monotonic() + min(2.0**self._failed_starts, 30.0)
        log = self._root / "log.txt"
        _log.warning("A child process did not start: %s. See %s.", how, log)
        self._drop(child)
        if self._failed_starts >= STARTS:
            raise JobError(f"No child process can be started here: {how}.", hint=f"The reason is in {log}.")

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
            with contextlib.suppress(OSError):  # a worker that cannot say so is not healthy
                write_text(self._health, json.dumps({"pid": os.getpid(), "backend": self._source.backend}))
        if self._due("reap", REAP):
            for job_id in reap(self._store):
                self._tell(job_id)
        if self._due("keep", KEEP):
            self._source.keep()
        if self._due("retain", RETAIN):
            self._retain()

    def _retain(self) -> None:
        """Remove what the setting `store.retention_days` says is old; without it nothing."""
        try:
            done = retain(self._store, most=_FEW if self._working() else _MANY)
        except (OutsampleError, OSError) as error:
            _log.warning("Retention: %s", error)
            return
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
        ending = Ending(status=status, error_category=category, error_message=message, usage=usage)
        if finish(self._store, claim, ending):
            self._tell(claim.job_id)

    def _tell(self, job_id: str) -> None:
        """Pass on how a job ended; a job that is to be tried again has not."""
        if self._options.on_end is None:
            return
        with contextlib.suppress(OutsampleError):
            row = find_job(self._store, job_id)
            if row["status"] in FINAL:
                self._options.on_end({name: row[name] for name in _TOLD})

    def _drop(self, child: Child) -> None:
        child.kill()
        self._children.remove(child)

    def _idle(self) -> bool:
        limit = self._options.idle_seconds
        # A child that starts may take longer than that; only who has asked for a job knows that there is none.
        return limit is not None and self._nothing and not self._working() and time.monotonic() - self._busy > limit

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
