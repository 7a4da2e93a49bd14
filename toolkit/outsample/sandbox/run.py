"""`run_sandboxed`: one strategy, one dataset, one confined child, one `ExecutionResult`."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.errors import ConfigError, SandboxCrashed
from outsample.model import ExecutionResult, SandboxReport, Status
from outsample.sandbox.request import RunRequest, make_request
from outsample.strategy import Strategy
from outsample.validation.finding import Finding

__all__ = ["close_server", "execute_request", "run_sandboxed", "sandbox_report", "start_server"]


def run_sandboxed(  # noqa: PLR0913 - the pinned public call
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    params: Mapping[str, object] | None = None,
    policy: SandboxPolicy | None = None,
    validate: bool = True,
    seed: int = 0,
    cancel: threading.Event | None = None,
) -> ExecutionResult:
    """Run a strategy in the sandbox and return its positions, whatever happened.

    Parameters
    ----------
    strategy : Strategy or str
        A strategy, or its source.
    data : Dataset or str
        A dataset, or what `outsample.load` takes.
    params : mapping, optional
        Parameter name -> value, over the strategy's own.
    policy : SandboxPolicy, optional
        Limits, and how much protection there must be.
    validate : bool
        Check the source first; a source that breaks a rule is not run. The sandbox holds without it.
    seed : int
        `random` and `numpy.random` start from it.
    cancel : threading.Event, optional
        Set from another thread, it ends the run within a tenth of a second.

    Returns
    -------
    ExecutionResult
        With status ok, `positions.frame` is bool or float64 [date x symbol]; a row t was decided with bars up
        to t; NaN is 0. No infinite values, no date or symbol twice. Otherwise status, error, hint and line say why.

    Raises
    ------
    ConfigError
        An argument is not allowed.
    KeyboardInterrupt
        Ctrl-C: the run is ended first.

    Examples
    --------
    >>> import pandas as pd
    >>> from outsample.data import Dataset
    >>> from outsample.sandbox import run_sandboxed
    >>> dates = pd.date_range("2024-01-01", periods=3)
    >>> data = Dataset.from_frames({"close": pd.DataFrame({"A": [1.0, 3.0, 2.0]}, index=dates)}, name="toy")
    >>> result = run_sandboxed("position = data.get('close') > 1.5", data)
    >>> result.status.value, result.positions.frame["A"].tolist()
    ('ok', [False, True, True])
    """
    request = dataclasses.replace(
        make_request(strategy, data, params or {}), policy=policy or SandboxPolicy(), seed=_seed(seed), cancel=cancel
    )
    began = time.perf_counter()
    findings = tuple(_validate(request)) if validate else ()
    seconds = time.perf_counter() - began
    errors = [finding for finding in findings if finding.severity == "error"]
    result = _rejected(errors, findings) if errors else execute_request(request)
    return dataclasses.replace(result, findings=findings, validate_seconds=seconds)


def execute_request(request: RunRequest) -> ExecutionResult:
    """Run a request that was checked already; see `run_sandboxed`."""
    if not sys.platform.startswith("linux"):
        from outsample.sandbox.portable import execute_portable

        return execute_portable(request)
    from outsample.sandbox.launch import execute_confined

    return execute_confined(request)


def close_server() -> None:
    """End the server processes of this process; the next run starts a new one. More than once is fine."""
    if sys.platform.startswith("linux"):
        from outsample.sandbox.client import close_server as close

        close()


def sandbox_report() -> SandboxReport:
    """Return what protects runs on this machine; starts the server if there is none yet.

    Raises
    ------
    SandboxCrashed
        The server cannot be started.
    """
    if not sys.platform.startswith("linux"):
        from outsample.sandbox.report import portable_report

        return portable_report(f"{sys.platform} does not have it")
    from outsample.sandbox.client import get_server

    return get_server().report


def start_server() -> threading.Thread:
    """Start the server in the background, so that the first run need not wait for it.

    Returns
    -------
    threading.Thread
        Ends when the server is ready. A failure is left for the first run to meet.
    """

    def start() -> None:
        with contextlib.suppress(SandboxCrashed, OSError):
            sandbox_report()

    thread = threading.Thread(target=start, name="outsample-sandbox-start", daemon=True)
    thread.start()
    return thread


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be a whole number >= 0. Got {seed!r}.")
    return seed


def _validate(request: RunRequest) -> list[Finding]:
    """Check the strategy and the modules it brings; a module's findings say whose line it is."""
    from outsample.validation import validate

    findings = list(validate(request.source, modules=request.modules))
    for name, source in request.modules.items():
        findings += [
            dataclasses.replace(
                item, message=f"In the module {name!r}, line {item.line}: {item.message}", line=1, column=1
            )
            for item in validate(source, modules=request.modules)
        ]
    return findings


def _rejected(errors: Sequence[Finding], findings: tuple[Finding, ...]) -> ExecutionResult:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return ExecutionResult(
        status=Status.REJECTED,
        error=f"{first.message}{more}",
        error_type="ValidationError",
        hint=first.hint,
        line=first.line,
        findings=findings,
    )
