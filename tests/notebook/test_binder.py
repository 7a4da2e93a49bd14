"""The Binder files, read as repo2docker reads them; no image is built here."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def dependencies():
    """What the environment names, conda's and pip's."""
    read = yaml.safe_load((FOLDER / "environment.yml").read_text(encoding="utf-8"))
    pip = next(item["pip"] for item in read["dependencies"] if isinstance(item, dict))
    return [item for item in read["dependencies"] if isinstance(item, str)], pip


def test_only_files_that_repo2docker_reads():
    """A folder named binder is used instead of the root: nothing else may be expected to work in it."""
    assert sorted(path.name for path in FOLDER.iterdir()) == ["environment.yml", "postBuild"]


def test_its_python_is_one_that_the_project_allows(dependencies):
    """The version stands in the environment and within requires-python; pip is there for the second half."""
    conda, _ = dependencies
    assert "pip" in conda
    (version,) = (item.partition("=")[2] for item in conda if item.startswith("python="))
    assert version in SpecifierSet(PROJECT["requires-python"])


def test_it_installs_this_project_with_extras_that_exist(dependencies):
    """The path begins at the folder of the file, as conda takes it, and with a dot, so that the sources are there."""
    _, (line,) = dependencies
    # repo2docker copies the repository before it installs only if a requirement begins like this.
    assert line.startswith(".")
    path, _, extras = line.rstrip("]").partition("[")
    assert (FOLDER / path).resolve() == ROOT
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    needed = [Requirement(text).name for text in PROJECT["optional-dependencies"]["lab"]]
    assert "jupyterlab" in needed


def test_the_installation_resolves(dependencies):
    """A dry run of the pip line, in the folder where it would run, without network."""
    uv = ROOT / ".tools" / "bin" / "uv"
    if not uv.exists():
        pytest.skip("uv is not in .tools: make installs it")
    python = ROOT / ".venv" / "bin" / "python"
    command = [uv, "pip", "install", "--dry-run", "--offline", "--python", python, *dependencies[1]]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"outsample @ {ROOT.as_uri()}" in done.stderr


def test_post_build_is_a_script_that_ends_at_the_first_error():
    """Executable, with an interpreter, and well-formed: otherwise the build fails, or goes on after a fault."""
    path = FOLDER / "postBuild"
    assert os.access(path, os.X_OK)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/bash"
    assert "set -eu" in lines
    subprocess.run(["bash", "-n", str(path)], check=True)


@pytest.mark.slow
def test_post_build_runs(monkeypatch):
    """From the root of the repository, as the build runs it."""
    scripts = ROOT / ".venv" / "bin"
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    if not (scripts / "outsample").exists():
        pytest.skip("the project is not installed in .venv")
    subprocess.run([str(FOLDER / "postBuild")], cwd=ROOT, check=True, timeout=120)
