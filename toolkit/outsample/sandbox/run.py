"""`run_sandboxed`: one strategy, one dataset, one confined child, one `ExecutionResult`."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outsample.config import SandboxPolicy
from outsample.data import Dataset, load
from outsample.errors import ConfigError, ResultInvalid
from outsample.model import ExecutionResult, SandboxReport, Status
from outsample.sandbox.outcome import Outcome
from outsample.sandbox.wire import Answer, decode_answer, plain_text
from outsample.strategy import Strategy
from outsample.validation.finding import Finding

__all__ = [
    "RunRequest",
    "close_server",
    "cpu_limit",
    "execute_request",
    "finish",
    "flavour",
    "make_request",
    "refusal",
    "request_json",
    "run_sandboxed",
]

_SCIENCE = re.compile(r"^\s*(?:from|import)\s+(?:scipy|sklearn)\b", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Everything that one run needs.

    Parameters
    ----------
    source, name : str
    data : Dataset
    params : mapping
        Parameter name -> literal.
    policy : SandboxPolicy
    seed : int
    server : ServerProcess or None
        Instead of the one of this process.
    cancel : threading.Event or None
        Ends the run when it is set.
    """

    source: str
    data: Dataset
    name: str = "strategy"
    params: Mapping[str, object] = field(default_factory=dict)
    policy: SandboxPolicy = field(default_factory=SandboxPolicy)
    seed: int = 0
    server: object = None
    cancel: threading.Event | None = None


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
    >>> from outsample import Dataset, run_sandboxed
    >>> dates = pd.date_range("2024-01-01", periods=3)
    >>> data = Dataset.from_frames({"close": pd.DataFrame({"A": [1.0, 3.0, 2.0]}, index=dates)}, name="toy")
    >>> run_sandboxed("position = data.get('close') > 1.5", data).status.value  # doctest: +SKIP
    'ok'
    """
    request = dataclasses.replace(
        make_request(strategy, data, params or {}), policy=policy or SandboxPolicy(), seed=_seed(seed), cancel=cancel
    )
    findings: tuple[Finding, ...] = ()
    if validate:
        findings = tuple(_validate(request.source))
        errors = [finding for finding in findings if finding.severity == "error"]
        if errors:
            return _rejected(errors, findings)
    result = execute_request(request)
    return dataclasses.replace(result, findings=findings) if findings else result


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


def flavour(source: str) -> str:
    """Return which server a source needs: scipy and sklearn are imported by a second one."""
    return "science" if _SCIENCE.search(source) else "base"


def refusal(policy: SandboxPolicy, report: SandboxReport) -> ExecutionResult:
    """Return the result of a run that this machine cannot protect as asked."""
    return ExecutionResult(
        status=Status.REFUSED,
        error=f"The sandbox must be {policy.require}; here it is {report.level}. {' '.join(report.open[:-2])}",
        hint=f'To run anyway: SandboxPolicy(require="{report.level}"), or --trust.',
        sandbox=report,
    )


def make_request(strategy: Strategy | str, data: Dataset | str, params: Mapping[str, object]) -> RunRequest:
    """Return a request with the ordinary policy from what a user gives."""
    if isinstance(data, str):
        data = load(data)
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"data must be a Dataset or the name of one. Got {type(data).__name__}.",
            hint="Dataset.from_frames({'close': frame}, name='mine') makes one.",
        )
    if isinstance(strategy, Strategy):
        overrides = {**strategy.overrides, **params}
        return RunRequest(source=strategy.source, name=strategy.name, data=data, params=overrides)
    if not isinstance(strategy, str):
        raise ConfigError(f"strategy must be a Strategy or source text. Got {type(strategy).__name__}.")
    return RunRequest(source=strategy, data=data, params=dict(params))


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be a whole number >= 0. Got {seed!r}.")
    return seed


def _validate(source: str) -> list[Finding]:
    from outsample.validation import validate

    return list(validate(source))


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


def request_json(request: RunRequest, mode: str) -> bytes:
    """Return what a child is told.

    Raises
    ------
    ConfigError
        A parameter is no literal.
    """
    said = {"mode": mode, "source": request.source, "name": request.name, "seed": request.seed}
    try:
        # Lone surrogates in a source stay what they are: JSON's escapes carry them.
        return json.dumps({**said, "params": dict(request.params)}).encode("ascii")
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The parameters of a strategy are literals. Got {dict(request.params)!r:.200}.") from error


def cpu_limit(policy: SandboxPolicy) -> int:
    """Return the limit of CPU seconds over all threads, rounded up."""
    seconds = policy.cpu_seconds
    if seconds is None:
        seconds = policy.timeout * (os.cpu_count() or 1)
    return max(math.ceil(seconds), 1)


def finish(outcome: Outcome, policy: SandboxPolicy, report: SandboxReport) -> ExecutionResult:
    """Turn what was seen of a child into a result."""
    answer: Answer | None = None
    if outcome.message is not None and not outcome.stopped:
        try:
            answer = decode_answer(outcome.message)
        except ResultInvalid as error:
            outcome.stopped, outcome.reason = "result_invalid", str(error)
    text = outcome.output.decode("utf-8", errors="replace")
    result = ExecutionResult(
        status=Status.CRASHED,
        stdout=plain_text(text, limit=len(text)),
        output_bytes=outcome.output_bytes,
        wall_seconds=outcome.wall_seconds,
        cpu_seconds=outcome.cpu_seconds,
        peak_memory_mb=outcome.peak_bytes / (1 << 20),
        sandbox=report,
    )
    if answer is None:
        status, said, hint = _verdict(outcome, policy)
        return dataclasses.replace(result, status=status, error=said, hint=hint)
    return dataclasses.replace(
        result,
        status=Status(answer.status),
        positions=answer.positions,
        warnings=answer.warnings,
        error=answer.error,
        error_type=answer.error_type,
        hint=answer.hint,
        line=answer.line,
        traceback=answer.traceback,
    )


def _verdict(outcome: Outcome, policy: SandboxPolicy) -> tuple[Status, str, str]:
    """Status, error and hint of a child that gave no answer."""
    peak = outcome.peak_bytes / (1 << 20)
    memory = (
        Status.MEMORY,
        f"The strategy used more memory than allowed: {peak:.0f} MiB, limit {policy.memory_mb} MiB.",
        "Use fewer or smaller tables, or raise SandboxPolicy(memory_mb=...).",
    )
    timeout = (
        Status.TIMEOUT,
        f"The strategy was stopped after {outcome.wall_seconds:.1f} s; the limit is {policy.timeout:g} s.",
        "Look for a loop over dates or symbols, or raise SandboxPolicy(timeout=...).",
    )
    stopped = {
        "timeout": timeout,
        "memory": memory,
        "output_limit": (
            Status.OUTPUT_LIMIT,
            f"The strategy printed {outcome.output_bytes:,} bytes; a run may print 64 MiB.",
            "Print less.",
        ),
        "result_invalid": (Status.RESULT_INVALID, outcome.reason, ""),
        "cancelled": (Status.CANCELLED, "The run was cancelled.", ""),
    }
    if outcome.stopped:
        return stopped[outcome.stopped]
    code = outcome.code
    if code is None:
        return Status.CRASHED, "The sandbox server ended during the run.", "Run it again; a new server is started."
    if code >= 0:
        return (
            Status.CRASHED,
            f"The strategy's process ended without an answer (exit code {code}).",
            "A strategy must not end its process.",
        )
    if -code == signal.SIGXCPU or (-code == signal.SIGKILL and outcome.cpu_seconds >= cpu_limit(policy) - 0.1):
        limit = cpu_limit(policy)
        return (
            Status.TIMEOUT,
            f"The strategy used {outcome.cpu_seconds:.1f} s of CPU; the limit is {limit} s.",
            timeout[2],
        )
    crashes = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
    if -code in crashes and outcome.peak_bytes > 0.75 * (policy.memory_mb << 20):
        return memory
    return Status.KILLED, f"The strategy's process was ended by the signal {_signal_name(-code)}.", _signal_hint(-code)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _signal_hint(number: int) -> str:
    if number == signal.SIGSYS:
        return "It made a system call of a foreign architecture."
    if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT):
        return "Native code failed; a recursion without end can do that too."
    return ""
