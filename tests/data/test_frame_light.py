"""Results of operators on remembered frames are built when pandas is asked for something, and are the same then."""

import pickle

import numpy as np
import pandas as pd
import pytest

from outsample.data import StrategyFrame
from outsample.data.base import again
from outsample.data.light import parts_of
from outsample.data.memo import FrameContext

N, NAMES = 40, ["A", "B", "C"]


@pytest.fixture(autouse=True)
def _copies_on_write():
    """pandas 2.3 remembers nothing without it; the sandbox switches it on."""
    if int(pd.__version__.partition(".")[0]) >= 3:
        yield
        return
    with pd.option_context("mode.copy_on_write", True):
        yield


def plain(seed=3):
    values = np.random.default_rng(seed).normal(10.0, 1.0, (N, len(NAMES)))
    values[5, 1] = np.nan
    # By symbol, as a sandbox maps them.
    return pd.DataFrame(np.asfortranarray(values), pd.bdate_range("2024-01-01", periods=N), NAMES, copy=False)


def light(seed=3):
    return again(StrategyFrame.bind(plain(seed), FrameContext(), "close"))


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne", "add", "sub", "mul", "truediv"])
@pytest.mark.parametrize("other", ["frame", 2, 0.5])
@pytest.mark.parametrize("reflected", [False, True])
def test_an_operator_says_what_pandas_says(name, other, reflected):
    """Between frames, and between a frame and a number on either side: pandas' own numbers, bit by bit."""
    frame, table = light(), plain()
    right, expected = (frame.average(3), pd.DataFrame(light().average(3).copy())) if other == "frame" else (other,) * 2
    if reflected and other == "frame":
        frame, right, table, expected = right, frame, expected, table
    dunder = (
        f"__r{name}__" if reflected and other != "frame" and name in ("add", "sub", "mul", "truediv") else f"__{name}__"
    )
    found = getattr(frame, dunder)(right)
    assert parts_of(found) is not None
    pd.testing.assert_frame_equal(pd.DataFrame(found), getattr(table, dunder)(expected), check_freq=False)


def test_a_whole_number_too_large_for_a_float_is_left_to_pandas():
    """2**53 + 1 is no float64: such a number is compared by pandas' own rules."""
    frame = light()
    pd.testing.assert_frame_equal(pd.DataFrame(frame < 2**53 + 1), plain() < 2**53 + 1, check_freq=False)


def test_writing_to_one_leaves_the_others_alone():
    """A frame that was asked for twice is two frames."""
    kept = StrategyFrame.bind(plain(), FrameContext(), "close")
    one, two = again(kept), again(kept)
    mean = one.average(3)
    one.iloc[0, 0] = -1.0
    assert one.iloc[0, 0] == -1.0
    assert two.iloc[0, 0] == plain().iloc[0, 0]
    pd.testing.assert_frame_equal(pd.DataFrame(two.average(3)), pd.DataFrame(mean))
    assert not pd.DataFrame(one.average(3)).equals(pd.DataFrame(mean))


def test_a_result_can_be_written_to():
    """What an operator made belongs to the strategy."""
    frame = light()
    held = frame > frame.average(3)
    held.iloc[:, 0] = False
    held.loc[held.index[3], "B"] = True
    assert not held["A"].any()
    assert held["B"].iloc[3]


def test_labels_that_were_changed_are_not_shared():
    """A new index on one frame is not that of the others."""
    frame = light()
    mean = frame.average(3)
    mean.index = pd.bdate_range("2030-01-01", periods=N)
    mean.columns = ["X", "Y", "Z"]
    other = frame.average(3)
    assert other.index[0] == frame.index[0]
    assert list(other.columns) == NAMES


@pytest.mark.parametrize("use", [len, repr, lambda f: f.shape, lambda f: f.A.sum(), lambda f: np.log(f).sum().sum(),
    lambda f: f.attrs, lambda f: f.flags.allows_duplicate_labels, lambda f: f.copy().iloc[3, 0],
    lambda f: pickle.loads(pickle.dumps(f)).to_string(), lambda f: f.rolling(3).mean().to_string(),
    lambda f: pd.concat([f, f]).to_string(), lambda f: f.groupby(level=0).sum().to_string()])  # fmt: skip
def test_whatever_pandas_is_asked_for(use):
    """It answers as the built frame does."""
    ours, built = use(light()), use(StrategyFrame(plain()))
    assert ours == built


def test_a_name_that_it_does_not_have():
    """An unknown attribute is an AttributeError, as everywhere."""
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = light().nothing_of_that_name


def test_a_remembered_result_outlives_the_memo():
    """Written to when its memo has forgotten it, a result is another frame, and so are the others."""
    close = light()
    first, second = close.average(3), close.average(3)
    close._context.memo.clear()
    first.iloc[5, 0] = 1e6
    assert second.iloc[5, 0] != 1e6
    assert first.average(2).iloc[5, 0] > 1e5
    assert second.average(2).iloc[5, 0] < 1e5
    assert close.average(3).iloc[5, 0] != 1e6
