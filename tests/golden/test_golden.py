"""Golden results: what is the same, what drifted, and why."""

import json

import pandas as pd
import pytest

from outsample import Dataset, Strategy, accept_golden, backtest, check_golden, load, record_golden
from outsample.cli import main
from outsample.errors import ConfigError, DataInvalid, DataMissing
from outsample.golden import GoldenStatus, golden_names, read_golden
from outsample.golden.checking import GoldenDrift

pytestmark = pytest.mark.slow
SOURCE = "fast = 20\nslow = 60\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
DATA = "synthetic:4x400?seed=5"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one golden result, recorded from a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    (tmp_path / "cross.py").write_text(SOURCE)
    result = backtest(Strategy.from_file("cross.py"), DATA, lookahead=True)
    record_golden(result, reason="first", strategy_file="cross.py", n_trials=3)
    return tmp_path / "golden"


def status(name="cross", **options):
    return check_golden(name, **options).status


def test_the_same_inputs_are_the_same(folder):
    """Nothing moved, nothing to explain; recorded again from the same inputs the JSON says the same."""
    found = check_golden("cross")
    assert found.status is GoldenStatus.SAME
    assert found.first_date is None
    assert all(item.ok for item in found.metrics)
    found.raise_for_status()
    golden = read_golden("cross")
    assert (golden.reason, golden.document["n_trials"]) == ("first", 3)
    assert golden.key == backtest(Strategy.from_source(SOURCE, "cross"), DATA, store=False).key


@pytest.mark.parametrize(
    ("change", "factor", "words"),
    [
        (("fast = 20", "fast = 30"), "parameters", "fast: 20 -> 30"),
        (("close.average(fast) >", "close.average(fast) * 1.01 >"), "source", "1.01"),
    ],
)
def test_a_changed_strategy_is_named(folder, change, factor, words):
    """Drifted: which input, which line, how much of it, and from which bar on."""
    (folder.parent / "cross.py").write_text(SOURCE.replace(*change))
    found = check_golden("cross")
    assert found.status is GoldenStatus.DRIFTED
    assert found.explanation.factors == (factor,)
    assert words in str(found)
    before = backtest(SOURCE, DATA, store=False).equity
    after = backtest(SOURCE.replace(*change), DATA, store=False).equity
    assert found.first_date == before.index[(before - after).abs() > 1e-9][0]
    moved = {item.metric: item.got - item.expected for item in found.metrics if item.metric == "total_return"}
    assert found.explanation.changes[0].effects["total_return"] == pytest.approx(moved["total_return"], rel=1e-9)
    with pytest.raises(GoldenDrift, match="not what was accepted"):
        found.raise_for_status()


def test_a_comment_is_no_drift(folder):
    """Layout and comments change nothing."""
    (folder.parent / "cross.py").write_text(f"# a comment\n{SOURCE}\n\n")
    assert status() is GoldenStatus.SAME


def test_changed_costs_are_named(folder, monkeypatch):
    """A setting that stands behind the strategy moves the result, and is the reason that is given."""
    golden = read_golden("cross")
    request = dict(golden.document["run"]["request"])
    assert request["options"] == {}
    strategy = Strategy.from_source(SOURCE + "sim(position, fee_ratio=0.01)\n", "cross")
    found = check_golden("cross", strategy=strategy)
    assert found.status is GoldenStatus.DRIFTED
    assert "fee_ratio" in str(found)


def test_one_changed_cell_is_changed_data(folder):
    """Not a drift of the strategy: the snapshot is another one, and the frame is named."""
    data = load(DATA)
    close = pd.DataFrame(data.frame("close")).copy()
    close.iloc[200, 1] *= 1.02
    other = Dataset.from_frames({"close": close}, name="other")
    found = check_golden("cross", data=other)
    assert found.status is GoldenStatus.DATA_CHANGED
    assert "data" in found.explanation.factors
    assert "close" in str(found)


def test_a_stored_dataset_that_changed_is_explained_cell_by_cell(folder):
    """The name leads to another snapshot now: data changed, which frame, date and symbol, and how much it makes."""
    close = pd.DataFrame(load(DATA).frame("close")).copy()
    first = Dataset.from_frames({"close": close}, name="mine")
    first.save("mine")
    record_golden(backtest(Strategy.from_source(SOURCE, "stored"), load("mine"), lookahead=False), reason="r")
    assert status("stored") is GoldenStatus.SAME
    close.iloc[300, 2] *= 1.5
    Dataset.from_frames({"close": close}, name="mine").save("mine")
    found = check_golden("stored")
    assert found.status is GoldenStatus.DATA_CHANGED
    (change,) = found.explanation.changes
    assert change.factor == "data"
    assert str(close.index[300].date()) in str(found)
    assert close.columns[2] in str(found)


def test_what_cannot_run_says_so(folder):
    """A broken strategy or a missing parameter is a status, never a traceback."""
    for text in ("position = data.get('nothing')\n", "import os\n", SOURCE.replace("fast = 20", "fast = 20 / 0")):
        (folder.parent / "cross.py").write_text(text)
        found = check_golden("cross")
        assert found.status is GoldenStatus.CANNOT_RUN
        assert found.notes


