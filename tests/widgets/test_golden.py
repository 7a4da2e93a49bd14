"""`golden`: the table, a check, accepting with a reason."""

import json

import pytest

import outsample
from outsample.golden import record_golden
from outsample_widgets import golden


@pytest.fixture
def folder(tmp_path, result, source, data, monkeypatch):
    """A golden result of a strategy file, on data that a name leads to."""
    file = tmp_path / "cross.py"
    file.write_text(source, encoding="utf-8")
    made = outsample.backtest(outsample.Strategy.from_file(file), data, store=False, lookahead=False)
    record_golden(made, "cross", reason="first", folder=tmp_path / "golden", strategy_file=file)
    monkeypatch.setenv("OUTSAMPLE_ROLE", "admin")
    return tmp_path / "golden"


def test_an_unchanged_result_is_the_same(folder, asked):
    """Run again, it is what was accepted, and there is nothing to accept."""
    answer, _ = asked(golden(folder=folder), "check", name="cross")
    assert answer["outcome"] == "SAME"
    assert answer["acceptable"] is False


def test_a_changed_strategy_drifts_and_is_accepted_with_a_reason(folder, asked, source):
    """The drift table has expected and got; without a reason nothing is accepted; then it is the same again."""
    (folder.parent / "cross.py").write_text(source.replace("fast = 50", "fast = 20"), encoding="utf-8")
    widget = golden(folder=folder)
    answer, _ = asked(widget, "check", name="cross")
    assert answer["outcome"] == "DRIFTED"
    assert answer["acceptable"] is True
    assert [column["label"] for column in answer["tables"][0]["columns"]][:4] == [
        "Metric",
        "Expected",
        "Got",
        "Tolerance",
    ]
    assert any("differs from" in text for text in answer["sentences"])
    refused, _ = asked(widget, "accept", name="cross", reason="  ")
    assert "needs a reason" in refused["error"]
    accepted, _ = asked(widget, "accept", name="cross", reason="a shorter average")
    assert accepted["rows"][0]["reason"] == "a shorter average"
    again, _ = asked(widget, "check", name="cross")
    assert again["outcome"] == "SAME"


def test_names_from_the_browser_are_looked_up(folder, asked):
    """No path is made of them."""
    answer, _ = asked(golden(folder=folder), "check", name="../../etc/passwd")
    assert "no golden result" in answer["error"]


def test_a_file_that_was_edited_by_hand_is_named(folder):
    """Its row says so; the table is shown."""
    path = folder / "cross.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["reason"] = "edited"
    path.write_text(json.dumps(document), encoding="utf-8")
    row = golden(folder=folder)._about["rows"][0]
    assert row["name"] == "cross"
    assert row["by"] == "–"


def test_no_goldens_say_how_to_record_one(tmp_path):
    """An empty folder is no error."""
    assert "outsample golden record" in golden(folder=tmp_path)._about["empty"]
