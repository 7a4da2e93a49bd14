"""The path of systems without Landlock and seccomp: one spawned worker per run, watched from outside.

It bounds time, memory and output, and keeps a crash away from the caller. It does not confine: the code
can read and write the files of this user and use the network. Its level is "process-only", which the
default policy refuses.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from outsample.errors import ResultInvalid
from outsample.model import ExecutionResult
from outsample.sandbox.outcome import Outcome
from outsample.sandbox.payload import encode_dataset
from outsample.sandbox.report import portable_report, satisfies
from outsample.sandbox.request import RunRequest, request_json
from outsample.sandbox.results import finish, refusal
from outsample.sandbox.wire import MessageReader

__all__ = ["execute_portable"]

TICK = 0.02
OUTPUT_LIMIT = 64 << 20
_SLACK = 64 << 20
_log = logging.getLogger(__name__)


def execute_portable(request: RunRequest) -> ExecutionResult:
    """Run a request in a spawned process; see `outsample.sandbox.run_sandboxed`.

    What is not protected is logged as a warning on every run.
    """
    report = portable_report(f"{sys.platform} does not have it")
    if not satisfies(report.level, request.policy.require):
        return refusal(request.policy, report)
    _log.warning("This strategy is not confined. %s", " ".join(report.open))
    with tempfile.TemporaryDirectory(prefix="outsample-run-") as name:
        folder = Path(name)
        (folder / "request").write_bytes(request_json(request, "run"))
        with (folder / "data").open("wb") as stream:
            stream.writelines(encode_dataset(request.data))
        outcome = _watch(request, folder)
        _collect(request, folder, outcome)
    return finish(outcome, request.policy, report)


def _watch(request: RunRequest, folder: Path) -> Outcome:
    outcome = Outcome()
    command = [sys.executable, "-s", "-m", "outsample.sandbox.worker", str(folder)]
    started = time.monotonic()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603
    watched = psutil.Process(process.pid)
    try:
        while process.poll() is None and not outcome.stopped:
            _measure(request, folder, watched, outcome)
            if outcome.stopped == "" and time.monotonic() - started > request.policy.timeout:
                outcome.stopped = "timeout"
            if request.cancel is not None and request.cancel.is_set():
                outcome.stopped = "cancelled"
            time.sleep(TICK)
    finally:
        _end(watched)
        outcome.code = process.wait()
        outcome.wall_seconds = time.monotonic() - started
    return outcome


def _measure(request: RunRequest, folder: Path, watched: psutil.Process, outcome: Outcome) -> None:
    with contextlib.suppress(psutil.Error, OSError):
        times = watched.cpu_times()
        outcome.cpu_seconds = times.user + times.system
        used = watched.memory_info().rss
        base = folder / "base"  # written by the worker when its imports and the data are there
        if base.exists() and (text := base.read_text(encoding="ascii")):
            outcome.peak_bytes = max(outcome.peak_bytes, used - int(text))
        if outcome.peak_bytes > request.policy.memory_mb << 20:
            outcome.stopped = "memory"
        if (folder / "output").stat().st_size > OUTPUT_LIMIT:
            outcome.stopped = "output_limit"


def _end(watched: psutil.Process) -> None:
    """End a process and what it started."""
    with contextlib.suppress(psutil.Error):
        family = [*watched.children(recursive=True), watched]
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()


def _collect(request: RunRequest, folder: Path, outcome: Outcome) -> None:
    kept = request.policy.output_kb << 10
    with (folder / "output").open("rb") as stream:
        outcome.output += stream.read(kept)
    outcome.output_bytes = (folder / "output").stat().st_size
    result = folder / "result"
    if outcome.stopped or not result.exists():
        return
    cells = len(request.data.dates) * max(len(request.data.symbols), 1)
    reader = MessageReader(_SLACK + 16 * cells)
    try:
        with result.open("rb") as stream:
            while outcome.message is None and (piece := stream.read(1 << 20)):
                outcome.message = reader.feed(piece)
    except ResultInvalid as error:
        outcome.stopped, outcome.reason = "result_invalid", str(error)
