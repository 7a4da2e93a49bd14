"""Sessions: one confined child that runs a strategy for one parameter set after another.

Each set gets a new namespace, with the seeds reset; the frames are read-only. What a strategy leaves behind in
a module (an option of pandas, say) is seen by the next set: whoever reports numbers from a session
re-runs some of them in fresh children and compares.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Self

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.errors import ConfigError, ResultInvalid, SandboxCrashed
from outsample.model import ExecutionResult, SandboxReport, Status
from outsample.sandbox.decode import Batch, KnownLabels, pace_of
from outsample.sandbox.launch import Launched, choose_server, launch
from outsample.sandbox.report import satisfies
from outsample.sandbox.request import make_request
from outsample.sandbox.results import finish, finish_batch, refusal
from outsample.sandbox.watch import Watch
from outsample.strategy import Strategy

__all__ = ["SandboxSession"]

MAXIMUM_COMMAND = 65_536


Params = Mapping[str, object]
Part = tuple[Sequence[Params], bytes]  # parameter sets and their command
Add = Callable[[Batch[ExecutionResult]], None]
Pace = Callable[[float], None]


class _InterruptedError(Exception):
    """Something else than an answer came from a series."""


class _Asked:
    """Parameter sets that a child was asked for and has not answered, in parts of one command each.

    Parameters
    ----------
    parts : iterator of (sets, command)
    write : callable
        Sends a command.
    room : int
        Bytes that may wait to be read while the child is at work, and may itself be waiting to be read.
    """

    def __init__(self, parts: Iterator[Part], write: Callable[[bytes], object], room: int) -> None:
        self._parts, self._write, self._room = parts, write, room
        self._sent: list[Part] = []
        self._held: Part | None = None
        self._answered = 0  # of the first part

    def __bool__(self) -> bool:
        return bool(self._sent)

    def ask(self) -> None:
        """Send the next part, if there is one and it has room."""
        part = self._held = self._held or next(self._parts, None)
        if part is None:
            return
        # The first part was read, for it is being answered; those behind it may not be.
        unread = sum(len(command) for _, command in self._sent[1:])
        if not self._sent or unread + len(part[1]) <= self._room:
            self._held = None
            self._sent.append(part)
            self._write(part[1])

    def answered(self, count: int) -> None:
        """Take note of so many answers."""
        sets, _ = self._sent[0]
        if self._answered + count > len(sets):
            raise _InterruptedError
        self._answered += count
        if self._answered == len(sets):
            del self._sent[0]
            self._answered = 0

    def ask_ahead(self, count: int) -> None:
        """Send the next part if, with so many more answers, the child has nothing to do, or is fast and soon done."""
        left = sum(len(sets) for sets, _ in self._sent) - self._answered - count
        if left <= (count if count > 1 else 0):
            self.ask()

    def left(self) -> list[Params]:
        """Return the sets without an answer."""
        parts = [*self._sent, *([self._held] if self._held else [])]
        return [params for sets, _ in parts for params in sets][self._answered :]


class SandboxSession:
    """A warm child for many parameter sets of one strategy on one dataset.

    Not for look-ahead probes: there each run must be a child that holds nothing after its cut.

    Parameters
    ----------
    strategy : Strategy or str
    data : Dataset or str
    policy : SandboxPolicy, optional
        The time limit holds for each parameter set; memory, and CPU time where it is given, for the whole child.
    seed : int
        Both generators start from it for each set.

    Notes
    -----
    Methods are serialised by a lock: use one session per thread for parallel work. A child that was ended by a
    limit is replaced on the next call.
    """

    def __init__(
        self, strategy: Strategy | str, data: Dataset | str, *, policy: SandboxPolicy | None = None, seed: int = 0
    ) -> None:
        request = make_request(strategy, data, {})
        self._request = dataclasses.replace(request, policy=policy or SandboxPolicy(), seed=seed)
        self._launched: Launched | None = None
        self._watch: Watch | None = None
        self._labels = KnownLabels()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the child already, so that the first run need not wait for it; an error is left to that run."""
        with self._lock, contextlib.suppress(SandboxCrashed):
            self._started()

    def run(
        self, params: Mapping[str, object] | None = None, *, cancel: threading.Event | None = None
    ) -> ExecutionResult:
        """Run one parameter set; the result is that of `outsample.sandbox.run_sandboxed`.

        Raises
        ------
        ConfigError
            A parameter is no literal.
        KeyboardInterrupt
            Ctrl-C: the child is ended first.
        """
        command = self._command({**self._request.params, **(params or {})})
        with self._lock:
            try:
                return self._run(command, cancel)
            except SandboxCrashed as error:
                self._end()
                return ExecutionResult(status=Status.CRASHED, error=error.message, hint=error.hint)
            except BaseException:
                self._end()
                raise

    def map(self, parameter_sets: Iterable[Mapping[str, object]]) -> Iterator[ExecutionResult]:
        """Run parameter sets in their order."""
        for params in parameter_sets:
            yield self.run(params)

    def series(
        self, parameter_sets: Sequence[Params], *, cancel: threading.Event | None = None
    ) -> list[ExecutionResult]:
        """Run parameter sets as `batches` does, and return all results in their order."""
        results: list[ExecutionResult] = []
        self.batches([parameter_sets], results.extend, cancel=cancel)
        return results

    def batches(
        self,
        shares: Iterable[Sequence[Params]],
        add: Add,
        *,
        pace: Pace = lambda _: None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Run parameter sets without waiting for one another: the results are those of `run`, much sooner.

        The child compiles the source once and answers in batches. As soon as anything but answers comes (a limit,
        printed text, a crash), the sets that it was asked for and has not answered are run one by one, so that each
        result says what happened to its own set. The time limit holds for each batch, which is a set at least.

        Parameters
        ----------
        shares : iterable of sequence of mapping
            The next one is taken when the child has, or will soon have, nothing to do.
        add : callable
            Called with each batch of results as it comes, in the order of the sets, while the child goes on.
        pace : callable, optional
            Called with the seconds that each set of a batch took, before the next share is taken.
        cancel : threading.Event, optional
            Once it is set, no child is started: what has no answer is cancelled.

        Raises
        ------
        ConfigError
            A parameter is no literal.
        SandboxCrashed
            No child can be started for a share.
        """
        parts = (part for share in shares for part in self._parts(share))
        for part in parts:
            left: Sequence[Params] = part[0]
            if cancel is None or not cancel.is_set():
                with self._lock:
                    left = self._series(itertools.chain([part], parts), add, pace, cancel)
            for params in left:
                if cancel is not None and cancel.is_set():
                    add(Batch.of(ExecutionResult(status=Status.CANCELLED, error="The run was cancelled.")))
                else:
                    found = self.run(params, cancel=cancel)
                    pace(found.wall_seconds)
                    add(Batch.of(found))

    def _series(
        self,
        parts: Iterator[Part],
        add: Add,
        pace: Pace,
        cancel: threading.Event | None,
    ) -> list[Params]:
        """Have parts run, one after the other; return the sets that are left if something else came than answers."""
        report = self._started()
        if isinstance(report, ExecutionResult):
            for sets, _ in parts:
                add(Batch(said=report, positions=[None] * len(sets)))
            return []
        launched, watch = self._launched, self._watch
        assert launched is not None
        assert watch is not None
        asked = _Asked(parts, functools.partial(os.write, launched.commands), launched.room)
        try:
            watch.begin()
            asked.ask()
            while asked:
                outcome = watch.next_answer(cancel)
                if outcome.message is None or outcome.stopped or outcome.output_bytes:
                    raise _InterruptedError
                count, seconds = pace_of(outcome.message)
                pace(min(seconds, outcome.wall_seconds / count))  # of its word, only the size of a share depends on it
                asked.ask_ahead(count)
                batch = finish_batch(outcome, report, self._labels)
                asked.answered(len(batch))
                if not asked:
                    asked.ask()
                add(batch)
        except (_InterruptedError, BrokenPipeError, ResultInvalid):
            self._end()
            return asked.left()
        except BaseException:
            self._end()
            raise
        return []

    def _parts(self, parameter_sets: Sequence[Params]) -> Iterator[Part]:
        """As many sets as fit together, and their command."""
        own = self._request.params
        merged = [{**own, **params} for params in parameter_sets] if own else parameter_sets
        try:
            command = json.dumps(merged).encode("ascii") + b"\n"
        except (TypeError, ValueError) as error:
            raise ConfigError(f"The parameters of a strategy are literals. Got {merged!r:.200}.") from error
        if len(command) <= MAXIMUM_COMMAND or len(parameter_sets) == 1:
            if len(command) > MAXIMUM_COMMAND:
                raise ConfigError(f"Parameters may take {MAXIMUM_COMMAND} bytes. Got {len(command)}.")
            yield parameter_sets, command
            return
        half = len(parameter_sets) // 2
        yield from self._parts(parameter_sets[:half])
        yield from self._parts(parameter_sets[half:])

    def close(self) -> None:
        """End the child; more than once is fine."""
        with self._lock:
            self._end()

    def _command(self, params: Mapping[str, object]) -> bytes:
        try:
            command = json.dumps(params).encode("ascii") + b"\n"
        except (TypeError, ValueError) as error:
            raise ConfigError(f"The parameters of a strategy are literals. Got {params!r:.200}.") from error
        if len(command) > MAXIMUM_COMMAND:
            raise ConfigError(f"Parameters may take {MAXIMUM_COMMAND} bytes. Got {len(command)}.")
        return command

    def _run(self, command: bytes, cancel: threading.Event | None) -> ExecutionResult:
        report = self._started()
        if isinstance(report, ExecutionResult):
            return report
        assert self._launched is not None
        assert self._watch is not None
        self._watch.begin()
        try:
            os.write(self._launched.commands, command)
        except BrokenPipeError as error:
            raise SandboxCrashed("The session's process ended between two runs.", hint="Run it again.") from error
        outcome = self._watch.one_answer(cancel)
        result = finish(outcome, self._request.policy, report)
        if outcome.message is None or result.status is Status.RESULT_INVALID:
            self._end()
        return result

    def _started(self) -> SandboxReport | ExecutionResult:
        """Start the child if there is none; say what protects it, or why it may not run."""
        server = choose_server(self._request)
        if not satisfies(server.report.level, self._request.policy.require):
            return refusal(self._request.policy, server.report)
        if self._launched is None or self._watch is None:
            self._launched, server = launch(self._request, server, "session")
            launched = self._launched
            self._watch = Watch(launched.child, launched.result, launched.output, launched.bounds)
        return server.report

    def _end(self) -> None:
        launched, self._launched, self._watch = self._launched, None, None
        if launched is not None:
            launched.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