def test_a_missing_file_runs_the_recorded_source(folder):
    """And says so."""
    (folder.parent / "cross.py").unlink()
    found = check_golden("cross")
    assert found.status is GoldenStatus.SAME
    assert "recorded source" in found.notes[0]


def test_accepting_needs_a_reason_and_keeps_the_history(folder):
    """The new expectation holds, the old one is a line of history, the audit knows."""
    (folder.parent / "cross.py").write_text(SOURCE.replace("fast = 20", "fast = 30"))
    old = read_golden("cross")
    for reason in ("", "  "):
        with pytest.raises(ConfigError, match="reason"):
            accept_golden("cross", reason=reason)
    assert read_golden("cross").key == old.key
    accept_golden("cross", reason="a faster average")
    new = read_golden("cross")
    assert status() is GoldenStatus.SAME
    assert new.document["history"] == [
        {"key": old.key, **{name: old.document[name] for name in ("created_at", "approved_by", "reason")}}
    ]
    from outsample import Store

    with Store.open() as store:
        assert store.audit()["action"].tolist()[:2] == ["golden accepted", "golden recorded"]


def test_only_an_admin_accepts(folder, monkeypatch):
    """A runner is refused, nothing changes."""
    monkeypatch.setenv("OUTSAMPLE_ROLE", "runner")
    with pytest.raises(ConfigError, match="admin"):
        accept_golden("cross", reason="because")


def test_files_changed_by_hand_are_noticed(folder):
    """An expectation that was edited is not an expectation."""
    path = folder / "cross.json"
    text = path.read_text()
    path.write_text(text.replace('"reason": "first"', '"reason": "other"'))
    with pytest.raises(DataInvalid, match="changed by hand"):
        check_golden("cross")
    path.write_text(text)
    (folder / "cross.csv").write_text("")
    with pytest.raises(DataInvalid, match=r"cross\.csv"):
        check_golden("cross")


def test_names_and_tolerances_are_checked(folder):
    """Names that no file can have, a second one of the same name, unknown metrics, unknown names."""
    result = backtest(SOURCE, DATA, store=False)
    for name in ("../x", "a/b", "", "manifest", "x" * 200, "."):
        with pytest.raises(ConfigError, match="cannot be called"):
            record_golden(result, name or "/", reason="r")
    with pytest.raises(ConfigError, match="already"):
        record_golden(result, "cross", reason="r")
    with pytest.raises(ConfigError, match="sharpe"):
        record_golden(result, "other", reason="r", tolerances={"sharp": 0.1})
    with pytest.raises(DataMissing, match="cross"):
        check_golden("crss")
    assert golden_names() == ["cross"]


def test_a_tolerance_lets_a_metric_move(folder):
    """With wide tolerances on everything only the digests of positions and trades drift."""
    (folder.parent / "cross.py").write_text(SOURCE.replace("fast = 20", "fast = 21"))
    tight = check_golden("cross")
    moved = [item.metric for item in tight.metrics if not item.ok]
    result = backtest(SOURCE, DATA, store=False)
    record_golden(result, "wide", reason="r", tolerances=dict.fromkeys(moved, 1e9))
    found = check_golden("wide", strategy=Strategy.from_file("cross.py"))
    assert all(item.ok for item in found.metrics if item.expected)
    assert found.status is GoldenStatus.DRIFTED


def test_an_old_expectation_carries_a_note(folder):
    """Older than the limit: a note, not a failure."""
    found = check_golden("cross", max_age_days=-1)
    assert found.status is GoldenStatus.SAME
    assert "days ago" in found.notes[0]


def test_the_command_and_its_exit_codes(folder, capsys, tmp_path):
    """0 the same, 1 drifted, 3 cannot run; accept without a reason is refused; --json is JSON; --notify is told."""
    told = tmp_path / "told"
    assert main(["golden", "check", "--notify", f"tee {told}"]) == 0
    assert json.loads(told.read_text())["checks"][0]["status"] == "SAME"
    (folder.parent / "cross.py").write_text(SOURCE.replace("fast = 20", "fast = 30"))
    capsys.readouterr()
    assert main(["golden", "check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"][0]["explanation"]["changes"][0]["input"] == "parameters"
    assert main(["golden", "accept", "cross", "--reason", ""]) == 2
    assert main(["golden", "accept", "cross", "--reason", "faster"]) == 0
    assert main(["golden", "check"]) == 0
    (folder.parent / "cross.py").write_text("position = 1 / 0")
    assert main(["golden", "check"]) == 3
    assert main(["golden", "check", "nothing"]) == 3
    assert main(["golden", "list"]) == 0
    assert "faster" in capsys.readouterr().out
    assert main(["golden", "record", "cross.py", "--data", DATA, "--reason", "r"]) != 0


def test_pytest_runs_them(folder):
    """The plugin: one test per golden result, with what moved as its failure."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "pytest", "-q", "--outsample-golden", "golden"]
    good = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=False)
    assert good.returncode == 0, good.stdout
    assert "1 passed" in good.stdout
    (folder.parent / "cross.py").write_text(SOURCE.replace("fast = 20", "fast = 30"))
    bad = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=False)
    assert bad.returncode == 1
    assert "fast: 20 -> 30" in bad.stdout
    assert "golden/actions.py" not in bad.stdout
