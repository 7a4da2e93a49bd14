"""The workflow files: they parse, and every command in them is a target of the Makefile or a script that is here."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def _steps(path):
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        assert job["timeout-minutes"] if "uses" not in job and "needs" not in job else True
        yield from job["steps"]


def test_there_is_one_for_tests_benchmarks_docs_and_releases():
    """The four that a change or a release goes through."""
    assert [path.stem for path in WORKFLOWS] == ["bench", "docs", "release", "tests"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_one_that_is_tested_here(path):
    """`make` with a target that exists, or the script that `make test` runs for the system's packages."""
    commands = [step["run"] for step in _steps(path) if "run" in step]
    for command in commands:
        if command.startswith("make "):
            assert command.split()[1] in TARGETS
        else:
            assert command == "sudo bash tests/setup_system.sh"
            assert (ROOT / "tests" / "setup_system.sh").is_file()
    assert commands or path.stem == "release"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_and_rights_are_few(path):
    """Every action names a version, and a workflow reads unless a job says more."""
    used = [step["uses"] for step in _steps(path) if "uses" in step]
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[\w./-]+", name) for name in used)
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_the_other_systems_are_in_the_matrix():
    """Linux with every Python; macOS and Windows with what needs no kernel protection."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert [name.split("-")[0] for name in jobs["elsewhere"]["strategy"]["matrix"]["system"]] == ["macos", "windows"]
