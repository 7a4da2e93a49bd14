"""`outsample run` on many files: what it reads, writes and answers."""

import json
import os
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from outsample.batch import schema
from outsample.cli import main
from outsample.model import SandboxReport
from outsample.sandbox.client import close_server, get_server

CROSS = "close = data.get('close')\nposition = close.average(5) > close.average(20)\n"
DATA = ["--data", "synthetic:3x200?seed=4", "--no-lookahead"]


@pytest.fixture
def folder(tmp_path):
    """Two strategies, a notebook with one, and a folder with another; and what is none."""
    (tmp_path / "b.py").write_text(CROSS)
    (tmp_path / "a.py").write_text(f"# meta: model=first\n{CROSS}")
    cell = {"cell_type": "code", "source": f"%%backtest from_cell\n{CROSS}"}
    (tmp_path / "c.ipynb").write_text(json.dumps({"cells": [cell]}))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "d.py").write_text(CROSS)
    return tmp_path


def _json(path):
    value = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(value, schema())
    return value


def test_a_folder_is_its_strategies_sorted(folder, tmp_path, capsys):
    """Files and notebooks by name, not those of folders inside."""
    out = tmp_path / "out.json"
    assert main(["run", str(folder), *DATA, "--json", str(out)]) == 0
    assert [row["name"] for row in _json(out)["rows"]] == ["a", "b", "from_cell"]
    assert "Batch of 3" in capsys.readouterr().out


def test_recursive_goes_down(folder, tmp_path):
    """-r takes the folders in folders too."""
    out = tmp_path / "out.json"
    assert main(["run", str(folder), "-r", *DATA, "--json", str(out)]) == 0
    assert [row["name"] for row in _json(out)["rows"]] == ["a", "b", "from_cell", "d"]


def test_limit_takes_the_first(folder, tmp_path):
    """--limit K: the first K strategies; 0 is refused."""
    out = tmp_path / "out.json"
    assert main(["run", str(folder), "--limit", "2", *DATA, "--json", str(out)]) == 0
    assert [row["name"] for row in _json(out)["rows"]] == ["a", "b"]
    assert main(["run", str(folder), "--limit", "0", *DATA]) == 2


def test_nothing_found_is_a_valid_empty_report(tmp_path, capsys):
    """A message, a report without rows, exit code 2."""
    out = tmp_path / "out.json"
    assert main(["run", str(tmp_path), *DATA, "--json", str(out)]) == 2
    assert _json(out)["rows"] == []
    assert "No .py or .ipynb file" in capsys.readouterr().err


def test_meta_of_the_flag_beats_the_comment(folder, tmp_path):
    """Both are in the rows and in the groups."""
    out = tmp_path / "out.json"
    words = [str(folder / "a.py"), str(folder / "b.py"), *DATA, "--meta", "model=second", "--meta", "n=1"]
    assert main(["run", *words, "--json", str(out)]) == 0
    assert [row["meta"] for row in _json(out)["rows"]] == [{"model": "second", "n": "1"}] * 2


def test_what_cannot_be_read_is_a_finding(folder, tmp_path, capsys):
    """Not UTF-8, too large, too long a source, another suffix, missing, not a notebook: the rest run."""
    (tmp_path / "latin.py").write_bytes("é = 1".encode("latin-1"))
    (tmp_path / "large.py").write_text("#" * 1_000_001)
    (tmp_path / "long.py").write_text("x = 1\n" * 20_000)
    (tmp_path / "bad.ipynb").write_text("{")
    names = ["latin.py", "large.py", "long.py", "notes.txt", "missing.py", "bad.ipynb", "a.py"]
    out = tmp_path / "out.json"
    assert main(["run", *(str(tmp_path / name) for name in names), *DATA, "--json", str(out)]) == 1
    rows = _json(out)["rows"]
    assert [row["level"] for row in rows[:-1]] == [0] * 6
    assert rows[-1]["level"] > 0
    assert [row["category"] for row in rows] == [*["VALIDATION"] * 4, "DATA_MISSING", "VALIDATION", None]


def test_a_parameter_that_a_strategy_lacks_is_its_failure(folder, tmp_path):
    """Never silently left out."""
    (tmp_path / "p.py").write_text("fast = 5\n" + CROSS.replace("5", "fast"))
    out = tmp_path / "out.json"
    words = [str(tmp_path / "p.py"), str(tmp_path / "b.py"), "--params", "fast=6", *DATA, "--json", str(out)]
    assert main(["run", *words]) == 1
    assert [row["category"] for row in _json(out)["rows"]] == [None, "VALIDATION"]


