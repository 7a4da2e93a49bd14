"""`jobs` and `submit`: real jobs in real processes, a form for people who write no code."""

import time

import pytest

from outsample.archive import Store
from outsample.config import SandboxPolicy
from outsample.errors import ConfigError
from outsample.jobs import submit as send
from outsample_widgets import jobs, submit
from outsample_widgets.sending import arguments_of, strategy_of

pytestmark = pytest.mark.slow
SPINS = "close = data.get('close')\nwhile True:\n    pass\nposition = close > 0\n"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with a supervisor that ends soon after its last job."""
    monkeypatch.setenv("OUTSAMPLE_JOB_IDLE", "8")
    with Store.open(tmp_path / "store.db") as found:
        yield found


def _until(widget, asked, status, seconds=40.0):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        answer, _ = asked(widget, "list")
        if answer["rows"] and answer["rows"][0]["status"] == status:
            return answer["rows"][0]
        time.sleep(0.1)
    raise AssertionError(answer["rows"])


def test_a_running_job_is_cancelled(store, asked):
    """The row says running, then cancelled; the button asks the worker to stop."""
    job = send(SPINS, "synthetic:4x300?seed=1", store=store, sandbox=SandboxPolicy(timeout=100), lookahead=False)
    widget = jobs(store)
    _until(widget, asked, "running")
    answer, _ = asked(widget, "cancel", job=job.id)
    assert answer["text"] in {"Asked to stop.", "Cancelled."}
    row = _until(widget, asked, "cancelled")
    assert "ancel" in row["error"]


def test_a_job_that_failed_is_sent_again(store, asked):
    """Its category and message are in the row; the next attempt is counted."""
    job = send("position = data.get('clos')\n", "synthetic:4x300?seed=1", store=store)
    widget = jobs(store)
    row = _until(widget, asked, "failed")
    assert "DATA_MISSING" in row["error"]
    answer, _ = asked(widget, "retry", job=job.id)
    assert answer["text"] == "Sent again: attempt 2."
    assert _until(widget, asked, "failed")["attempt"] == "2"


def test_a_job_that_is_not_there_is_a_message(store, asked):
    """Ids come from the browser."""
    answer, _ = asked(jobs(store), "cancel", job="abcdef12")
    assert "There is no job" in answer["error"]


def test_a_form_becomes_a_job_and_its_result_is_opened(store, asked, monkeypatch, source):
    """Findings, sending, progress, and the report with its chart below when it is done."""
    made = submit(store)
    monkeypatch.setattr(made.jobs, "send", lambda *_, **__: None)
    form = {"source": source, "name": "golden cross", "params": {"fast": "20"}, "data": "synthetic:8x1000?seed=7"}
    answer, _ = asked(made.form, "check", source=source)
    assert (answer["errors"], [one["name"] for one in answer["parameters"]]) == (0, ["fast", "slow"])
    answer, _ = asked(made.form, "send", kind_of_job="backtest", **form)
    assert answer["text"].startswith("Sent: job ")
    row = _until(made.jobs, asked, "completed")
    assert row["name"] == "golden cross"
    assert len(made._place.children) == 2
    assert "golden cross" in made._place.children[0].value


def test_findings_stop_a_form(store, asked):
    """A rule that is broken is named with its line; nothing can be sent."""
    answer, _ = asked(submit(store).form, "check", source="import os\nposition = 1\n")
    assert answer["errors"] >= 1
    assert answer["findings"][0]["line"] == 1
    answer, _ = asked(submit(store).form, "check", source="position = (\n")
    assert answer["errors"] == 1


def test_a_source_of_the_store_fills_the_form(store, asked, source):
    """What was run before can be taken up again."""
    import outsample

    outsample.backtest(source, "synthetic:4x400?seed=1", store=store, lookahead=False)
    form = submit(store).form
    key = form._about["stored"][0]["key"]
    answer, _ = asked(form, "stored", key=key)
    assert answer["source"] == source


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("fee_ratio", "a lot", "fee_ratio must be a number"),
        ("timeout", "nan", "finite"),
        ("kind_of_job", "magic", "What to run"),
    ],
)
def test_fields_that_are_none_are_named(field, value, message):
    """The error names the field and what was in it."""
    with pytest.raises(ConfigError, match=message):
        arguments_of({field: value})


def test_a_walk_forward_needs_its_grid():
    """The hint shows how values are written."""
    with pytest.raises(ConfigError, match="needs grid"):
        arguments_of({"kind_of_job": "walk_forward", "train": "3Y", "test": "1Y"})
    found = arguments_of(
        {"kind_of_job": "walk_forward", "grid": "fast=5:15:5 slow=20,40", "train": "3Y", "test": "252"}
    )
    assert found["grid"] == {"fast": [5, 10, 15], "slow": [20, 40]}
    assert (found["train"], found["test"]) == ("3Y", 252)


def test_empty_fields_mean_the_defaults():
    """Costs of the market, the whole period, an hour."""
    found = arguments_of({"fee_ratio": "", "start": "", "weight_method": "none"})
    assert set(found) == {"kind", "timeout", "sandbox"}
    assert found["timeout"] == 3600


def test_parameters_of_a_form_are_typed(source):
    """Text becomes the literal it is; unchanged values are no overrides."""
    assert dict(strategy_of({"source": source, "params": {"fast": "20", "slow": "200"}}).overrides) == {"fast": 20}
    with pytest.raises(ConfigError, match="no value"):
        strategy_of({"source": source, "params": {"fast": "twenty days"}})
