"""``%%backtest`` in a real IPython shell."""

import pytest

from outsample import Store
from outsample.notebook.failure import CellFailed

CELL = """fast = 20  # 5..60
slow = 60
close = data.get("close")
position = close.average(fast) > close.average(slow)
print("from the strategy")
"""


def failing(shell, line, cell=CELL):
    result = shell.run_cell_magic
    with pytest.raises(CellFailed) as caught:
        result("backtest", line, cell)
    return caught.value


def test_a_cell_binds_and_shows_its_result(shell):
    """-o binds, the report is displayed once, in text and HTML."""
    shell.run_cell_magic("backtest", "cross -o r --no-lookahead --params fast=10", CELL)
    result = shell.user_ns["r"]
    assert result.name == "cross"
    assert result.params == {"fast": 10, "slow": 60}
    bundle = result._repr_mimebundle_()
    assert "<table" in bundle["text/html"]
    assert "Sharpe ratio" in bundle["text/plain"]
    assert "from the strategy" in result.stdout


def test_quiet_shows_nothing_and_the_line_form_returns(shell, tmp_path):
    """-q is silent; %backtest FILE gives the result back."""
    shell.run_cell_magic("backtest", "a -q -o r --no-lookahead", CELL)
    assert shell.user_ns["r"].trades is not None
    path = tmp_path / "cross.py"
    path.write_text(CELL)
    result = shell.run_line_magic("backtest", f"{path} -q --no-lookahead")
    assert result.name == "cross"
    assert result.key == shell.user_ns["r"].key


def test_every_run_is_a_trial(shell, store_url):
    """Cells, also failing ones, enter the ledger; the same key is no new trial."""
    for line in ("a -q", "a -q", "a -q --params fast=7"):
        shell.run_cell_magic("backtest", f"{line} --no-lookahead", CELL)
    failing(shell, "bad -q", "position = data.get('close') / undefined")
    with Store.open(store_url) as store:
        assert store.count("dataset", "sample").n == 3
        assert store.trials()["status"].value_counts().to_dict() == {"completed": 3, "failed": 1}


def test_a_failing_strategy_points_at_its_line(shell):
    """Category, message, the line of the cell (the magic is line 1), and no frame of ours."""
    error = failing(shell, "x", "a = 1\nb = a / 0\nposition = b")
    text = "\n".join(error._render_traceback_())
    assert "[CALCULATION]" in text
    assert "line 3" in text
    assert "-->    3 | b = a / 0" in text
    assert "outsample/" not in text


def test_findings_of_the_validator_are_all_shown(shell):
    """Every finding with its line and hint; nothing was run, -o is not bound."""
    error = failing(shell, "x -o never", "import os\nposition = open('/etc/passwd').read()\n")
    text = str(error)
    assert "[VALIDATION]" in text
    assert "line 2" in text
    assert "line 3" in text
    assert "data.get" in text
    assert "never" not in shell.user_ns


@pytest.mark.parametrize(
    ("line", "cell", "words"),
    [
        ("--data sampel", CELL, ["sampel", "'sample'"]),
        ("", "position = data.get('clos')", ["DATA_MISSING", "clos", "'close'"]),
        ("", "x = = 1", ["SYNTAX", "line 2"]),
        ("", "a = 1", ["without positions", "position"]),
        ("", "   \n", ["empty"]),
        ("--params fats=3", CELL, ["'fast'"]),
        ("--fee-ratio 5", CELL, ["fee_ratio", "Got 5.0"]),
        ("--resampel ME", CELL, ["--resample"]),
        ("--walk-forward train=3Y,test=1Y", CELL, ["--sweep"]),
        ("--benchmark AAPLE", CELL, ["'AAPL'"]),
        ("--engine fast", CELL, ["fast", "vectorised"]),
        ("'unclosed", CELL, ["quotation"]),
        ("--timeout 1", "while True: pass", ["TIMEOUT", "1"]),
        ("--memory 100", "x = [0] * 10**10\nposition = 1", ["MEMORY"]),
    ],
)
def test_wrong_input_says_what_to_do_and_the_kernel_goes_on(shell, line, cell, words):
    """Each mistake has its own message, and the next cell runs."""
    text = str(failing(shell, line, cell))
    for word in words:
        assert word in text
    shell.run_cell_magic("backtest", "next -q -o r --no-lookahead", CELL)
    assert shell.user_ns["r"].name == "next"


def test_datasets_of_the_notebook(shell):
    """--data takes a variable: a Dataset, a dict of frames, a DataFrame of closes."""
    import outsample

    data = outsample.load("sample")
    shell.user_ns.update(mine=data, closes=data.get("close"), frames={"close": data.get("close")})
    for name in ("mine", "closes", "frames"):
        shell.run_cell_magic("backtest", f"a -q -o r --no-lookahead --data {name}", CELL)
        assert len(shell.user_ns["r"].equity) > 3000


def test_variables_are_expanded_in_the_line(shell):
    """{name} in the line is a variable of the notebook."""
    shell.user_ns["days"] = 33
    shell.run_cell("%%backtest a -q -o r --no-lookahead --params fast={days}\n" + CELL).raise_error()
    assert shell.user_ns["r"].params["fast"] == 33


def test_loading_twice_and_unloading(shell):
    """Loading is idempotent; unloading removes the magics."""
    shell.run_line_magic("reload_ext", "outsample")
    shell.run_line_magic("unload_ext", "outsample")
    assert "backtest" not in shell.magics_manager.magics["cell"]
    shell.run_line_magic("load_ext", "outsample")
    assert "backtest" in shell.magics_manager.magics["cell"]


@pytest.mark.slow
def test_sweep_and_walk_forward_and_bootstrap_from_one_line(shell):
    """The options that re-run a strategy bind beside the result."""
    line = "cross -q -o r --sweep fast=10,20 slow=60,90 --walk-forward train=756,test=252 --bootstrap 200,seed=1"
    shell.run_cell_magic("backtest", line, CELL)
    assert len(shell.user_ns["r_walk_forward"].windows) >= 9
    assert shell.user_ns["r"].judgement.evidence.out_of_sample_sharpe is not None
    assert shell.user_ns["r"].judgement.evidence.n_trials == 4
    assert len(shell.user_ns["r_bootstrap"].table) > 0


def test_runs_lists_what_was_done(shell):
    """%runs shows recorded results."""
    shell.run_cell_magic("backtest", "one -q --no-lookahead", CELL)
    table = shell.run_line_magic("runs", "")
    assert table["name"].tolist() == ["one"]
    shell.run_line_magic("outsample", "")
