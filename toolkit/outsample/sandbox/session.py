"""Sessions: one confined child that runs a strategy for one parameter set after another.

Each set gets a new namespace, with the seeds reset; the frames are read-only. What a strategy leaves behind in
a module (an option of pandas, say) is seen by the next set: whoever reports numbers from a session
re-runs some of them in fresh children and compares.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Self

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.errors import ConfigError, ResultInvalid, SandboxCrashed
from outsample.model import ExecutionResult, SandboxReport, Status
from outsample.sandbox.decode import Batch
from outsample.sandbox.launch import Launched, choose_server, launch
from outsample.sandbox.report import satisfies
from outsample.sandbox.request import make_request
from outsample.sandbox.results import finish, finish_batch, refusal
from outsample.sandbox.watch import Watch
from outsample.strategy import Strategy

__all__ = ["SandboxSession"]

MAXIMUM_COMMAND = 65_536


Add = Callable[[Batch[ExecutionResult]], None]


class _InterruptedError(Exception):
    """Something else than an answer came from a series."""


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
        self, parameter_sets: Sequence[Mapping[str, object]], *, cancel: threading.Event | None = None
    ) -> list[ExecutionResult]:
        """Run parameter sets as `batches` does, and return all results in their order."""
        results: list[ExecutionResult] = []
        self.batches(parameter_sets, results.extend, cancel=cancel)
        return results

    def batches(
        self, parameter_sets: Sequence[Mapping[str, object]], add: Add, *, cancel: threading.Event | None = None
    ) -> None:
        """Run parameter sets without waiting for one another: the results are those of `run`, much sooner.

        The child compiles the source once and answers in batches. As soon as anything but answers comes (a limit,
        printed text, a crash), the sets that were not answered before are run one by one, so that each result
        says what happened to its own set. The time limit holds for each batch, which is a set at least.

        Parameters
        ----------
        parameter_sets : sequence of mapping
        add : callable
            Called with each batch of results as it comes, in their order, while the child goes on.
        cancel : threading.Event, optional
        """
        answered = 0

        def counted(batch: Batch[ExecutionResult]) -> None:
            nonlocal answered
            answered += len(batch)
            add(batch)

        with self._lock:
            for count, command in self._parts(parameter_sets):
                try:
                    self._batches(count, command, cancel, counted)
                except _InterruptedError:
                    self._end()
                    break
                except BaseException:
                    self._end()
                    raise
        for params in parameter_sets[answered:]:
            if cancel is not None and cancel.is_set():
                result = ExecutionResult(status=Status.CANCELLED, error="The run was cancelled.")
            else:
                result = self.run(params, cancel=cancel)
            add(Batch.of(result))

    def _parts(self, parameter_sets: Sequence[Mapping[str, object]]) -> Iterator[tuple[int, bytes]]:
        """Commands of as many sets as fit together, and how many they are."""
        own = self._request.params
        merged = [{**own, **params} for params in parameter_sets] if own else parameter_sets
        try:
            command = json.dumps(merged).encode("ascii") + b"\n"
        except (TypeError, ValueError) as error:
            raise ConfigError(f"The parameters of a strategy are literals. Got {merged!r:.200}.") from error
        if len(command) <= MAXIMUM_COMMAND or len(parameter_sets) == 1:
            if len(command) > MAXIMUM_COMMAND:
                raise ConfigError(f"Parameters may take {MAXIMUM_COMMAND} bytes. Got {len(command)}.")
            yield len(parameter_sets), command
            return
        half = len(parameter_sets) // 2
        yield from self._parts(parameter_sets[:half])
        yield from self._parts(parameter_sets[half:])

    def _batches(self, count: int, command: bytes, cancel: threading.Event | None, add: Add) -> None:
        report = self._started()
        if isinstance(report, ExecutionResult):
            add(Batch(said=report, positions=[None] * count))
            return
        assert self._launched is not None
        assert self._watch is not None
        try:
            self._watch.begin()
            os.write(self._launched.commands, command)
            while count:
                outcome = self._watch.next_answer(cancel)
                if outcome.message is None or outcome.stopped or outcome.output_bytes:
                    raise _InterruptedError
                batch = finish_batch(outcome, report)
                if len(batch) > count:
                    raise _InterruptedError
                count -= len(batch)
                add(batch)
        except (BrokenPipeError, ResultInvalid) as error:
            raise _InterruptedError from error

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
