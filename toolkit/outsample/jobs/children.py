"""Child processes of a supervisor: started, told a claim, watched, and ended with all they started."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

from outsample.jobs.states import Claim

__all__ = ["Child", "tree_memory_mb"]

# A child that has run so many jobs is replaced, so that nothing piles up in it.
_JOBS = 50
# A thread per library and child would be more than there are cores.
_QUIET = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Child:
    """One child process, in a session of its own, with a temporary folder of its own.

    Parameters
    ----------
    url : str
        Of the store.
    root : Path
        Folder of the jobs; temporary files of the child are below it.
    name : str
        Of the supervisor; the temporary folder begins with it.
    log : int
        Descriptor that its messages go to.
    """

    def __init__(self, url: str, root: Path, name: str, log: int) -> None:
        self.claim: Claim | None = None
        self.ready = False
        self.peak_mb = 0.0
        self.began = time.monotonic()
        self._jobs = 0
        self._buffer = b""
        self._folder = root / "tmp" / f"{name}-{uuid.uuid4().hex[:8]}"
        self._folder.mkdir(parents=True)
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "outsample.jobs.runner", str(os.getpid())],
            env={**os.environ, **_QUIET, "TMPDIR": str(self._folder), "OUTSAMPLE_STORE": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    def fileno(self) -> int:
        """Descriptor on which it answers, for `select`."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def start(self, claim: Claim) -> None:
        """Hand a claim to the child.

        Raises
        ------
        OSError
            It has ended.
        """
        assert self.process.stdin is not None
        self.claim, self.ready, self.peak_mb, self.began = claim, False, 0.0, time.monotonic()
        self._jobs += 1
        self.process.stdin.write(json.dumps(dataclasses.asdict(claim)).encode() + b"\n")
        self.process.stdin.flush()

    def listen(self) -> None:
        """Read what it has said: that it is ready, or done with its job."""
        with contextlib.suppress(BlockingIOError):
            self._buffer += os.read(self.fileno(), 4096)
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line in {b"ready", b"done"}:
                self.ready, self.claim = True, None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    @property
    def worn(self) -> bool:
        """Whether it has done enough."""
        return self._jobs >= _JOBS

    def late(self, seconds: float) -> bool:
        """Whether it has been starting for longer than so many seconds."""
        return self._jobs == 0 and not self.ready and self.seconds > seconds

    @property
    def seconds(self) -> float:
        """Seconds since its job began, before the first one since it was started."""
        return time.monotonic() - self.began

    def measure(self, limit_mb: float) -> bool:
        """Note the memory of the child and all below it; whether it is above a limit."""
        used = tree_memory_mb(self.process.pid, limit_mb)
        self.peak_mb = max(self.peak_mb, used)
        return used > limit_mb

    def kill(self) -> None:
        """End it and everything it started, at once, and remove its temporary files."""
        below: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            below = psutil.Process(self.process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for process in below:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()
        self.ready = False
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def tree_memory_mb(pid: int, limit_mb: float = 0.0) -> float:
    """Return the memory of a process and all below it, in MiB; 0 when it is gone.

    Resident sizes count shared pages once per process; only a sum above the limit is worth the slower
    proportional sizes.
    """
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    total = sum(_size(process, exact=False) for process in tree)
    if limit_mb and total > limit_mb:
        total = sum(_size(process, exact=True) for process in tree)
    return total


def _size(process: psutil.Process, *, exact: bool) -> float:
    with contextlib.suppress(psutil.Error, OSError):
        if exact:
            with contextlib.suppress(psutil.AccessDenied, AttributeError):
                return float(process.memory_full_info().pss) / 2**20
        return float(process.memory_info().rss) / 2**20
    return 0.0
