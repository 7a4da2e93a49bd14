"""`run_sandboxed` for programs with an event loop."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Mapping

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.model import ExecutionResult
from outsample.sandbox.run import run_sandboxed
from outsample.strategy import Strategy

__all__ = ["arun_sandboxed"]


async def arun_sandboxed(
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    params: Mapping[str, object] | None = None,
    policy: SandboxPolicy | None = None,
    validate: bool = True,
    seed: int = 0,
) -> ExecutionResult:
    """Run a strategy in the sandbox without blocking the event loop; arguments of `run_sandboxed`.

    Cancelling the task ends the run.
    """
    cancel = threading.Event()
    call = functools.partial(
        run_sandboxed,
        strategy,
        data,
        params=params,
        policy=policy,
        validate=validate,
        seed=seed,
        cancel=cancel,
    )
    try:
        return await asyncio.to_thread(call)
    except asyncio.CancelledError:
        cancel.set()
        raise
