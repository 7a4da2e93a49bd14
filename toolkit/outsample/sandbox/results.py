"""From what was seen of a run to its `ExecutionResult`: status, error and hint."""

from __future__ import annotations

import signal
from typing import Any

from outsample.config import SandboxPolicy
from outsample.errors import ResultInvalid
from outsample.model import ExecutionResult, SandboxReport, Status
from outsample.sandbox.decode import Answer, Batch, KnownLabels, decode_answer, decode_answers, plain_text
from outsample.sandbox.outcome import Outcome
from outsample.sandbox.request import cpu_limit

__all__ = ["finish", "finish_batch", "refusal"]

Verdict = tuple[Status, str, str]  # status, error, hint
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_TIMEOUT_HINT = "Look for a loop over dates or symbols, or raise SandboxPolicy(timeout=...)."


def refusal(policy: SandboxPolicy, report: SandboxReport) -> ExecutionResult:
    """Return the result of a run that this machine cannot protect as asked."""
    return ExecutionResult(
        status=Status.REFUSED,
        error=f"The sandbox must be {policy.require}; here it is {report.level}. {' '.join(report.open[:-2])}",
        hint=f'To run anyway: SandboxPolicy(require="{report.level}"), or --trust.',
        sandbox=report,
    )


def finish(outcome: Outcome, policy: SandboxPolicy, report: SandboxReport) -> ExecutionResult:
    """Turn what was seen of a child into a result."""
    answer: Answer | None = None
    if outcome.message is not None and not outcome.stopped:
        try:
            answer = decode_answer(outcome.message)
        except ResultInvalid as error:
            outcome.stopped, outcome.reason = "result_invalid", str(error)
    return _result(outcome, answer, policy, report)


def finish_batch(outcome: Outcome, report: SandboxReport, labels: KnownLabels) -> Batch[ExecutionResult]:
    """Turn one message of a series into the results of its parameter sets, which share its time evenly.

    Raises
    ------
    ResultInvalid
        The message is not as it must be.
    """
    assert outcome.message is not None
    answers = decode_answers(outcome.message, labels)
    outcome.wall_seconds /= len(answers)
    outcome.cpu_seconds /= len(answers)
    return Batch(said=_answered(answers.said, _seen(outcome, report)), positions=answers.positions)


def _result(outcome: Outcome, answer: Answer | None, policy: SandboxPolicy, report: SandboxReport) -> ExecutionResult:
    if answer is None:
        status, said, hint = _verdict(outcome, policy)
        return ExecutionResult(status=status, error=said, hint=hint, **_seen(outcome, report))
    return _answered(answer, _seen(outcome, report))


def _seen(outcome: Outcome, report: SandboxReport) -> dict[str, Any]:
    text = outcome.output.decode("utf-8", errors="replace")
    return {
        "stdout": plain_text(text, limit=len(text)),
        "output_bytes": outcome.output_bytes,
        "wall_seconds": outcome.wall_seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "peak_memory_mb": outcome.peak_bytes / (1 << 20),
        "sandbox": report,
    }


def _answered(answer: Answer, seen: dict[str, Any]) -> ExecutionResult:
    return ExecutionResult(
        status=Status(answer.status),
        positions=answer.positions,
        warnings=answer.warnings,
        error=answer.error,
        error_type=answer.error_type,
        hint=answer.hint,
        line=answer.line,
        traceback=answer.traceback,
        **seen,
    )


def _verdict(outcome: Outcome, policy: SandboxPolicy) -> Verdict:
    """Say how a run without an answer ended."""
    if outcome.stopped:
        return _stopped(outcome, policy)
    code = outcome.code
    if code is None:
        return Status.CRASHED, "The sandbox server ended during the run.", "Run it again; a new server is started."
    if code >= 0:
        error = f"The strategy's process ended without an answer (exit code {code})."
        return Status.CRASHED, error, "A strategy must not end its process."
    limit = cpu_limit(policy)
    if -code == signal.SIGXCPU or (-code == signal.SIGKILL and outcome.cpu_seconds >= limit - 0.1):
        error = f"The strategy used {outcome.cpu_seconds:.1f} s of CPU; the limit is {limit} s."
        return Status.TIMEOUT, error, _TIMEOUT_HINT
    if -code in _CRASHES and outcome.peak_bytes > 0.75 * (policy.memory_mb << 20):
        return _memory(outcome, policy)  # native code that does not look at what it was given
    return Status.KILLED, f"The strategy's process was ended by the signal {_signal_name(-code)}.", _signal_hint(-code)


def _stopped(outcome: Outcome, policy: SandboxPolicy) -> Verdict:
    if outcome.stopped == "memory":
        return _memory(outcome, policy)
    said = {
        "timeout": (
            Status.TIMEOUT,
            f"The strategy was stopped after {outcome.wall_seconds:.1f} s; the limit is {policy.timeout:g} s.",
            _TIMEOUT_HINT,
        ),
        "output_limit": (
            Status.OUTPUT_LIMIT,
            f"The strategy printed {outcome.output_bytes:,} bytes; a run may print 64 MiB.",
            "Print less.",
        ),
        "result_invalid": (Status.RESULT_INVALID, outcome.reason, ""),
        "cancelled": (Status.CANCELLED, "The run was cancelled.", ""),
    }
    return said[outcome.stopped]


def _memory(outcome: Outcome, policy: SandboxPolicy) -> Verdict:
    peak = outcome.peak_bytes / (1 << 20)
    return (
        Status.MEMORY,
        f"The strategy used more memory than allowed: {peak:.0f} MiB, limit {policy.memory_mb} MiB.",
        "Use fewer or smaller tables, or raise SandboxPolicy(memory_mb=...).",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _signal_hint(number: int) -> str:
    if number == signal.SIGSYS:
        return "It made a system call of a foreign architecture."
    if number in _CRASHES:
        return "Native code failed; a recursion without end can do that too."
    return ""
