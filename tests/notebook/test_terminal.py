"""The same cell in a plain terminal."""

import os
import subprocess
import sys

import pytest

CELL = """%load_ext outsample
%%backtest cross --no-lookahead
fast = 20
close = data.get("close")
position = close.average(fast) > close.average(3 * fast)
"""
BAD = """%load_ext outsample
%%backtest cross --no-lookahead
position = data.get("clos")
"""


def ipython(tmp_path, cells):
    """Run cells in IPython's terminal, which reads them from its standard input."""
    first, _, rest = cells.partition("\n")
    script = tmp_path / "script.ipy"
    script.write_text(f"{first}\nget_ipython().run_cell({rest!r})\n")
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    env = {**os.environ, "IPYTHONDIR": str(tmp_path), "OUTSAMPLE_STORE": "none", "OUTSAMPLE_PROGRESS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)


@pytest.mark.slow
def test_a_terminal_prints_a_readable_table(tmp_path):
    """Aligned text, no HTML, no escape codes."""
    done = ipython(tmp_path, CELL)
    assert done.returncode == 0, done.stderr
    assert "Sharpe ratio" in done.stdout
    assert "Monthly returns" in done.stdout
    assert "<table" not in done.stdout
    lines = done.stdout.splitlines()
    top = next(place for place, line in enumerate(lines) if line.startswith("Metric "))
    assert set(lines[top + 1]) == {"-"}


@pytest.mark.slow
def test_an_error_in_a_terminal_is_short(tmp_path):
    """Category, line and hint; nothing of ours."""
    done = ipython(tmp_path, BAD)
    text = done.stdout + done.stderr
    assert "[DATA_MISSING]" in text
    assert "'close'" in text
    assert "site-packages" not in text
