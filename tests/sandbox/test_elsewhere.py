"""Where there is no Landlock and the modules of Unix are missing: what works, and what is said."""

import json
import subprocess
import sys

import pytest

# As on a system that is not Linux and has none of these modules; libraries are imported before the name changes.
ELSEWHERE = """
import json, sys
import IPython, joblib, numba, numpy, pandas, psutil, pyarrow, sqlalchemy
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
sys.platform = "elsewhere"
import outsample
from outsample.config import SandboxPolicy
data = outsample.load("sample")
source = 'days = 200\\nclose = data.get("close")\\nposition = close > close.average(days)'
said = {}
try:
    outsample.backtest(source, data, lookahead=False).metrics
except outsample.SandboxRefused as error:
    said["refused"] = [str(error), error.hint]
policy = SandboxPolicy(require="process-only")
"""


def _elsewhere(program):
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE + program + "\nprint(json.dumps(said))"],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_run_is_refused_and_allowed_on_request():
    """The default asks for the kernel's protection; the hint names the way around, and that gives the same numbers."""
    import outsample

    said = _elsewhere(
        "result = outsample.backtest(source, data, lookahead=False, sandbox=policy)\n"
        "said['sharpe'] = result.metrics.sharpe"
    )
    assert "process-only" in said["refused"][1]
    source = 'days = 200\nclose = data.get("close")\nposition = close > close.average(days)'
    assert said["sharpe"] == outsample.backtest(source, "sample", lookahead=False).metrics.sharpe


@pytest.mark.slow
def test_a_sweep_runs_each_set_in_a_worker_of_its_own():
    """Slower than a session, with the same rows."""
    import outsample

    said = _elsewhere(
        "import os; os.environ['OUTSAMPLE_SANDBOX__REQUIRE'] = 'process-only'\n"
        "table = outsample.sweep(source, data, {'days': [50, 200]}).table\n"
        "said['sharpe'] = list(table['sharpe'])"
    )
    source = 'days = 200\nclose = data.get("close")\nposition = close > close.average(days)'
    table = outsample.sweep(source, "sample", {"days": [50, 200]}).table
    assert said["sharpe"] == list(table["sharpe"])
