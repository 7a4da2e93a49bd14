"""The operators of StrategyFrame against plain pandas, slow twins and cases worked by hand."""

import pickle

import numpy as np
import pandas as pd
import pytest

from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext, Memo
from outsample.errors import ConfigError, DataInvalid
from scale import SCALE

N = 30 * SCALE


@pytest.fixture
def copies_on_write():
    """From pandas 3 on a write leaves other frames alone; before, it has to be asked for."""
    if int(pd.__version__.split(".")[0]) >= 3:
        yield
    else:
        with pd.option_context("mode.copy_on_write", True):
            yield


def test_without_copy_on_write_nothing_is_shared():
    """A frame from a dataset can be written to without changing the dataset, in every pandas."""
    source = make(np.random.default_rng(20))
    expected = source.copy()
    close = StrategyFrame.bind(source, FrameContext(), "close")
    close.iloc[0, 0] = 99.0
    pd.testing.assert_frame_equal(source, expected)


def make(rng, rows=40, columns=7, *, missing=0.15, ties=True):
    values = rng.integers(-3, 4, (rows, columns)).astype(float) if ties else rng.standard_normal((rows, columns))
    values[rng.random((rows, columns)) < missing] = np.nan
    index = pd.bdate_range("2020-01-01", periods=rows)
    return pd.DataFrame(values, index=index, columns=[f"S{i}" for i in range(columns)])


def same(ours, theirs, **options):
    assert type(ours) is StrategyFrame
    pd.testing.assert_frame_equal(pd.DataFrame(ours), theirs, check_freq=False, **options)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
