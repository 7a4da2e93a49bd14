"""What goes wrong is said in words, in the answer that the widget shows: every widget, every kind of question."""

import os

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import outsample
from outsample.archive import Store
from outsample.errors import ConfigError, DataInvalid
from outsample.golden import record_golden
from outsample_widgets import explain_day, fan, folds, golden, jobs, runs


def _alert(answer, *words):
    """The error names no class of Python, and contains the words."""
    assert "Error" not in answer["error"]
    for word in words:
        assert word in answer["error"]


# -- explain_day


@pytest.mark.parametrize("at", [None, "yesterday", True, 1e20])
def test_what_is_no_date_is_refused_in_words(result, asked, at):
    """A date comes from the browser and may be anything."""
    answer, _ = asked(explain_day(result), "day", at=at)
    _alert(answer, repr(at), "is not a date")
    assert answer["hint"]


def test_a_date_before_the_first_bar_names_the_first(result, asked):
    """The first bar is named; the widget answers the next question."""
    widget = explain_day(result)
    answer, _ = asked(widget, "day", at=0.0)
    _alert(answer, str(result.equity.index[0].date()), "1970-01-01")
    answer, _ = asked(widget, "day", at=result.equity.index[-1].timestamp() * 1000)
    assert "error" not in answer


@pytest.mark.parametrize("date", ["not a date", None, pd.NaT])
def test_a_date_of_code_is_checked_too(result, date):
    """The method is as strict as the widget."""
    with pytest.raises(DataInvalid, match="date"):
        explain_day(result).day(date)


def test_a_day_without_a_trade_says_so(result, asked):
    """Which decision is in force, and that nothing was paid."""
    quiet = result.equity.index[np.flatnonzero((result.simulation.turnover == 0).to_numpy())[-1]]
    answer, _ = asked(explain_day(result), "day", at=quiet.timestamp() * 1000)
    assert "No decision is filled on this day" in " ".join(answer["sentences"])
    assert "no costs on this day" in " ".join(answer["sentences"])


@pytest.mark.parametrize("weight", [0.0, np.nan])
def test_a_result_without_positions_is_shown(data, asked, weight):
    """No name was wanted, held or traded: an empty table with its sentences, and all names with their reason."""
    widget = explain_day(outsample.sim(data.get("close") * weight, data))
    at = data.dates[100].timestamp() * 1000
    answer, _ = asked(widget, "day", at=at)
    assert answer["caption"].endswith(": 0 names")
    answer, _ = asked(widget, "day", at=at, every=True)
    assert len(answer["rows"]) == 8
    assert all("not wanted" in row["why"] for row in answer["rows"])
    assert "Equity and drawdown" in widget.twin().html()


def test_what_has_no_days_is_refused():
    """The message names the widget that was called."""
    with pytest.raises(ConfigError, match=r"^explain_day needs a Result.* Got DataFrame"):
        explain_day(pd.DataFrame())


# -- fan and folds


@pytest.mark.parametrize("returns", [[], [0.01], [np.nan] * 50])
def test_a_fan_of_too_few_returns_is_refused(returns):
    """Two finite returns are the least; the message says how many there were."""
    with pytest.raises(DataInvalid, match=f"two finite returns are needed. Got {len(returns)}"):
        fan(outsample.bootstrap(returns, n_paths=20))


def test_a_fan_of_the_fewest_returns_stands():
    """Three bars, and returns that are all the same: what is undefined is a dash, and nothing fails."""
    for returns in ([0.01, -0.01, 0.02], [0.0] * 30):
        widget = fan(outsample.bootstrap(returns, n_paths=20))
        assert len(widget._about["statistics"]) == 5
        assert "Statistics" in widget.twin().html()
    sharpe = widget._about["statistics"][0]
    assert (sharpe["actual"], sharpe["values"][0]) == ("–", None)


def test_folds_without_a_window_are_refused(source, data):
    """The message has the lengths and the bars that there are."""
    with pytest.raises(ConfigError, match=r"No window fits: train=5000 and test=400"):
        folds(outsample.walk_forward(source, data, {"fast": [20]}, train=5000, test=400, store=False))


@pytest.mark.parametrize("place", [None, "x", 1.5, True, -1, 99])
def test_a_window_that_is_none_is_refused_in_words(source, data, asked, place):
    """How many there are is said."""
    walk = outsample.walk_forward(source, data, {"fast": [20]}, train="2Y", test="1Y", store=False)
    answer, _ = asked(folds(walk), "window", place=place)
    _alert(answer, "There are 2 windows", repr(place))


