"""``outsample walk-forward`` with combinatorial cross-validation, and what the commands say of look-ahead."""

import json
import math
import os
import subprocess
import sys

import pytest

from outsample import walk_forward
from outsample.cli import main

SOURCE = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
LEAK = "n = 1\nc = data.get('close')\nposition = (c.shift(-n - 1) / c.shift(-n)).fillna(0) > 1\n"
DATA = "synthetic:3x400?seed=2"
WINDOWS = ["--train", "150", "--test", "60", "--purge", "3", "--embargo", "2"]


@pytest.fixture(autouse=True)
def no_store(monkeypatch):
    """Nothing is recorded."""
    monkeypatch.setenv("OUTSAMPLE_STORE", "none")


@pytest.fixture
def strategy(tmp_path):
    """A file with a strategy."""
    file = tmp_path / "trend.py"
    file.write_text(SOURCE, encoding="utf-8")
    return file


def command(strategy, *more):
    """The words of a walk-forward."""
    return ["walk-forward", str(strategy), "--data", DATA, "--grid", "fast=5,10", *WINDOWS, *more]


def test_cross_validation_as_a_table_a_page_and_json(strategy, tmp_path, capsys):
    """--combinatorial 5,2: 10 splits and 4 paths, with the numbers of the library, in each of the three."""
    text, page = tmp_path / "walk.json", tmp_path / "walk.html"
    words = command(strategy, "--combinatorial", "5,2", "--json", str(text), "--html", str(page))
    assert main(words) == 0
    told = json.loads(text.read_text(encoding="utf-8"))["combinatorial"]
    expected = walk_forward(
        SOURCE, DATA, {"fast": [5, 10]}, train=150, test=60, purge=3, embargo=2, combinatorial=(5, 2), store=False,
        lookahead=False,
    ).combinatorial  # fmt: skip
    assert (told["purge"], told["embargo"]) == (3, 2)
    assert [one["groups"] for one in told["splits"]] == expected.splits["groups"].tolist()
    assert len(told["splits"]) == math.comb(5, 2)
    assert len(told["paths"]) == math.comb(4, 1)
    assert [one["sharpe"] for one in told["paths"]] == pytest.approx(expected.sharpes.tolist(), rel=1e-12)
    assert told["distribution"]["p50"] == pytest.approx(expected.sharpes.median(), rel=1e-12)
    for shown in (capsys.readouterr().out, page.read_text(encoding="utf-8")):
        assert "Combinatorial cross-validation" in shown
        assert "4 paths of 10 splits" in shown


def test_without_it_there_is_none(strategy, capsys):
    """JSON says null, and on the terminal it is JSON alone."""
    assert main(command(strategy, "--no-lookahead", "--json", "-")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["combinatorial"] is None
    assert told["lookahead"] is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("6", "two whole numbers"),
        ("6,2,1", "two whole numbers"),
        ("six,two", "two whole numbers"),
        ("-6,2", "two whole numbers"),
        ("2,2", "n_test < n_groups"),
        ("1,1", "n_groups"),
        ("6,0", "n_test"),
        ("60,30", "splits"),
    ],
)
def test_wrong_groups_end_with_two(strategy, capsys, wrong, said):
    """A message that names what is wrong; nothing is run, nothing is printed."""
    assert main(command(strategy, f"--combinatorial={wrong}")) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


def test_no_combination_that_ran_ends_with_one(tmp_path, capsys):
    """As without cross-validation."""
    file = tmp_path / "broken.py"
    file.write_text("fast = 1\nposition = data.get('close') > 1 / 0\n", encoding="utf-8")
    assert main(command(file, "--combinatorial", "5,2")) == 1
    assert "division by zero" in capsys.readouterr().err


def test_a_leak_is_said_by_both_commands(tmp_path, capsys):
    """JSON, table and page name it; the numbers of the page are struck through."""
    file, page = tmp_path / "leak.py", tmp_path / "leak.html"
    file.write_text(LEAK, encoding="utf-8")
    common = [str(file), "--data", DATA, "--grid", "n=1,2", "--html", str(page)]
    for words in (["sweep", *common], ["walk-forward", *common, "--train", "150", "--test", "60"]):
        assert main([*words, "--json", "-"]) == 0
        assert json.loads(capsys.readouterr().out)["lookahead"].startswith("look-ahead found")
        assert "These numbers use the future" in page.read_text(encoding="utf-8")
        assert main(words) == 0
        assert "These numbers use the future" in capsys.readouterr().out


def test_evidence_stands_beside_every_selection(strategy, tmp_path, capsys):
    """What was selected is never shown without its deflated Sharpe ratio, PBO and SPA: table, page and JSON."""
    page = tmp_path / "page.html"
    sweep = ["sweep", str(strategy), "--data", DATA, "--grid", "fast=5,10,20", "--html", str(page)]
    for words in (sweep, ["walk-forward", *sweep[1:], *WINDOWS]):
        assert main([*words, "--no-lookahead"]) == 0
        for shown in (capsys.readouterr().out, page.read_text(encoding="utf-8")):
            assert all(name in shown for name in ("eflated Sharpe", "robability of backtest overfitting", "SPA"))
        assert main([*words, "--no-lookahead", "--json", "-"]) == 0
        told = json.loads(capsys.readouterr().out)["evidence"]
        assert told["n_trials"] == 3
        assert all(0.0 <= told[name] <= 1.0 for name in ("deflated_sharpe", "pbo", "spa"))


@pytest.mark.slow
def test_the_command_is_installed(strategy):
    """As a program of its own: the table on standard output, nothing on standard error, exit code 0 and 2."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for groups, code in (("5,2", 0), ("5,5", 2)):
        words = [sys.executable, "-m", "outsample", *command(strategy, "--combinatorial", groups)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment, check=False)
        assert done.returncode == code, done.stderr
        assert ("4 paths of 10 splits" in done.stdout) is (code == 0)
        assert ("outsample:" in done.stderr) is (code == 2)