def test_average_is_the_rolling_mean_with_half_the_window(n):
    """average(n) is pandas' rolling mean with max(1, n // 2) observations."""
    rng = np.random.default_rng(1)
    for ties in (True, False):
        plain = make(rng, ties=ties)
        same(StrategyFrame(plain).average(n), plain.rolling(n, min_periods=max(1, n // 2)).mean(), atol=1e-12)


def test_average_of_a_flat_price_is_that_price():
    """A flat price is never above its own average, whatever stood before it."""
    plain = pd.DataFrame({"A": [1e9, 1e-7, 0.1, 0.1, 0.1, 0.1, 0.1]})
    assert StrategyFrame(plain).average(3)["A"].tolist()[4:] == [0.1, 0.1, 0.1]


@pytest.mark.parametrize("n", [1, 3])
def test_rise_and_fall_compare_with_n_bars_ago(n):
    """rise and fall are comparisons with the shifted frame."""
    plain = make(np.random.default_rng(2))
    same(StrategyFrame(plain).rise(n), plain > plain.shift(n))
    same(StrategyFrame(plain).fall(n), plain < plain.shift(n))


@pytest.mark.parametrize("n", [1, 3, 7, 50])
def test_is_largest_takes_ties_in_column_order(n):
    """is_largest and is_smallest are nlargest and nsmallest of each row, first column first, NaN never."""
    rng = np.random.default_rng(3)
    for _ in range(N // 10):
        plain = make(rng, rows=12, columns=9)
        largest, smallest = StrategyFrame(plain).is_largest(n), StrategyFrame(plain).is_smallest(n)
        for t, row in enumerate(plain.to_numpy()):
            known = [j for j in range(len(row)) if not np.isnan(row[j])]
            up = sorted(known, key=lambda j: (-row[j], j))[:n]
            down = sorted(known, key=lambda j: (row[j], j))[:n]
            assert np.flatnonzero(largest.to_numpy()[t]).tolist() == sorted(up)
            assert np.flatnonzero(smallest.to_numpy()[t]).tolist() == sorted(down)


def test_is_largest_takes_infinities():
    """Minus infinity is a value and can be chosen."""
    plain = pd.DataFrame([[-np.inf, np.nan, np.inf, 0.0]])
    assert StrategyFrame(plain).is_largest(3).to_numpy().tolist() == [[True, False, True, True]]


@pytest.mark.parametrize(("n", "k"), [(1, None), (3, None), (5, 2)])
def test_sustain_counts_true_bars(n, k):
    """sustain(n, k) is a rolling sum of at least k over n whole bars."""
    plain = make(np.random.default_rng(4)) > 0
    expected = plain.astype(float).rolling(n).sum() >= (k or n)
    same(StrategyFrame(plain).sustain(n, k), expected)


def test_entry_and_exit_are_edges():
    """An entry is a change to True (or a True start), an exit a change to False."""
    signal = StrategyFrame(pd.DataFrame({"A": [True, True, False, True, False]}))
    assert signal.is_entry()["A"].tolist() == [True, False, False, True, False]
    assert signal.is_exit()["A"].tolist() == [False, False, True, False, True]


def test_edges_read_missing_as_false():
    """NaN and None are False in signals of any dtype."""
    signal = StrategyFrame(pd.DataFrame({"A": [np.nan, 1.0, np.nan, 2.0], "B": [None, True, False, None]}))
    assert signal.is_entry().to_numpy().T.tolist() == [[False, True, False, True], [False, True, False, False]]


@pytest.mark.parametrize("method", ["average", "min", "max", "first", "dense"])
@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("pct", [True, False])
def test_rank_across_equals_pandas(method, ascending, pct):
    """rank is pandas' rank along the row for every tie method."""
    plain = make(np.random.default_rng(5))
    ours = StrategyFrame(plain).rank(method=method, ascending=ascending, pct=pct)
    same(ours, plain.rank(axis=1, method=method, ascending=ascending, pct=pct))


def test_rank_along_time_is_pandas_own():
    """Asked for ranks along time, pandas answers."""
    plain = make(np.random.default_rng(6))
    same(StrategyFrame(plain).rank(axis=0), plain.rank(axis=0))
    same(StrategyFrame(plain).rank(axis=1, na_option="bottom"), plain.rank(axis=1, na_option="bottom"))


@pytest.mark.parametrize("q", [0, 0.1, 0.5, 0.73, 1])
def test_quantile_row_equals_pandas(q):
    """quantile_row is pandas' quantile along the row."""
    plain = make(np.random.default_rng(7), missing=0.4)
    expected = plain.quantile(q, axis=1)
    pd.testing.assert_series_equal(StrategyFrame(plain).quantile_row(q), expected, check_names=False, check_freq=False)


def test_zscore_row_has_mean_zero_and_deviation_one():
    """zscore_row standardises with the divisor n and keeps NaN."""
    plain = make(np.random.default_rng(8), ties=False)
    scores = StrategyFrame(plain).zscore_row()
    expected = plain.sub(plain.mean(axis=1), axis=0).div(plain.std(axis=1, ddof=0), axis=0)
    same(scores, expected)


def test_zscore_row_of_equal_values_is_missing():
    """A row without spread has no score, also when its mean is not exact."""
    assert StrategyFrame(pd.DataFrame([[0.1] * 3, [7.0] * 3])).zscore_row().isna().all(axis=None)


def test_operators_align_dates_and_symbols():
    """Union of dates carried forward from the later start, intersection of symbols."""
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"])
    left = StrategyFrame(pd.DataFrame({"A": [1.0, 2.0, 3.0], "B": [1.0, 1.0, 1.0]}, index=days[:3]))
    right = StrategyFrame(pd.DataFrame({"C": [0.0, 0.0], "A": [10.0, np.nan]}, index=days[[1, 3]]))
    total = left + right
    assert total.index.tolist() == days[1:].tolist()
    assert total.columns.tolist() == ["A"]
    np.testing.assert_array_equal(total["A"], [12.0, 13.0, np.nan])
    assert (left > right)["A"].tolist() == [False, False, False]


def test_alignment_is_its_definition_cell_by_cell():
    """Each cell combines the last rows at or before its date of two frames of different dates and symbols."""
    rng = np.random.default_rng(22)
    days = pd.bdate_range("2024-01-01", periods=30)
    for _ in range(N):
        parts = []
        for _ in range(2):
            index = days[np.sort(rng.choice(30, rng.integers(1, 20), replace=False))]
            columns = rng.permutation(list("ABCDEF"))[: rng.integers(1, 6)]
            parts.append(pd.DataFrame(rng.integers(0, 9, (len(index), len(columns))), index=index, columns=columns))
        left, right = parts
        total = StrategyFrame(left) - StrategyFrame(right)
        start = max(left.index[0], right.index[0])
        assert total.index.tolist() == sorted(day for day in set(left.index) | set(right.index) if day >= start)
        assert total.columns.tolist() == [name for name in left.columns if name in set(right.columns)]
        for day in total.index:
            for name in total.columns:
                expected = left.loc[:day, name].iloc[-1] - right.loc[:day, name].iloc[-1]
                assert total.loc[day, name] == expected


def test_a_frame_without_rows_has_not_started():
    """Before the first month is over, daily rows and monthly ones have nothing in common, as on longer data."""
    days = pd.bdate_range("2024-01-01", periods=40)
    daily = StrategyFrame(pd.DataFrame({"A": np.arange(40.0)}, index=days))
    whole = daily + daily.bars("ME")
    part = daily.iloc[:10] + daily.iloc[:10].bars("ME")
    assert whole.index[0] == pd.Timestamp("2024-01-31")
    assert len(part) == 0


def test_bool_frames_stay_bool_when_aligned():
    """Carrying forward invents no NaN, so signals stay bool."""
    days = pd.bdate_range("2024-01-01", periods=6)
    daily = StrategyFrame(pd.DataFrame({"A": [True, False, True, True, False, True]}, index=days))
    weekly = StrategyFrame(pd.DataFrame({"A": [True, False]}, index=days[[1, 4]]))
    both = daily & weekly
    assert all(dtype == np.dtype(bool) for dtype in both.dtypes)
    assert both["A"].tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"])
def test_arithmetic_of_equal_labels_is_pandas(name):
    """With the same labels an operator gives what pandas gives, zeros and NaN included."""
    rng = np.random.default_rng(9)
    a, b = make(rng), make(rng)
    ours = getattr(StrategyFrame(a), f"__{name}__")(StrategyFrame(b))
    same(ours, getattr(a, f"__{name}__")(b))


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparison_of_equal_labels_is_pandas(name):
    """Comparisons are pandas' comparisons."""
    rng = np.random.default_rng(10)
    a, b = make(rng), make(rng)
    same(getattr(StrategyFrame(a), f"__{name}__")(StrategyFrame(b)), getattr(a, f"__{name}__")(b))


@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_logic_of_equal_labels_is_pandas(name):
    """Logical operators on signals are pandas' own."""
    rng = np.random.default_rng(11)
    a, b = make(rng) > 0, make(rng) > 0
    same(getattr(StrategyFrame(a), f"__{name}__")(StrategyFrame(b)), getattr(a, f"__{name}__")(b))


def test_scalars_arrays_and_inversion_are_plain_pandas():
    """A number, an array and ~ behave as in pandas and keep the class."""
    plain = make(np.random.default_rng(12))
    ours = StrategyFrame(plain)
    same(1 - ours, 1 - plain)
    same(ours * np.arange(7), plain * np.arange(7))
    same(~(ours > 0), ~(plain > 0))
    same(plain + ours, plain + plain)


def test_series_of_dates_is_spread_over_the_symbols():
    """A series of dates meets a frame by date, so that quantile_row can be compared with."""
    plain = make(np.random.default_rng(13), ties=False)
    ours = StrategyFrame(plain)
    same(ours > ours.quantile_row(0.5), plain.gt(plain.quantile(0.5, axis=1), axis=0))
    same(ours.quantile_row(0.5) < ours, plain.gt(plain.quantile(0.5, axis=1), axis=0))


def test_unsorted_or_repeated_labels_are_refused():
    """What cannot be aligned without a guess is a typed error."""
    days = pd.bdate_range("2024-01-01", periods=3)
    good = StrategyFrame(pd.DataFrame({"A": [1.0, 2.0, 3.0]}, index=days))
    with pytest.raises(DataInvalid, match="sorted"):
        good + StrategyFrame(pd.DataFrame({"A": [1.0, 2.0]}, index=days[[2, 0]]))
    with pytest.raises(DataInvalid, match="more than once"):
        good + StrategyFrame(pd.DataFrame([[1.0, 2.0]], index=days[:1], columns=["A", "A"]))
    with pytest.raises(DataInvalid, match="time zones"):
        good + StrategyFrame(pd.DataFrame({"A": [1.0]}, index=days[:1].tz_localize("UTC")))


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f.average(0),
        lambda f: f.average(2.5),
        lambda f: f.rise(-1),
        lambda f: f.is_largest(True),
        lambda f: f.sustain(3, 4),
        lambda f: f.quantile_row(1.5),
        lambda f: f.hold_until(f, nstocks_limit=0),
        lambda f: f.hold_until(f, stop_loss=-0.1),
        lambda f: f.hold_until(f, stop_loss=0.1),
        lambda f: f.exit_when(True),
    ],
)
def test_bad_arguments_are_config_errors(call):
    """Windows and counts are whole and positive; anything else is a typed error."""
    with pytest.raises(ConfigError):
        call(StrategyFrame(pd.DataFrame({"A": [1.0, 2.0]})))


def test_pickle_leaves_the_dataset_behind():
    """A frame survives pickling without what it knows of its dataset."""
    plain = make(np.random.default_rng(14))
    frame = StrategyFrame.bind(plain, FrameContext(lookup=lambda key: plain), "close")
    again = pickle.loads(pickle.dumps(frame))
    same(again, plain)
    assert again._context is None
    same(again.average(3), pd.DataFrame(frame.average(3)))


def test_derived_frames_keep_the_class():
    """What pandas makes of such a frame is such a frame."""
    frame = StrategyFrame(make(np.random.default_rng(15)))
    for derived in (
        frame.shift(1),
        frame.pct_change(fill_method=None),
        frame[["S1", "S0"]],
        frame.iloc[:5],
        frame.abs(),
    ):
        assert type(derived) is StrategyFrame
    assert type(frame["S0"]) is pd.Series


def test_operators_are_remembered_within_a_run(copies_on_write):
    """The same operator on the same content is computed once, also through a chain."""
    context = FrameContext(memo=Memo())
    close = StrategyFrame.bind(make(np.random.default_rng(16)), context, "close")
    first = close.average(3).rise(2)
    assert len(context.memo) == 2
    second = close.average(3).rise(2)
    assert len(context.memo) == 2
    same(second, pd.DataFrame(first))
    close.average(4)
    assert len(context.memo) == 3


@pytest.mark.parametrize(
    "write",
    [
        lambda f: f.__setitem__("S0", 1.0),
        lambda f: f.iloc.__setitem__((3, 3), 99.0),
        lambda f: f.loc.__setitem__(f.index[2], 0.0),
        lambda f: f.iat.__setitem__((1, 1), 5.0),
        lambda f: f.fillna(0.0, inplace=True),
        lambda f: f.update(pd.DataFrame({"S1": [4.0]}, index=f.index[:1])),
        lambda f: setattr(f, "columns", list("GFEDCBA")),
        lambda f: setattr(f, "index", f.index + pd.Timedelta(days=1)),
        lambda f: f.pop("S0"),
        lambda f: f.insert(0, "new", 1.0),
        lambda f: f.__iadd__(1.0),
        lambda f: f.mask(f > 0, 7.0, inplace=True),
    ],
)
def test_a_write_in_place_is_never_forgotten(write, copies_on_write):
    """After a write the operator sees the new content, and what was remembered is untouched."""
    context = FrameContext(memo=Memo())
    source = make(np.random.default_rng(17))
    close = StrategyFrame.bind(source, context, "close")
    before = pd.DataFrame(close.average(3)).copy()
    write(close)
    same(close.average(3), pd.DataFrame(StrategyFrame(pd.DataFrame(close).copy()).average(3)))
    fresh = StrategyFrame.bind(source, context, "close")
    same(fresh.average(3), before)


def test_a_write_to_a_remembered_result_stays_with_its_owner(copies_on_write):
    """Results handed out twice do not share writes."""
    context = FrameContext(memo=Memo())
    close = StrategyFrame.bind(make(np.random.default_rng(18)), context, "close")
    mine, yours = close.average(3), close.average(3)
    expected = pd.DataFrame(yours).copy()
    mine.iloc[:, :] = 0.0
    same(yours, expected)
    same(close.average(3), expected)


def test_memory_of_results_is_bounded(copies_on_write):
    """The oldest results go when the limit is reached, and a result above the limit is not kept."""
    plain = make(np.random.default_rng(19))
    size = plain.to_numpy().nbytes
    context = FrameContext(memo=Memo(limit=2 * size))
    close = StrategyFrame.bind(plain, context, "close")
    for n in range(1, 6):
        close.average(n)
    assert len(context.memo) == 2
    assert context.memo.used == 2 * size
    small = FrameContext(memo=Memo(limit=size - 1))
    StrategyFrame.bind(plain, small, "close").average(3)
    assert len(small.memo) == 0


EMPTY = {
    "no rows": pd.DataFrame({"A": [], "B": []}, dtype=float, index=pd.DatetimeIndex([])),
    "no columns": pd.DataFrame(index=pd.bdate_range("2024-01-01", periods=3)),
    "one value": pd.DataFrame({"A": [1.0]}, index=pd.bdate_range("2024-01-01", periods=1)),
}


@pytest.mark.parametrize("name", list(EMPTY))
def test_small_and_empty_frames_have_a_defined_result(name):
    """No rows, no columns or one value: every operator returns a frame of the same shape."""
    frame = StrategyFrame(EMPTY[name])
    signal = frame > frame.quantile_row(0.5)
    results = [
        frame.average(3),
        frame.rise(),
        frame.is_largest(2),
        frame.rank(),
        frame.zscore_row(),
        frame + frame,
        signal.sustain(2),
        signal.is_entry(),
        signal.exit_when(signal),
        signal.hold_until(signal, 1),
        signal.cap(0.5),
        signal.inverse_volatility(3, price=frame),
        signal.scale_to_volatility(0.1, 3, price=frame),
    ]
    assert all(result.shape == frame.shape for result in results)


@pytest.mark.parametrize("dtype", ["int64", "float32", "Float64", "object"])
def test_other_number_types_are_read_as_floats(dtype):
    """Whole numbers, single precision, nullable floats and objects give what float64 gives."""
    plain = pd.DataFrame({"A": [1.0, 3.0, 2.0, 5.0], "B": [2.0, 2.0, 4.0, 1.0]})
    ours = StrategyFrame(plain.astype(dtype))
    same(ours.average(2), plain.rolling(2, min_periods=1).mean())
    same(ours.rank(), plain.rank(axis=1))
    same(ours.is_largest(1), pd.DataFrame(StrategyFrame(plain).is_largest(1)))
    same(ours.rise(), plain > plain.shift(1))


def test_pct_change_never_fills_a_gap():
    """A bar without a price has no return, and neither has the next: with pandas 2 as with pandas 3."""
    frame = StrategyFrame({"A": [100.0, np.nan, 110.0, 121.0]}, index=pd.date_range("2024-01-01", periods=4))
    found = frame.pct_change()
    assert isinstance(found, StrategyFrame)
    np.testing.assert_allclose(found["A"], [np.nan, np.nan, np.nan, 0.1])
    with pytest.raises(ConfigError, match="does not fill") as caught:
        frame.pct_change(fill_method="pad")
    assert ".ffill()" in caught.value.hint
