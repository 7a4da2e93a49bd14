"""``%%backtest`` in a real IPython shell."""

import asyncio
import re
from pathlib import Path

import pytest
from IPython.utils.capture import capture_output

from outsample import Store
from outsample.notebook.arguments import backtest_parser
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


def test_alpha_mode_needs_a_signal_and_a_method(shell):
    """--alpha turns scores into weights; each half alone is an error that names the other."""
    cell = "signal = data.get('close').pct_change(20)"
    shell.run_cell_magic("backtest", "m -q -o r --alpha rank --resample ME --no-lookahead", cell)
    result = shell.user_ns["r"]
    assert result.alpha.summary["dates"].min() > 100
    assert "mean ic" in str(result)
    assert "--alpha rank" in str(failing(shell, "m", cell))
    assert "signal" in str(failing(shell, "m --alpha rank"))


def test_a_module_of_the_notebook(shell):
    """%%strategy_module keeps checked code, --use lets a strategy import it; its code is in the key."""
    body = "n = 20\nimport tools\nposition = tools.above(data.get('close'), n)"
    keys = []
    for factor in (2, 3):
        module = f"def above(close, n):\n    return close.average(n) > close.average({factor} * n)"
        shell.run_cell_magic("strategy_module", "tools", module)
        shell.run_cell_magic("backtest", "m -q -o r --use tools --no-lookahead", body)
        keys.append(shell.user_ns["r"].key)
    assert keys[0] != keys[1]
    assert "tols" in str(failing(shell, "m --use tols", body))
    with pytest.raises(CellFailed, match="open"):
        shell.run_cell_magic("strategy_module", "bad", "text = open('x').read()")


def test_a_module_from_a_file(shell, tmp_path):
    """--use also takes a file."""
    (tmp_path / "mine.py").write_text("def above(close):\n    return close.average(20) > close.average(60)\n")
    cell = "import mine\nposition = mine.above(data.get('close'))"
    shell.run_cell_magic("backtest", f"m -q -o r --no-lookahead --use {tmp_path / 'mine.py'}", cell)
    shell.run_cell_magic("backtest", "m -q -o s --no-lookahead", CELL)
    assert shell.user_ns["r"].equity.equals(shell.user_ns["s"].equity)


def test_a_notebook_variable_in_a_strategy_is_explained(shell):
    """The error says that the name is the notebook's, and how to pass it; doing so works."""
    shell.user_ns["lookback"] = 30
    error = failing(shell, "m", "position = data.get('close') > data.get('close').average(lookback)")
    assert "variable of the notebook" in str(error)
    assert "--params lookback={lookback}" in str(error)
    cell = "lookback = 10\nposition = data.get('close') > data.get('close').average(lookback)"
    shell.run_cell("%%backtest m -q -o r --no-lookahead --params lookback={lookback}\n" + cell)
    assert shell.user_ns["r"].params == {"lookback": 30}


def test_config_stands_behind_the_line(shell):
    """%config gives defaults, the line beats it, an invalid value is refused and breaks no reload."""
    shell.run_line_magic("config", "OutsampleMagics.lookahead = False")
    shell.run_cell_magic("backtest", "m -q -o r", CELL)
    assert shell.user_ns["r"].lookahead is None
    shell.run_line_magic("config", "OutsampleMagics.timeout = -5")
    shell.run_line_magic("reload_ext", "outsample")
    shell.run_cell_magic("backtest", "m -q -o s --no-lookahead", CELL)
    assert shell.user_ns["s"].key == shell.user_ns["r"].key
    shell.run_line_magic("config", "OutsampleMagics.dataset = 'sampel'")
    assert "'sample'" in str(failing(shell, "m -q"))


def test_the_newest_result_is_at_hand(shell):
    """outsample.last is the result of the newest cell."""
    import outsample

    shell.run_cell_magic("backtest", "m -q -o r --no-lookahead", CELL)
    assert outsample.last is shell.user_ns["r"]


def test_compare_two_cells(shell):
    """%compare takes variables; a wrong name is answered with the nearest."""
    for name, fast in (("one", 10), ("two", 20)):
        shell.run_cell_magic("backtest", f"{name} -q -o {name} --no-lookahead --params fast={fast}", CELL)
    found = shell.run_line_magic("compare", "one two")
    assert found.first_difference is not None
    with pytest.raises(CellFailed, match="two"):
        shell.run_line_magic("compare", "one tow")
    with pytest.raises(CellFailed, match="takes two"):
        shell.run_line_magic("compare", "one")


def test_a_recorded_strategy_comes_back_as_a_cell(shell):
    """%runs --show KEY puts source, dataset and parameters into the next cell, which gives the same key."""
    shell.run_cell_magic("backtest", "cross -q -o r --no-lookahead --params fast=7", CELL)
    table = shell.run_line_magic("runs", "cross")
    shell.run_line_magic("runs", f"--show {table['result_key'].iloc[0]}")
    cell = shell.rl_next_input or shell.payload_manager.read_payload()[-1]["text"]
    shell.run_cell(cell.replace("%%backtest cross", "%%backtest cross -q -o again --no-lookahead", 1))
    assert shell.user_ns["again"].key == shell.user_ns["r"].key


