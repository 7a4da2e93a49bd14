"""Sessions elsewhere than on Linux: the same calls, a new worker for each parameter set."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Self

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.model import ExecutionResult
from outsample.sandbox.decode import Batch
from outsample.sandbox.portable import execute_portable
from outsample.sandbox.request import make_request
from outsample.strategy import Strategy

__all__ = ["PortableSession"]


class PortableSession:
    """What `outsample.sandbox.SandboxSession` is where there is none: slower, and not confined.

    Parameters
    ----------
    strategy : Strategy or str
    data : Dataset or str
    policy : SandboxPolicy, optional
        The limits hold for each parameter set.
    seed : int
    """

    def __init__(
        self, strategy: Strategy | str, data: Dataset | str, *, policy: SandboxPolicy | None = None, seed: int = 0
    ) -> None:
        request = make_request(strategy, data, {})
        self._request = dataclasses.replace(request, policy=policy or SandboxPolicy(), seed=seed)

    def start(self) -> None:
        """Nothing is started here before a run."""

    def run(
        self, params: Mapping[str, object] | None = None, *, cancel: threading.Event | None = None
    ) -> ExecutionResult:
        """Run one parameter set; the result is that of `outsample.sandbox.run_sandboxed`."""
        merged = {**self._request.params, **(params or {})}
        return execute_portable(dataclasses.replace(self._request, params=merged, cancel=cancel))

    def map(self, parameter_sets: Iterable[Mapping[str, object]]) -> Iterator[ExecutionResult]:
        """Run parameter sets in their order."""
        for params in parameter_sets:
            yield self.run(params)

    def series(
        self, parameter_sets: Sequence[Mapping[str, object]], *, cancel: threading.Event | None = None
    ) -> list[ExecutionResult]:
        """Run parameter sets in their order; there is no faster way here."""
        return [self.run(params, cancel=cancel) for params in parameter_sets]

    def batches(
        self,
        shares: Iterable[Sequence[Mapping[str, object]]],
        add: Callable[[Batch[ExecutionResult]], None],
        *,
        pace: Callable[[float], None] = lambda _: None,
        cancel: threading.Event | None = None,
    ) -> None:
        """As `series`; `pace` is called with the time of each set, `add` with each result, a batch of one."""
        for params in itertools.chain.from_iterable(shares):
            found = self.run(params, cancel=cancel)
            pace(found.wall_seconds)
            add(Batch.of(found))

    def close(self) -> None:
        """Nothing stays open between two runs."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
