"""Ordinary strategies: none is refused, and each of them runs."""

from pathlib import Path

import pytest

from outsample import load, run_sandboxed, validate
from outsample.model import Status
from outsample.strategy import Strategy

BENIGN = sorted((Path(__file__).parents[1] / "benign").glob("*.py"))


def test_there_are_enough_of_them():
    """At least sixty."""
    assert len(BENIGN) >= 60


@pytest.mark.parametrize("path", BENIGN, ids=lambda path: path.stem)
def test_a_benign_strategy_runs(path):
    """Validated and confined, it answers with positions or a signal."""
    result = run_sandboxed(Strategy.from_file(path), load("sample"))
    assert result.status is Status.OK, f"{result.error} {result.hint}"
    assert result.positions is not None


SNIPPETS = Path(__file__).parents[1] / "validation" / "snippets.txt"


# Snippets that fail by themselves, wherever they run: a typo, idioms that pandas 3 and NumPy 2 removed, a
# package that is not installed; and LaTeX, whose template engine is not worth its time in every server.
FAIL_ANYWHERE = {"typo", "fillna_bfill", "numpy_old", "print_markdown", "print_latex"}


def harmless():
    """The everyday snippets that the validator lets pass, perhaps with a warning, by name."""
    for part in SNIPPETS.read_text(encoding="utf-8").split("### ")[1:]:
        head, _, source = part.partition("\n")
        findings = validate(source)
        if head.partition(":")[0] not in FAIL_ANYWHERE and not any(finding.severity == "error" for finding in findings):
            yield pytest.param(source, id=head.partition(":")[0])


@pytest.mark.parametrize("source", list(harmless()))
def test_plots_prints_and_displays_do_not_end_a_run(source):
    """What is harmless runs: plots and displays do nothing, and say so."""
    result = run_sandboxed(f"{source}\nposition = data.get('close') > 0\n", load("sample"))
    assert result.status is Status.OK, f"{result.error} {result.hint}"