def test_tab_completes_the_line(shell):
    """Options, datasets and choices complete in a real completer; the body of a cell is left alone."""
    shell.user_ns["mine"] = __import__("outsample").load("synthetic:2x50?seed=1")

    def words(text):
        with __import__("IPython.core.completer", fromlist=["x"]).provisionalcompleter():
            return [item.text for item in shell.Completer.completions(text, len(text))]

    assert words("%%backtest cross --walk") == ["--walk-forward"]
    assert words("%%backtest cross --data s") == ["sample"]
    assert words("%%backtest cross --data mi") == ["mine"]
    assert words("%%backtest cross --alpha z") == ["zscore"]
    assert "--data" not in words("%%backtest cross\nx = 1\n--da")
    shell.run_line_magic("unload_ext", "outsample")
    assert "--walk-forward" not in words("%%backtest cross --walk")


def test_datasets_are_listed(shell):
    """%data names what --data takes."""
    shell.user_ns["mine"] = __import__("outsample").load("synthetic:2x50?seed=1")
    table = shell.run_line_magic("data", "")
    assert {"sample", "mine"} <= set(table["dataset"])
    assert shell.run_line_magic("data", "sample").name == "sample"


def test_status_names_protection_and_trials(shell):
    """%outsample says what protects, where runs are recorded and how many there are."""
    shell.run_cell_magic("backtest", "m -q --no-lookahead", CELL)
    with capture_output() as captured:
        shell.run_line_magic("outsample", "")
    text = captured.stdout
    assert "kernel-confined" in text
    assert "1 distinct trials" in text


@pytest.mark.slow
def test_a_cell_against_its_golden_result(shell, tmp_path, monkeypatch):
    """--golden passes while nothing moved, and fails the cell with what did."""
    import outsample

    monkeypatch.chdir(tmp_path)
    shell.run_cell_magic("backtest", "cross -q -o r --no-lookahead", CELL)
    outsample.record_golden(shell.user_ns["r"], reason="first")
    shell.run_cell_magic("backtest", "cross -q -o s --no-lookahead --golden", CELL)
    assert shell.user_ns["s_golden"].ok
    error = failing(shell, "cross -q --no-lookahead --golden --params fast=21")
    assert "fast: 20 -> 21" in str(error)


@pytest.mark.slow
def test_a_queued_cell_is_a_job_with_the_same_result(shell):
    """--queue returns at once, -o binds the job, %jobs lists it, its result is that of the direct run."""
    shell.run_cell_magic("backtest", "cross -q -o job --queue high --no-lookahead --params fast=9", CELL)
    job = shell.user_ns["job"]
    assert job.wait(60).status == "completed"
    assert shell.run_line_magic("jobs", "completed")["name"].tolist() == ["cross"]
    shell.run_cell_magic("backtest", "cross -q -o r --no-lookahead --no-cache --params fast=9", CELL)
    assert job.result().canonical_bytes == shell.user_ns["r"].canonical_bytes
    assert "--queue" in str(failing(shell, "cross --queue urgent"))


# What each option of a run changes in the result that it leads to, on three years of the sample.
SPAN = "--start 2005-01-03 --end 2007-12-31"


def bound(shell, line, cell=CELL):
    shell.run_cell_magic("backtest", f"m -q -o r --no-lookahead {SPAN} {line}", cell)
    return shell.user_ns["r"]


def test_the_period_is_that_of_the_line(shell):
    """--start and --end bound the equity; the averages still read the years before."""
    equity = bound(shell, "").equity
    assert (str(equity.index[0].date()), str(equity.index[-1].date())) == ("2005-01-03", "2007-12-31")
    assert equity.iloc[5] != equity.iloc[0]


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("--fee-ratio 0.002", "fee_ratio", 0.002),
        ("--tax-ratio 0.003", "tax_ratio", 0.003),
        ("--slippage 0.001", "slippage", 0.001),
        ("--resample ME", "resample", "ME"),
    ],
)
def test_costs_and_schedule_are_those_of_the_line(shell, option, name, value):
    """The option is in the configuration; each cost makes the result worse than without it."""
    plain, changed = bound(shell, "").equity.iloc[-1], bound(shell, option)
    assert changed.config[name] == value
    assert name == "resample" or changed.equity.iloc[-1] < plain


def test_engine_seed_benchmark_and_trust(shell):
    """Each stands in the request; the reference engine gives the same equity, another seed another result."""
    plain = bound(shell, "")
    slow = bound(shell, "--engine reference --benchmark AAPL --trust")
    assert (slow.outcome.request.engine, slow.outcome.benchmark_name) == ("reference", "AAPL")
    assert slow.outcome.request.policy.require == "process-only"
    assert abs(slow.equity - plain.equity).max() < 1e-9
    cell = "position = data.get('close') * 0 + np.random.random(5)"
    assert bound(shell, "--seed 1", cell).equity.iloc[-1] != bound(shell, "--seed 2", cell).equity.iloc[-1]


