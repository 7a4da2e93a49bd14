"""The command line: the same calls from a shell, and its exit codes."""

import json
import subprocess
import sys

import pytest

from outsample.cli import main

CROSS = "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close.average(60)\n"


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))


@pytest.fixture
def strategy(tmp_path):
    path = tmp_path / "cross.py"
    path.write_text(CROSS)
    return path


def test_run_writes_reports(strategy, tmp_path, capsys):
    """Text on the terminal; JSON, Markdown and HTML on request."""
    outputs = {kind: tmp_path / f"out.{kind}" for kind in ("json", "markdown", "html")}
    options = [word for kind, path in outputs.items() for word in (f"--{kind}", str(path))]
    assert main(["run", str(strategy), "--params", "fast=10", "--no-lookahead", *options]) == 0
    assert "Sharpe ratio" in capsys.readouterr().out
    assert json.loads(outputs["json"].read_text())["inputs"]["parameters"] == {"fast": 10}
    assert outputs["markdown"].read_text().startswith("# cross")
    assert "<!doctype html>" in outputs["html"].read_text()


def test_one_failure_does_not_stop_the_rest(strategy, tmp_path, capsys):
    """Every file gets its answer; the exit code says that one failed."""
    bad = tmp_path / "bad.py"
    bad.write_text("position = 1 / 0\n")
    assert main(["run", str(tmp_path / "missing.py"), str(bad), str(strategy), "--no-lookahead"]) == 1
    captured = capsys.readouterr()
    assert "missing.py" in captured.err
    assert "[CALCULATION]" in captured.err
    assert "line 1" in captured.err
    assert "Sharpe ratio" in captured.out


@pytest.mark.parametrize(
    "words",
    [
        ["run", "missing.py"],
        ["report", "missing.ipynb"],
        ["run", "{strategy}", "--data", "nowhere"],
        ["run", "{strategy}", "--fee-ratio", "9"],
        [],
    ],
)
def test_what_cannot_run_is_exit_code_two(words, strategy, capsys):
    """Wrong arguments are not a failed strategy."""
    assert main([word.format(strategy=strategy) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.err or captured.out


def test_runs_lists_the_ledger(strategy, capsys):
    """Recorded results, as a table and as JSON."""
    main(["run", str(strategy), "--no-lookahead"])
    capsys.readouterr()
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "cross"


def test_notebook_cells_are_run_too(tmp_path, capsys):
    """The %%backtest cells of an .ipynb."""
    cell = {"cell_type": "code", "source": f"%%backtest from_cell\n{CROSS}"}
    path = tmp_path / "nb.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    assert main(["run", str(path), "--no-lookahead"]) == 0
    assert "from_cell" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_poor_terminal_never_ends_a_run(strategy, encoding, tmp_path):
    """R10: no UnicodeEncodeError, whatever the terminal can show."""
    strategy.write_text(CROSS + "print('台積電 ✓')\n", encoding="utf-8")
    environment = {
        "PYTHONIOENCODING": encoding,
        "LC_ALL": "C",
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "OUTSAMPLE_STORE": "none",
    }
    command = [sys.executable, "-m", "outsample", "run", str(strategy), "--no-lookahead"]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert b"Sharpe ratio" in done.stdout
