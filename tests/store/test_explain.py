"""`explain` on planted changes: exactly what changed is named, and how much of the difference it makes."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from outsample import Dataset, backtest
from outsample.archive.explain import METRICS, explain, side_of
from store.conftest import SOURCE

NOISE = """
import numpy as np
fast = 20
close = data.get("close")
noise = np.random.normal(size=close.shape)
position = close.average(fast) > close * (1 + 0.01 * noise)
"""


def made(sample, source=SOURCE, **options):
    return backtest(source, sample, store=False, lookahead=False, **options)


def only(explanation):
    assert len(explanation.changes) == 1, str(explanation)
    return explanation.changes[0]


def adds_up(explanation):
    for metric in METRICS:
        total = explanation.after[metric] - explanation.before[metric]
        assert explanation.table[metric].sum() == pytest.approx(total, abs=1e-12)


@pytest.fixture(scope="module")
def edited(sample):
    """The sample with one cell of one frame changed."""
    frames = {name: frame.copy() for name, frame in sample.stored().items()}
    frames["adj_close"].iloc[1000, 3] *= 1.5
    return Dataset.from_frames(frames, name="sample", market="US")


def test_the_same_result_has_no_changes(result):
    """Nothing differs, nothing is run."""
    explanation = explain(side_of(result.outcome), side_of(result.outcome))
    assert explanation.changes == ()
    assert str(explanation) == "The inputs are the same."


def test_comments_are_no_change(sample, result):
    """Source that was only laid out anew is the same input."""
    other = made(sample, source="# a remark\n" + SOURCE)
    assert explain(side_of(result.outcome), side_of(other.outcome)).changes == ()


PLANTED = {
    "source": ({"source": SOURCE.replace(") > close", ") * 1.01 > close")}, "1.01"),
    "parameters": ({"params": {"fast": 30}}, "fast: 20 -> 30"),
    "configuration": ({"fee_ratio": 0.01}, "fee_ratio: 0.0005 -> 0.01"),
    "engine": ({"engine": "reference"}, "vectorised version 1 -> reference version 1"),
}


@pytest.mark.parametrize("factor", PLANTED)
def test_one_planted_change_is_named(sample, result, factor):
    """The input that was changed, what exactly, and the whole difference as its effect."""
    options, text = PLANTED[factor]
    other = made(sample, **options)
    explanation = explain(side_of(result.outcome), side_of(other.outcome))
    change = only(explanation)
    assert change.factor == factor
    assert any(text in line for line in change.details), change.details
    adds_up(explanation)


def test_one_changed_cell_is_named(sample, edited, result):
    """Frame, date and symbol of the one cell that is different."""
    explanation = explain(side_of(result.outcome), side_of(made(edited).outcome))
    change = only(explanation)
    date, symbol = sample.dates[1000].date(), sample.symbols[3]
    assert change.factor == "data"
    assert len(change.details) == 1
    assert change.details[0].startswith(f"adj_close: 1 cell differs, on {date}, in {symbol}")
    assert change.effects["total_return"] != 0
    adds_up(explanation)


def test_another_seed_is_named(sample):
    """A strategy that draws random numbers depends on the seed."""
    one, two = made(sample, source=NOISE, seed=1), made(sample, source=NOISE, seed=2)
    explanation = explain(side_of(one.outcome), side_of(two.outcome))
    assert only(explanation).details == ("1 -> 2",)
    assert only(explanation).factor == "seed"
    adds_up(explanation)


def test_another_engine_version_gets_what_remains(result):
    """A version that is not here cannot be run: its effect is what the stored numbers differ by."""
    side = side_of(result.outcome)
    config = {**side.parts["config"], "engine": ["vectorised", "0"]}
    old = dataclasses.replace(
        side, parts={**side.parts, "config": config}, numbers={**side.numbers, "sharpe": side.numbers["sharpe"] - 0.25}
    )
    explanation = explain(old, side)
    assert only(explanation).factor == "engine"
    assert only(explanation).details == ("vectorised version 0 -> vectorised version 1",)
    assert only(explanation).effects["sharpe"] == pytest.approx(0.25)
    adds_up(explanation)


def test_another_environment_is_named(result):
    """Versions of libraries are an input too."""
    side = side_of(result.outcome)
    environment = {**side.parts["environment"], "pandas": "1.0"}
    old = dataclasses.replace(side, parts={**side.parts, "environment": environment})
    change = only(explain(old, side))
    assert change.factor == "environment"
    assert "pandas: '1.0' -> " in change.details[0]


def test_several_changes_share_the_difference(sample, edited, result):
    """The contributions are the means over all orders, counted here by hand from all eight backtests."""
    options = {"parameters": {"params": {"fast": 30}}, "configuration": {"fee_ratio": 0.01}}

    def value(taken):
        merged = {key: item for name in taken for key, item in options.get(name, {}).items()}
        return made(edited if "data" in taken else sample, **merged).metrics.sharpe

    names = ("parameters", "configuration", "data")
    expected = dict.fromkeys(names, 0.0)
    for order in itertools.permutations(names):
        for place, name in enumerate(order):
            expected[name] += (value(order[: place + 1]) - value(order[:place])) / 6
    other = made(edited, params={"fast": 30}, fee_ratio=0.01)
    explanation = explain(side_of(result.outcome), side_of(other.outcome))
    assert set(explanation.factors) == set(names)
    for name in names:
        assert explanation.table.loc[name, "sharpe"] == pytest.approx(expected[name], abs=1e-12)
    adds_up(explanation)


def test_new_parameters_go_with_their_source(sample, result):
    """Parameters that the other source does not have cannot be exchanged alone."""
    other = made(sample, source="n = 10\nposition = data.get('close').average(n) > 0")
    explanation = explain(side_of(result.outcome), side_of(other.outcome))
    assert set(explanation.factors) == {"source", "parameters"}
    assert explanation.table.loc["parameters"].eq(0).all()
    adds_up(explanation)


def test_gone_data_leave_the_names(result, edited):
    """Without the data of one side nothing is run, and what differs is told all the same."""
    gone = dataclasses.replace(side_of(made(edited).outcome), request=None)
    explanation = explain(side_of(result.outcome), gone)
    assert only(explanation).details == ("adj_close: other content",)
    assert math.isnan(only(explanation).effects["sharpe"])
    assert "gone" in explanation.notes[0]


def test_the_store_explains_by_key(store, result, other):
    """Keys are enough, and keys and results may be mixed."""
    store.save(result)
    store.save(other)
    explanation = store.explain(result.key[:10], other)
    assert explanation.factors == ("parameters",)
    assert explanation.to_dict()["changes"][0]["details"] == ["fast: 20 -> 30"]
    assert "fast: 20 -> 30" in str(explanation)
    assert explanation.before["sharpe"] == result.metrics.sharpe
    adds_up(explanation)


def test_frames_and_symbols_that_came_and_went_are_named(sample):
    """Rows, symbols and frames of only one side are differences."""
    from outsample.archive.differences import data_differences

    frames = {name: frame for name, frame in sample.stored().items() if name != "volume"}
    frames = {name: frame.iloc[:-3, :-1] for name, frame in frames.items()}
    found = data_differences(sample, Dataset.from_frames(frames, name="less", market="US"))
    assert "volume: not there any more" in found
    assert any(line.startswith("close: 3 rows fewer") for line in found)
    assert "close: 1 symbol fewer: MSFT" in found
    assert np.all([line.split(":")[0] in sample.stored() for line in found])