def test_a_known_result_is_not_run_again_unless_asked(shell):
    """The second run comes from the store; --no-cache runs and compares."""
    bound(shell, "")
    assert "store" in bound(shell, "").usage or "sandbox" not in bound(shell, "").usage
    assert "sandbox" in str(bound(shell, "--no-cache").usage)


def test_qlib_reports_are_written_beside(shell, tmp_path, monkeypatch):
    """--qlib writes its numbers, with or without Qlib, and binds what was written."""
    monkeypatch.chdir(tmp_path)
    bound(shell, "--qlib")
    written = shell.user_ns["r_qlib"]
    assert written.files
    assert all((Path(written.folder) / name).exists() for name in written.files)


def test_a_bootstrap_is_shown_as_a_report(shell):
    """--bootstrap displays text, tables and a picture; the values are bound."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.run_cell_magic("backtest", f"m -o r --no-lookahead {SPAN} --bootstrap 200,seed=1", CELL)
    (shown,) = [item.data for item in captured.outputs if "Bootstrap" in item.data.get("text/plain", "")]
    assert "<table" in shown["text/html"]
    assert "image/png" in shown
    low, high = shell.user_ns["r_bootstrap"].table.set_index("statistic").loc["sharpe", ["low", "high"]]
    assert f"between {low:.2f} and {high:.2f}" in shown["text/plain"]
    shell.run_line_magic("unload_ext", "outsample")
    plain = shell.display_formatter.format(shell.user_ns["r_bootstrap"])[0]  # the value's own table and fan
    assert "image/png" not in plain
    assert plain["text/html"] != shown["text/html"]


def test_long_names_of_output_and_quiet(shell):
    """--output and --quiet are -o and -q."""
    with capture_output() as captured:
        shell.run_cell_magic("backtest", f"m --quiet --output found --no-lookahead {SPAN}", CELL)
    assert shell.user_ns["found"].name == "m"
    assert captured.outputs == []


@pytest.mark.parametrize(("line", "words"), [("--queue high --job-timeout 0", "[1, 86400]"), ("--fallback moon", "")])
def test_options_of_jobs_are_checked_before_anything_runs(shell, line, words):
    """Seconds out of range and an unknown fallback are refused, and nothing is submitted."""
    assert words in str(failing(shell, f"m -o job {line}"))
    assert "job" not in shell.user_ns


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--fallback local", "--fallback is for jobs"),
        ("--job-timeout 5", "--job-timeout is for jobs"),
        ("--queue low --bootstrap 100", "--bootstrap is not done by a job"),
        ("--queue low --golden", "--golden is not done by a job"),
        ("--queue low --walk-forward train=100,test=50", "needs a grid"),
    ],
)
def test_options_that_say_nothing_together_are_refused(shell, line, words):
    """An option that would be left out is an error, before anything runs."""
    assert words in str(failing(shell, f"m -o job {line}"))
    assert "job" not in shell.user_ns


def test_without_redis_a_queued_cell_falls_back(shell, monkeypatch):
    """Redis away: an error that names the way out, and no job; with --fallback local the job waits on this machine."""
    pytest.importorskip("redis")
    from outsample.jobs.table import list_jobs
    from outsample.ledger.trials import default_store

    monkeypatch.setenv("OUTSAMPLE_JOBS__BACKEND", "rq")
    monkeypatch.setenv("OUTSAMPLE_REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setattr("outsample.jobs.job.ensure_supervisor", lambda *_: None)  # nobody takes the job
    assert "--fallback local" in str(failing(shell, "m -q -o job --queue low --no-lookahead"))
    assert len(list_jobs(default_store())) == 0
    shell.run_cell_magic("backtest", "m -q -o job --queue low --fallback local --no-lookahead", CELL)
    row = shell.user_ns["job"].row
    assert (row["backend"], row["priority"], row["status"]) == ("local", "low", "pending")


def test_a_cell_under_a_running_event_loop(shell):
    """As in a kernel: the same result, and the loop goes on."""

    async def notebook():
        ticks = []
        ticking = asyncio.create_task(asyncio.sleep(0, ticks.append(1)))
        shell.run_cell_magic("backtest", f"m -q -o inside --no-lookahead {SPAN}", CELL)
        await ticking
        return ticks

    assert asyncio.run(notebook()) == [1]
    assert shell.user_ns["inside"].key == bound(shell, "").key


def test_two_magic_lines_in_one_cell_are_an_error_of_the_cell(shell):
    """The second one is no Python: the line is named, and nothing is bound."""
    error = failing(shell, "first -o twice", f"{CELL}\n%%backtest second -o twice\n{CELL}")
    assert "[SYNTAX]" in str(error)
    assert f"line {len(CELL.splitlines()) + 3}" in str(error)
    assert "twice" not in shell.user_ns


def test_every_option_is_in_these_tests():
    """An option that is added here has a test, or this one fails."""
    text = Path(__file__).read_text(encoding="utf-8")
    for action in backtest_parser()._actions:
        for option in action.option_strings:
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), option
