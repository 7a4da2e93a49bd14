"""Rows of positions are dates of the dataset, give or take a period that has just begun or is not over."""

import pytest

import outsample
from outsample import Dataset, load
from outsample.errors import ResultInvalid


@pytest.fixture(scope="module", params=[None, "Asia/Taipei"])
def data(request):
    close = load("synthetic:2x300?seed=6").frame("close").tz_localize(request.param)
    return Dataset.from_frames({"close": close}, name="dates")


def run(data, line):
    source = f"position = data.get('close') > 0\n{line}\n"
    return outsample.backtest(source, data, store=False, lookahead=False, use_cache=False)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("position.index = position.index - pd.Timedelta(days=4000)", 300),
        ("position.index = position.index + pd.Timedelta(days=4000)", 300),
        ("position.index = position.index[:-1].append(position.index[-1:] + pd.Timedelta(days=500))", 1),
        ("position.index = (position.index[:1] - pd.Timedelta(days=500)).append(position.index[1:])", 1),
        ("d = position.index\nposition.index = d[:9].append(d[9:10] + pd.Timedelta(days=4000)).append(d[10:])", 1),
        ("position = position.iloc[::-1]\nposition.index = position.index - pd.Timedelta(days=4000)", 300),
    ],
)
def test_rows_of_another_time_are_refused(data, line, count):
    """Before the first bar or after the last by more than a year, be it one row; the message says how many and when."""
    with pytest.raises(ResultInvalid, match=f"{count} of 300 rows of position are dated outside the data") as caught:
        run(data, line)
    assert f"The data run from {data.dates[0].date()} to {data.dates[-1].date()}" in str(caught.value)


@pytest.mark.parametrize("days", [-300, 300])
def test_labels_of_a_period_that_goes_on_are_let_pass(data, days):
    """The label of a year may lie before its first bar or after its last."""
    line = f"position = position.iloc[[0, -1]]\nposition.index = position.index + pd.Timedelta(days={days})"
    assert run(data, line).equity.notna().all()
