"""`selftest`: every guard meets a flaw that it must catch, and a clean twin that it must let pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from outsample.errors import OutsampleError
from outsample.guards.trial import Check, Trial
from outsample.report.document import Document, Table
from outsample.results.result import Shown

__all__ = ["Finding", "SelfTestReport", "selftest"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one check.

    Parameters
    ----------
    check : Check
    flaw, twin : Trial
        `Trial.ok` says that the flaw was caught, and that the twin passed.
    seconds : float
    """

    check: Check
    flaw: Trial
    twin: Trial
    seconds: float

    @property
    def ok(self) -> bool:
        """The guard does what it is for: neither blind nor jumpy."""
        return self.flaw.ok and self.twin.ok


@dataclass(frozen=True, kw_only=True, repr=False)
class SelfTestReport(Shown):
    """The outcome of `selftest`.

    Attributes
    ----------
    findings : tuple of Finding
    seconds : float
    """

    findings: tuple[Finding, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Every flaw was caught and every twin passed."""
        return all(finding.ok for finding in self.findings)

    def document(self, *, pictures: bool = True) -> Document:  # noqa: ARG002 - a table says it all
        """Return the report as a value."""
        rows = tuple(
            (
                finding.check.group,
                finding.check.title,
                f"{'caught' if finding.flaw.ok else 'MISSED'}: {finding.flaw.said}",
                f"{'passed' if finding.twin.ok else 'ACCUSED'}: {finding.twin.said}",
                f"{finding.seconds:.1f} s",
            )
            for finding in self.findings
        )
        bad = [finding.check.title for finding in self.findings if not finding.ok]
        return Document(
            title="Self-test",
            facts=(
                ("Checks", str(len(self.findings))),
                ("Flaws caught", str(sum(finding.flaw.ok for finding in self.findings))),
                ("Clean twins passed", str(sum(finding.twin.ok for finding in self.findings))),
                ("Time", f"{self.seconds:.1f} s"),
            ),
            level="PASSED" if self.ok else "FAILED",
            reasons=tuple(f"not as it should be: {title}" for title in bad) or ("every guard works on this machine",),
            metrics=Table(
                title="Checks",
                columns=("Guard", "Planted flaw", "Flaw", "Clean twin", "Time"),
                rows=rows,
                numeric=frozenset({4}),
            ),
        )

    def __repr__(self) -> str:
        good = sum(finding.ok for finding in self.findings)
        return f"<SelfTestReport: {good} of {len(self.findings)} guards work, {self.seconds:.1f} s>"


def _tried(trial: Callable[[], Trial]) -> Trial:
    """A check that cannot run is a check that failed, not the end of the others."""
    try:
        return trial()
    except OutsampleError as error:
        return Trial(ok=False, said=f"could not run: {error.message}")


def selftest(
    *, checks: Sequence[Check] | None = None, on_done: Callable[[int, int], None] | None = None
) -> SelfTestReport:
    """Plant flaws on this machine and see that each is caught, and that its clean twin is not accused.

    Nothing is recorded, and everything is made on the spot: it takes under a minute.

    Parameters
    ----------
    checks : sequence of Check, optional
        Instead of all that ship.
    on_done : callable, optional
        Called with (done, total) after each check.

    Returns
    -------
    SelfTestReport
        ``.ok`` and a readable table.
    """
    from outsample.guards.planted import CHECKS

    chosen = CHECKS if checks is None else tuple(checks)
    began = time.perf_counter()
    findings = []
    for check in chosen:
        since = time.perf_counter()
        flaw, twin = _tried(check.flaw), _tried(check.twin)
        findings.append(Finding(check=check, flaw=flaw, twin=twin, seconds=time.perf_counter() - since))
        if on_done is not None:
            on_done(len(findings), len(chosen))
    return SelfTestReport(findings=tuple(findings), seconds=time.perf_counter() - began)