def test_helper_modules_are_given_to_every_strategy(tmp_path):
    """--use FILE: a strategy may import it."""
    (tmp_path / "helpers.py").write_text("def crossed(close):\n    return close.average(5) > close.average(20)\n")
    for name in "ab":
        (tmp_path / f"{name}.py").write_text("import helpers\nposition = helpers.crossed(data.get('close'))\n")
    words = [str(tmp_path / "a.py"), str(tmp_path / "b.py"), *DATA]
    assert main(["run", *words]) == 1
    assert main(["run", *words, "--use", str(tmp_path / "helpers.py")]) == 0


def test_five_faults_in_a_row_are_exit_code_two(folder, capsys):
    """A machine that gives no protection is no strategy's fault: the batch ends, and says why once."""
    report = SandboxReport(level="process-only")
    for name in range(8):
        (folder / f"x{name}.py").write_text(f"{CROSS}tag = {name}\n")
    close_server()
    get_server().report = report
    try:
        assert main(["run", str(folder), *DATA, "--no-cache", "--parallel", "1"]) == 2
    finally:
        close_server()
    shown = capsys.readouterr().err
    assert "5 faults of the machine in a row" in shown
    assert "5 of 11 strategies are done" in shown


def test_a_settings_file_is_used_and_forgotten(folder, tmp_path, capsys):
    """--config sets limits of this run; a wrong key is refused with its place."""
    config = tmp_path / "batch.yaml"
    config.write_text("execution:\n  timeout: 0.3\n")
    (tmp_path / "slow.py").write_text("while True:\n    pass\n")
    assert main(["run", str(tmp_path / "slow.py"), *DATA, "--config", str(config)]) == 1
    assert "[TIMEOUT]" in capsys.readouterr().err
    assert "OUTSAMPLE_CONFIG" not in os.environ
    config.write_text("execution:\n  timeot: 1\n")
    assert main(["run", str(folder / "a.py"), *DATA, "--config", str(config)]) == 2
    assert "batch.yaml: there is no setting 'execution.timeot'" in capsys.readouterr().err


def test_notify_gets_the_summary(folder, tmp_path, capsys):
    """The command reads JSON; one that fails is said and changes no exit code."""
    target = tmp_path / "told.json"
    program = f"import sys; open({str(target)!r}, 'w').write(sys.stdin.read())"
    command = f'{sys.executable} -c "{program}"'
    assert main(["run", str(folder / "a.py"), *DATA, "--notify", command]) == 0
    assert json.loads(target.read_text())["executed"] == 1
    assert main(["run", str(folder / "a.py"), *DATA, "--notify", "/nowhere/command"]) == 0
    assert "--notify" in capsys.readouterr().err


def test_debug_and_json_log_lines(folder, capsys, monkeypatch):
    """--debug shows log lines; OUTSAMPLE_LOG=json makes each a JSON object with a run id."""
    monkeypatch.setenv("OUTSAMPLE_LOG", "json")
    assert main(["run", str(folder / "a.py"), *DATA, "--debug"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert any("batch of 1" in line["message"] for line in lines)
    assert len({line["run_id"] for line in lines}) == 1


@pytest.mark.slow
def test_ctrl_c_writes_the_partial_report(tmp_path):
    """A real SIGINT to a real process: it ends within seconds, with exit code 130 and a valid report."""
    (tmp_path / "a.py").write_text(CROSS)
    for name in "bcde":
        (tmp_path / f"{name}.py").write_text("while True:\n    pass\n")
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "outsample", "run", str(tmp_path), *DATA, "--parallel", "2", "--json", str(out)]
    environment = {**os.environ, "OUTSAMPLE_STORE": "none", "OUTSAMPLE_LOG": "json", "OUTSAMPLE_OUTPUT__LEVEL": "INFO"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        for line in process.stderr:
            if "a.py" in line and "message" in line:
                break
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 20
    value = _json(out)
    assert value["ended"] == "interrupted"
    assert [row["name"] for row in value["rows"]] == ["a"]
    assert value["summary"]["total"] == 5
