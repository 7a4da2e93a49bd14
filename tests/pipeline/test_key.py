"""The result key: equal for equal inputs, different for any other (R1)."""

import dataclasses
import subprocess
import sys

import pandas as pd
import pytest

from outsample import request as request_module
from outsample.config import Conventions, SandboxPolicy, Thresholds
from outsample.data import Dataset, load
from outsample.errors import ConfigError, DataMissing
from outsample.request import Request, keys_with, request_key
from outsample.strategy import Strategy

SOURCE = "fast = 20\nposition = data.get('close').average(fast) > data.get('close').average(60)\n"
SIM = "fast = 20\nsim(data.get('close').average(fast) > 1, fee_ratio=0.01)\n"


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x80?seed=1")


def key(data, source=SOURCE, **changes):
    return request_key(Request(strategy=Strategy.from_source(source), data=data, **changes))


def test_what_cannot_change_a_number_is_not_in_the_key(data):
    """Name, limits, comments, layout and the check option leave the key alone."""
    base = key(data)
    assert key(data, SOURCE + "# comment\n") == base
    assert key(data, policy=SandboxPolicy(timeout=3)) == base
    assert key(data, options={"check": True}) == base
    assert request_key(Request(strategy=Strategy.from_source(SOURCE, "other name"), data=data)) == base


def test_editing_and_overriding_a_parameter_are_one_key(data):
    """--params fast=30 and `fast = 30` are the same backtest."""
    edited = Strategy.from_source(SOURCE.replace("20", "30"))
    overridden = Strategy.from_source(SOURCE).with_params(fast=30)
    assert request_key(Request(strategy=edited, data=data)) == request_key(Request(strategy=overridden, data=data))
    assert request_key(Request(strategy=edited, data=data)) != key(data)


@pytest.mark.parametrize(
    "change",
    [
        {"source": SOURCE.replace(">", ">=")},
        {"source": SOURCE.replace("20", "21")},
        {"options": {"fee_ratio": 0.001}},
        {"options": {"resample": "ME"}},
        {"options": {"start": "2000-02-01"}},
        {"settings": {"fee_ratio": 0.001}},
        {"conventions": Conventions(risk_free=0.01)},
        {"conventions": Conventions(periods_per_year=250)},
        {"thresholds": Thresholds(total_return=0.1)},
        {"engine": "reference"},
        {"benchmark": "S001"},
        {"seed": 1},
    ],
)
def test_anything_else_changes_the_key(data, change):
    """One changed input, another key."""
    change = dict(change)
    assert key(data, change.pop("source", SOURCE), **change) != key(data)


def test_one_changed_cell_changes_the_key(data):
    """The data are in the key by content."""
    frames = {name: frame.copy() for name, frame in data.stored().items()}
    frames["close"].iloc[5, 1] *= 1.0000001
    assert key(Dataset.from_frames(frames, name=data.name)) != key(data)


def test_semantics_and_versions_are_in_the_key(data, monkeypatch):
    """A raised constant, another minor version of pandas: another key."""
    base = key(data)
    monkeypatch.setattr(request_module, "SEMANTICS", request_module.SEMANTICS + 1)
    raised = key(data)
    assert raised != base
    monkeypatch.undo()
    monkeypatch.setattr(request_module.pd, "__version__", "9.9.9")
    assert key(data) != base


def test_an_option_said_by_the_caller_is_the_default_unless_the_strategy_says_more(data):
    """Without a sim call of its own, giving the preset's fee changes nothing; with one it may."""
    assert key(data, options={"fee_ratio": 0.0005}) == key(data)
    assert key(data, SIM, options={"fee_ratio": 0.0005}) != key(data, SIM)


def test_spellings_of_a_date_are_one_key(data):
    """Values are in the key after validation, in one form."""
    dates = ("2000-02-01", pd.Timestamp("2000-02-01"), "2000/02/01")
    assert len({key(data, options={"start": date}) for date in dates}) == 1


def test_the_key_is_equal_in_another_process(data):
    """Hash seeds and processes do not matter."""
    program = (
        "from outsample.data import load\nfrom outsample.request import Request, request_key\n"
        "from outsample.strategy import Strategy\n"
        f"print(request_key(Request(strategy=Strategy.from_source({SOURCE!r}), data=load('synthetic:3x80?seed=1'))))"
    )
    keys = set()
    for seed in ("0", "77"):
        environment = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        keys.add(done.stdout.strip())
    assert keys == {key(data)}


def test_wrong_requests_are_refused_before_anything_runs(data):
    """An option that is not allowed, a benchmark that is not there."""
    with pytest.raises(ConfigError, match="lag"):
        Request(strategy=Strategy.from_source(SOURCE), data=data, options={"lag": 0})
    with pytest.raises(DataMissing, match="benchmark"):
        Request(strategy=Strategy.from_source(SOURCE), data=data, benchmark="SPY")


@pytest.mark.parametrize("options", [{}, {"fee_ratio": 0.001, "start": "2000-02-01"}])
@pytest.mark.parametrize("source", [SOURCE, SIM])
def test_keys_of_many_values_are_those_of_each(data, source, options):
    """What the values share is written once; the text is the same."""
    base = Request(strategy=Strategy.from_source(source), data=data, options=options)
    made = keys_with(base)
    for fast in (20, 1, 77):
        strategy = base.strategy.with_params(fast=fast)
        assert made(strategy.values) == request_key(dataclasses.replace(base, strategy=strategy))
