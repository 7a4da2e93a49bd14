"""The self-test, and that it would notice a broken guard."""

import time

import pytest

from outsample.cli import main
from outsample.guards import selftest
from outsample.guards.planted import CHECKS
from outsample.guards.trial import Trial


@pytest.mark.slow
def test_every_guard_works_here(capsys, tmp_path):
    """At least fifteen flaws, all caught; all twins pass; exit code 0, a readable table, under a minute."""
    assert len(CHECKS) >= 15
    assert {"a price changed in a stored snapshot", "a changed parameter"} <= {check.title for check in CHECKS}
    began = time.monotonic()
    assert main(["selftest", "--html", str(tmp_path / "s.html")]) == 0
    assert time.monotonic() - began < 5 * 60
    text = capsys.readouterr().out
    assert "[PASSED]" in text
    assert "MISSED" not in text
    assert "ACCUSED" not in text
    assert "<table" in (tmp_path / "s.html").read_text()


@pytest.mark.parametrize(("flaw", "twin", "word"), [(False, True, "MISSED"), (True, False, "ACCUSED")])
def test_a_broken_guard_is_told(flaw, twin, word):
    """A blind guard and a jumpy one both fail the report."""
    import dataclasses

    check = dataclasses.replace(CHECKS[0], flaw=lambda: Trial(ok=flaw, said="x"), twin=lambda: Trial(ok=twin, said="y"))
    seen = []
    report = selftest(checks=[check], on_done=lambda done, total: seen.append((done, total)))
    assert not report.ok
    assert word in str(report)
    assert seen == [(1, 1)]
