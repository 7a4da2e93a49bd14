"""Notebooks as reports: parameters with types, equal bytes, nothing half-written."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outsample.cli import main
from outsample.errors import ConfigError, DataInvalid
from outsample.report.parameters import checked_parameters, notebook_parameters

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WALK = NOTEBOOKS / "walk_forward_report.ipynb"


def notebook(path, *cells):
    """A small notebook; the first cell is tagged parameters."""
    value = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{place}",
                "metadata": {"tags": ["parameters"]} if place == 0 else {},
                "source": text,
                "outputs": [],
                "execution_count": None,
            }
            for place, text in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


PARAMETERS = "days = 5  # bars\nrate = 0.5\nname = 'x'\nflag = True\nlevels = [1, 2]\nwhen = None\nsigned = -1"


@pytest.fixture
def small(tmp_path):
    return notebook(tmp_path / "small.ipynb", PARAMETERS, "print(days, rate, name, flag, levels, when)")


def test_parameters_are_read_with_their_help(small):
    """Names, literals and comments of the tagged cell, in order."""
    found = notebook_parameters(small)
    assert list(found) == ["days", "rate", "name", "flag", "levels", "when", "signed"]
    assert (found["days"].default, found["days"].help) == (5, "bars")
    assert found["signed"].default == -1


def test_values_take_the_type_of_the_default(small):
    """What a shell gives as text becomes what the notebook means."""
    given = {"days": "7", "rate": "2", "name": "2020", "flag": "False", "levels": "[3]", "when": "2020-01-01"}
    assert checked_parameters(small, given) == {
        "days": 7, "rate": 2, "name": "2020", "flag": False, "levels": [3], "when": "2020-01-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dasy": "7"}, "'days'"),
        ({"days": "seven"}, "a whole number"),
        ({"days": "7.5"}, "a whole number"),
        ({"days": True}, "a whole number"),
        ({"flag": "1"}, "True or False"),
        ({"rate": "[1]"}, "a number"),
        ({"levels": "3"}, "a list"),
        ({"name": 3}, "a text"),
    ],
)
def test_wrong_parameters_are_refused(small, given, words):
    """A typo names the nearest name, a wrong type the right one."""
    with pytest.raises(ConfigError, match=re.escape(words)):
        checked_parameters(small, given)


def test_a_file_that_is_no_notebook(tmp_path):
    """Refused before anything runs."""
    path = tmp_path / "x.ipynb"
    path.write_text("{}")
    with pytest.raises(DataInvalid, match="cannot be read"):
        notebook_parameters(path)


def test_the_command_reads_files_and_words(small, tmp_path, capsys):
    """-f gives values, -p beats them; fields of -o are filled in; wrong fields and values are exit code 2."""
    values = tmp_path / "values.yaml"
    values.write_text("days: 9\nname: weekly\n")
    assert main(["report", str(small), "--parameters"]) == 0
    assert "days = 5  # bars" in capsys.readouterr().out
    assert main(["report", str(small), "-p", "dasy=1"]) == 2
    assert main(["report", str(small), "-o", "{nmae}.ipynb"]) == 2
    assert main(["report", str(small), "-f", str(tmp_path / "none.yaml")]) == 2
    assert main(["report", str(tmp_path / "none.ipynb"), "--parameters"]) == 2
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.notebook
@pytest.mark.slow
def test_parameters_reach_the_kernel(small, tmp_path):
    """A file's value, a word's value and a default, printed by a real kernel."""
    values = tmp_path / "values.yaml"
    values.write_text("days: 9\nname: weekly\n")
    target = tmp_path / "out" / "{name}-{date}.ipynb"
    assert main(["report", str(small), "-f", str(values), "-p", "days=8", "-o", str(target)]) == 0
    (written,) = (tmp_path / "out").glob("small-*.ipynb")
    assert re.fullmatch(r"small-\d{4}-\d\d-\d\d", written.stem)
    assert "8 0.5 weekly True [1, 2] None" in written.read_text()


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.parametrize("name", ["walk_forward_report", "alpha_report", "regression_report"])
def test_two_runs_are_byte_identical(name, tmp_path):
    """Another store, folder, clock and hash seed: the same bytes of notebook and page."""
    pages = []
    for place in ("a", "b"):
        folder = tmp_path / place
        folder.mkdir()
        env = {
            **os.environ,
            "OUTSAMPLE_STORE": str(tmp_path / f"store-{place}" / "store.db"),
            "PYTHONHASHSEED": "1" if place == "a" else "2",
        }
        command = [sys.executable, "-m", "outsample", "report", str(NOTEBOOKS / f"{name}.ipynb")]
        subprocess.run([*command, "-p", "n_paths=200", "-o", "out.ipynb"], cwd=folder, env=env, check=True)
        pages.append(((folder / "out.ipynb").read_bytes(), (folder / "out.html").read_bytes()))
        assert sorted(path.name for path in folder.iterdir()) == ["out.html", "out.ipynb"]
    assert pages[0] == pages[1]
    assert b"pinned by this report" in pages[0][1]
    assert b"<script" not in pages[0][1].lower()


@pytest.mark.notebook
@pytest.mark.slow
def test_killed_in_the_middle_leaves_nothing_under_the_final_name(tmp_path):
    """kill -9 while a cell runs: what was there before is still there."""
    source = notebook(tmp_path / "slow.ipynb", "n = 1", "open('started', 'w').close()", "import time; time.sleep(60)")
    (tmp_path / "out.ipynb").write_text("yesterday's")
    command = [sys.executable, "-m", "outsample", "report", str(source), "-o", str(tmp_path / "out.ipynb")]
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists():
            assert time.monotonic() < deadline, "the kernel did not start"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert (tmp_path / "out.ipynb").read_text() == "yesterday's"
    assert not (tmp_path / "out.html").exists()


@pytest.mark.notebook
@pytest.mark.slow
def test_the_batch_report_tells_the_leak(tmp_path, monkeypatch):
    """Three examples: one of them looks ahead, and the best of the others is shown deflated."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    assert main(["report", str(NOTEBOOKS / "batch_report.ipynb"), "-o", str(tmp_path / "out.ipynb")]) == 0
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    for words in ("LOOKAHEAD", "golden_cross", "3 pinned by this report"):
        assert words in page
