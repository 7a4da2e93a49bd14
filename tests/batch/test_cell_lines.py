"""Options on the line of a `%%backtest` cell, when `outsample run` reads the notebook file."""

import json

import pytest

from outsample import backtest, errors
from outsample.batch import run_many
from outsample.cli import main
from outsample.data import load
from outsample.strategy.cells import backtest_cells, module_cells

DATA = "synthetic:3x200?seed=4"
CROSS = "fast = 5\nclose = data.get('close')\nposition = close.average(fast) > close.average(20)\n"


def notebook(path, *cells):
    """Write a notebook of code cells."""
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": text} for text in cells]}))
    return path


@pytest.fixture
def run(tmp_path):
    """Run the cells of a notebook with words, and return the exit code and the rows."""

    def run(cells, *words):
        path = notebook(tmp_path / "nb.ipynb", *cells)
        # More than one strategy: a single one is written as itself.
        other = tmp_path / "other.py"
        other.write_text(CROSS)
        out = tmp_path / "out.json"
        code = main(["run", str(path), str(other), "--no-lookahead", "--json", str(out), *words])
        return code, json.loads(out.read_text())["rows"][:-1]

    return run


def total(**options):
    """Total return of the same strategy by `backtest`."""
    return backtest(CROSS, DATA, store=False, lookahead=False, **options).metrics.total_return


def test_options_of_a_cell_line_count(run):
    """Fees, resampling, dates and parameters give the numbers that `backtest` gives with the same options."""
    line = "%%backtest costly --fee-ratio 0.01 --resample W --start 2000-03-01 --params fast=9\n"
    code, (row,) = run([line + CROSS], "--data", DATA)
    assert code == 0
    expected = total(fee_ratio=0.01, resample="W", start="2000-03-01", params={"fast": 9})
    assert row["metrics"]["total_return"] == expected
    assert row["metrics"]["total_return"] != total()
    assert row["warnings"] == [text for text in row["warnings"] if "cell line" not in text]


def test_the_command_beats_the_line(run):
    """A flag is said later and by who runs the batch; parameters are merged by name."""
    line = "%%backtest costly --fee-ratio 0.01 --params fast=9\n"
    _, (row,) = run([line + CROSS], "--data", DATA, "--fee-ratio", "0.002")
    assert row["metrics"]["total_return"] == total(fee_ratio=0.002, params={"fast": 9})
    _, (row,) = run([line + CROSS], "--data", DATA, "--params", "fast=7")
    assert row["metrics"]["total_return"] == total(fee_ratio=0.01, params={"fast": 7})


def test_what_a_batch_leaves_out_is_said(run):
    """Sweeps, another dataset, less protection and higher limits are a warning of the row, by name."""
    line = (
        "%%backtest greedy --data sample --sweep fast=5,9 --trust --timeout 9999 --memory 9999 "
        "--bootstrap 100 --no-cache -o x -q\n"
    )
    code, (row,) = run([line + CROSS], "--data", DATA)
    assert code == 0
    (said,) = [text for text in row["warnings"] if "cell line" in text]
    for word in ("--data sample", "--sweep", "--trust", "--timeout 9999", "--memory 9999", "--bootstrap", "--no-cache"):
        assert word in said
    assert "-q" not in said


def test_a_lower_limit_counts(run):
    """The cell's own time limit ends it."""
    code, (row,) = run(["%%backtest slow --timeout 0.3\nwhile True:\n    pass\n"], "--data", DATA)
    assert code == 1
    assert row["category"] == "TIMEOUT"
    assert row["wall_seconds"] < 5


def test_cells_that_name_one_dataset_run_on_it(tmp_path):
    """Without --data; where they disagree, it is the configured one, and the row says so."""
    path = notebook(tmp_path / "nb.ipynb", *(f"%%backtest {name} --data {DATA}\n{CROSS}" for name in "ab"))
    out = tmp_path / "out.json"
    words = ["run", str(path), "--no-lookahead", "--json", str(out)]
    assert main(words) == 0
    assert json.loads(out.read_text())["dataset"] == load(DATA).name
    notebook(path, f"%%backtest a --data {DATA}\n{CROSS}", f"%%backtest b\n{CROSS}")
    assert main(words) == 0
    found = json.loads(out.read_text())
    assert found["dataset"] == "sample"
    assert f"--data {DATA} (the batch runs on sample)" in found["rows"][0]["warnings"][0]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--fee-ration 0.1", "--fee-ratio"),
        ("--params slow={slow}", "{slow}"),
        ("--fee-ratio '0.1", "quotation"),
        ("--fee-ratio much", "fee-ratio"),
        ("--use nothing", "nothing"),
    ],
)
def test_a_line_that_cannot_be_read_is_its_failure(run, line, text):
    """The row fails and names what is wrong; the other strategies run."""
    code, (row,) = run([f"%%backtest bad {line}\n{CROSS}"], "--data", DATA)
    assert code == 1
    assert row["category"] == "VALIDATION"
    assert text in row["message"] + row["hint"]


def test_modules_of_the_notebook(run):
    """--use finds what a %%strategy_module cell of the same notebook keeps."""
    helper = "%%strategy_module helpers\ndef crossed(close):\n    return close.average(5) > close.average(20)\n"
    cell = "%%backtest a --use helpers\nimport helpers\nposition = helpers.crossed(data.get('close'))\n"
    code, (row,) = run([helper, cell], "--data", DATA)
    assert code == 0
    assert row["metrics"]["total_return"] == total()


def test_run_many_says_that_it_read_no_line(tmp_path):
    """From Python the options are the caller's; a row says that those of its cell were not applied."""
    path = notebook(tmp_path / "nb.ipynb", f"%%backtest a --fee-ratio 0.01\n{CROSS}", f"%%backtest b\n{CROSS}")
    report = run_many([path], DATA, store=False, lookahead=False)
    assert "--fee-ratio 0.01" in report.rows[0].warnings[0]
    assert not report.rows[1].warnings


def test_cells_of_a_notebook(tmp_path):
    """Name, line and source of each; other magics are none."""
    path = notebook(
        tmp_path / "nb.ipynb",
        "%%backtest\nx = 1",
        "%%backtest_x a\ny",
        "%%backtest b -q\nz = 1",
        "x",
        "%%strategy_module m\nq",
    )
    assert [(cell.name, cell.line, cell.source) for cell in backtest_cells(path)] == [
        ("nb[0]", "", "x = 1"),
        ("b", "b -q", "z = 1"),
    ]
    assert module_cells(path) == {"m": "q"}
    with pytest.raises(errors.DataMissing):
        list(backtest_cells(tmp_path / "none.ipynb"))
