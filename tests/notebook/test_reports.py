"""Notebooks as reports: parameters with types, equal bytes, nothing half-written."""

import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from outsample import backtest
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
    """A file's value, a word's value and a default, printed by a real kernel; --notify is told where it is."""
    values = tmp_path / "values.yaml"
    values.write_text("days: 9\nname: weekly\n")
    target, told = tmp_path / "out" / "{name}-{date}.ipynb", tmp_path / "told.json"
    command = ["report", str(small), "-f", str(values), "-p", "days=8", "-o", str(target)]
    assert main([*command, "--notify", f"tee {told}"]) == 0
    (written,) = (tmp_path / "out").glob("small-*.ipynb")
    assert re.fullmatch(r"small-\d{4}-\d\d-\d\d", written.stem)
    assert "8 0.5 weekly True [1, 2] None" in written.read_text()
    outcome = json.loads(told.read_text())
    assert outcome == {"notebook": str(small), "output": str(written), "exit_code": 0, "error": None}


def test_notify_is_told_what_failed_and_its_own_failure_changes_nothing(small, tmp_path, capsys):
    """The exit code and the message of the command; a program that is not there is said on stderr."""
    told = tmp_path / "told.json"
    assert main(["report", str(small), "-p", "dasy=1", "--notify", f"tee {told}"]) == 2
    outcome = json.loads(told.read_text())
    assert outcome["exit_code"] == 2
    assert "'days'" in outcome["error"]
    assert main(["report", str(small), "-p", "dasy=1", "--notify", "/nowhere/program"]) == 2
    assert "/nowhere/program" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--wait"], ["--priority", "high"], ["--job", "-o", "x.ipynb"], ["--job", "--notify", "tee x"],
              ["--job", "--wait", "--no-html"]]
)  # fmt: skip
def test_options_that_would_be_ignored_are_refused(small, words, capsys):
    """What belongs to a job is refused without one, and the other way round."""
    assert main(["report", str(small), *words]) == 2
    assert re.search("--job|A job", capsys.readouterr().err)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A way to run a shipped notebook twice at once: in other folders, stores and hash seeds. Each pair runs once."""
    made = {}

    def begun(name, root, place, seed):
        (root / place).mkdir()
        path = NOTEBOOKS / f"{name}.ipynb"
        fewer = ["-p", "n_paths=200"] if "n_paths" in notebook_parameters(path) else []
        return subprocess.Popen(
            [sys.executable, "-m", "outsample", "report", str(path), *fewer, "-o", "out.ipynb"],
            cwd=root / place,
            env={
                **os.environ,
                "OUTSAMPLE_STORE": str(root / f"store-{place}" / "store.db"),
                "PYTHONHASHSEED": seed,
            },
        )

    def run(name):
        if name not in made:
            root = tmp_path_factory.mktemp(name)
            both = [begun(name, root, place, seed) for place, seed in (("a", "1"), ("b", "2"))]
            assert [one.wait(240) for one in both] == [0, 0]
            made[name] = root
        return made[name] / "a", made[name] / "b"

    return run


SHIPPED = ("walk_forward_report", "alpha_report", "regression_report", "batch_report")


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_two_runs_are_byte_identical(name, twice):
    """The same files, byte for byte, without a trace of the day or the path."""
    one, two = twice(name)
    names = sorted(path.name for path in one.iterdir())
    assert {"out.html", "out.ipynb", "out-data.json"} <= set(names)
    assert names == sorted(path.name for path in two.iterdir())
    today = datetime.datetime.now(datetime.UTC)
    for file in names:
        made = (one / file).read_bytes()
        assert made == (two / file).read_bytes(), file
        for trace in (str(one.parent), today.strftime("%Y-%m-%d"), today.strftime("%Y%m%d")):
            assert trace.encode() not in made, (file, trace)
    page = (one / "out.html").read_text(encoding="utf-8")
    assert "pinned by this report" in page
    assert "<script" not in page.lower()


@pytest.mark.notebook
@pytest.mark.slow
def test_the_results_of_a_report_are_data_beside_it(twice):
    """JSON and Parquet hold the numbers of the cells: those that the same calls give here, with the parameters."""
    folder, _ = twice("walk_forward_report")
    document = json.loads((folder / "out-data.json").read_text(encoding="utf-8"))
    assert document["parameters"]["n_paths"] == 200
    assert document["parameters"]["train"] == "3Y"
    first, second, third = document["results"]
    types = [item["type"] for item in document["results"]]
    assert (first["name"], types) == ("golden_cross", ["Result", "WalkForward", "Bootstrap"])
    assert third["tables"]["table"]["statistic"][:2] == ["sharpe", "cagr"]
    source = "close = data.get('close')\nposition = close.average(50) > close.average(200)\n"
    here = backtest(source, "sample", store=False, lookahead=False)
    assert first["values"]["metrics"]["sharpe"] == here.metrics.sharpe
    assert len(second["tables"]["windows"]["train_start"]) >= 9
    equity = pd.read_parquet(folder / "out-equity.parquet")
    mine = equity[equity["result"] == 1].set_index("date")["equity"]
    pd.testing.assert_series_equal(mine, here.equity, check_names=False, check_freq=False, check_index_type=False)
    trades = pd.read_parquet(folder / "out-trades.parquet")
    assert len(trades[trades["result"] == 1]) == len(here.trades)
    assert "application/vnd.outsample" not in (folder / "out.ipynb").read_text(encoding="utf-8")


@pytest.mark.notebook
@pytest.mark.slow
def test_the_batch_report_tells_the_leak(twice):
    """Three examples: one of them looks ahead, and the best of the others is shown deflated; no times."""
    page = (twice("batch_report")[0] / "out.html").read_text(encoding="utf-8")
    for words in ("LOOKAHEAD", "golden_cross", "3 pinned by this report"):
        assert words in page
    assert "wall time" not in page


@pytest.mark.notebook
@pytest.mark.slow
def test_a_report_as_a_job(tmp_path, monkeypatch, capsys):
    """--job runs it in the background, in the folder it was asked for in; --wait copies it, also when a cell failed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store" / "store.db"))
    (tmp_path / "word.txt").write_text("beside the notebook")
    source = notebook(tmp_path / "small.ipynb", "n = 1", "print(open('word.txt').read(), n)\nassert n != 3, 'three'")
    command = ["report", str(source), "--job", "--priority", "high"]
    assert main([*command, "-p", "n=2", "--wait", "-o", "out/two.ipynb"]) == 0
    assert "beside the notebook 2" in (tmp_path / "out" / "two.html").read_text(encoding="utf-8")
    assert main([*command, "-p", "n=3", "--wait", "-o", "out/three.ipynb"]) == 1
    assert "three" in capsys.readouterr().err
    assert "An Exception was encountered" in (tmp_path / "out" / "three.html").read_text(encoding="utf-8")
    # Asked for again, it is run again: its data may have changed.
    (tmp_path / "word.txt").write_text("other words")
    assert main([*command, "-p", "n=2", "--wait", "-o", "out/two.ipynb"]) == 0
    assert "other words 2" in (tmp_path / "out" / "two.ipynb").read_text(encoding="utf-8")
    assert main([*command, "-p", "n=4"]) == 0
    job = re.search(r"job: (\w+)", capsys.readouterr().out)
    assert main(["jobs", "cancel", job[1]]) == 0


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