# -- golden


@pytest.fixture
def drifted(tmp_path, source, data, monkeypatch):
    """The folder of a golden result whose strategy has changed."""
    file = tmp_path / "cross.py"
    file.write_text(source, encoding="utf-8")
    made = outsample.backtest(outsample.Strategy.from_file(file), data, store=False, lookahead=False)
    record_golden(made, "cross", reason="first", folder=tmp_path / "golden", strategy_file=file)
    file.write_text(source.replace("fast = 50", "fast = 20"), encoding="utf-8")
    monkeypatch.setenv("OUTSAMPLE_ROLE", "admin")
    return tmp_path / "golden"


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"name": "cross"}, "needs a reason"),
        ({"name": "cross", "reason": " \n"}, "needs a reason"),
        ({"name": "nobody", "reason": "x"}, "no golden result 'nobody'"),
    ],
)
def test_what_cannot_be_accepted_leaves_the_file_alone(drifted, asked, question, words):
    """Without a reason, or of a name that there is not."""
    before = (drifted / "cross.json").read_bytes()
    answer, _ = asked(golden(folder=drifted), "accept", **question)
    _alert(answer, words)
    assert (drifted / "cross.json").read_bytes() == before


def test_accepting_needs_the_role(drifted, asked, monkeypatch):
    """Whoever is not admin is told."""
    monkeypatch.setenv("OUTSAMPLE_ROLE", "runner")
    answer, _ = asked(golden(folder=drifted), "accept", name="cross", reason="x")
    _alert(answer, "role admin")


def test_a_folder_that_cannot_be_written_is_named(drifted, asked, monkeypatch):
    """The old expectation stays, and the answer names the file."""
    before = (drifted / "cross.json").read_bytes()

    def refuse(source, target, **_options):
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(os, "replace", refuse)
    answer, _ = asked(golden(folder=drifted), "accept", name="cross", reason="a shorter average")
    assert "cross.json" in answer["error"]
    assert (drifted / "cross.json").read_bytes() == before


# -- runs and jobs


QUESTIONS = [
    (runs, "list", {}),
    (runs, "compare", {"keys": ["a" * 64, "b" * 64]}),
    (jobs, "list", {}),
    (jobs, "cancel", {"job": "a" * 64}),
    (jobs, "retry", {"job": "a" * 64}),
    (jobs, "open", {"job": "a" * 64}),
]


@pytest.mark.parametrize(("widget", "kind", "content"), QUESTIONS)
def test_a_store_that_was_closed_is_named(tmp_path, asked, widget, kind, content):
    """Every question to it is answered in words, with what to do."""
    with Store.open(tmp_path / "store.db") as store:
        made = widget(store)
    answer, _ = asked(made, kind, **content)
    _alert(answer, "store.db", "is closed")
    assert "Store.open()" in answer["hint"]


@pytest.mark.parametrize(("widget", "kind", "content"), QUESTIONS)
def test_a_store_whose_tables_vanished_is_named(tmp_path, asked, widget, kind, content):
    """Somebody else emptied the database meanwhile: the answer names the store, without a statement of SQL."""
    with Store.open(tmp_path / "store.db") as store:
        made = widget(store)
        other = sa.create_engine(f"sqlite:///{tmp_path / 'store.db'}")
        with other.begin() as connection:
            tables = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
            for name in tables:
                if not name.startswith("sqlite_"):
                    connection.execute(sa.text(f'DROP TABLE "{name}"'))
        other.dispose()
        answer, _ = asked(made, kind, **content)
        _alert(answer, "store.db", "cannot be")
        assert "SELECT" not in answer["error"]


@pytest.mark.parametrize("keys", [None, "ab", [], ["a"], list("abcdef")])
def test_too_few_or_too_many_results_are_not_compared(tmp_path, asked, keys):
    """Two to five."""
    with Store.open(tmp_path / "store.db") as store:
        answer, _ = asked(runs(store), "compare", keys=keys)
    _alert(answer, "Two to 5 results")


def test_results_without_a_common_bar_are_not_compared(tmp_path, source, data, asked):
    """The hint says what can be compared."""
    with Store.open(tmp_path / "store.db") as store:
        cut = data.dates[500]
        made = [
            outsample.backtest(source, data, store=store, lookahead=False, **period)
            for period in ({"end": cut}, {"start": data.dates[501]})
        ]
        for one in made:
            store.save(one)
        answer, _ = asked(runs(store), "compare", keys=[one.key for one in made])
    _alert(answer, "no two bars in common")
    assert "one period" in answer["hint"]
