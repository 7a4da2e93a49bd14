"""Options: one Execution, one Costs, by one precedence."""

import numpy as np
import pandas as pd
import pytest

from outsample.config import Conventions, Costs, Execution, SandboxPolicy, option_names, resolve_options
from outsample.errors import ConfigError
from outsample.settings import load_settings


def test_later_layers_win_and_none_hides_nothing():
    """Precedence is the order of the layers; None means not said."""
    execution, costs = resolve_options(
        {"fee_ratio": 0.001, "price_limit": 0.1}, {"fee_ratio": 0.002}, {"fee_ratio": None, "resample": "ME"}
    )
    assert costs.fee_ratio == 0.002
    assert execution.price_limit == 0.1
    assert execution.resample == "ME"


def test_an_unknown_option_is_refused_with_the_nearest_name():
    """A typo never passes silently."""
    with pytest.raises(ConfigError, match=r"'fee_ration'.*'fee_ratio'"):
        resolve_options({"fee_ration": 0.1})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lag", 0),
        ("lag", -1),
        ("lag", 1.5),
        ("lag", True),
        ("fee_ratio", -0.001),
        ("fee_ratio", float("nan")),
        ("fee_ratio", "0.1"),
        ("fee_ratio", True),
        ("slippage", 0.06),
        ("leverage", 0),
        ("leverage", float("inf")),
        ("initial_capital", 0),
        ("trade_at_price", "vwap"),
        ("resample", 5),
        ("resample", ""),
        ("resample_offset", "2020-01-01"),
        ("delisting", "gone"),
        ("delist_after", 0),
        ("stop_loss", 0),
        ("start", "yesterday-ish"),
        ("touched_exit", 1),
        ("price_limit", -0.1),
        ("allocation", "before"),
        ("end", pd.NaT),
    ],
)
def test_values_outside_their_range_are_refused(option, value):
    """What, got and allowed are in the message."""
    with pytest.raises(ConfigError) as caught:
        resolve_options({option: value})
    assert option in str(caught.value)
    assert "Got" in str(caught.value)


def test_costs_that_eat_the_whole_position_are_refused():
    """gross x (fee + tax + slippage) < 1, or the after-cost root does not exist."""
    with pytest.raises(ConfigError, match="below 1"):
        resolve_options({"leverage": 10, "fee_ratio": 0.1})


def test_numbers_of_numpy_are_numbers():
    """Sweeps hand in numpy scalars."""
    execution, costs = resolve_options({"fee_ratio": np.float32(0.5e-3), "lag": np.int64(2)})
    assert execution.lag == 2
    assert type(costs.fee_ratio) is float


def test_dates_of_a_frame_become_a_sorted_tuple():
    """A list of dates, an index and a frame mean the same schedule."""
    dates = pd.date_range("2024-01-01", periods=3)
    frame = pd.DataFrame({"A": [1, 2, 3]}, index=dates)
    wanted = tuple(dates.as_unit("ns"))
    for value in (list(dates[::-1]), dates, frame, [str(date) for date in dates]):
        assert Execution(resample=value).resample == wanted


def test_start_after_end_is_refused():
    """An evaluation of no bars is a mistake."""
    with pytest.raises(ConfigError, match="start must not be after end"):
        Execution(start="2020-01-02", end="2020-01-01")


def test_every_option_has_one_home():
    """No name belongs to both Execution and Costs."""
    assert len(set(option_names())) == len(option_names())


def test_policies_and_conventions_check_their_values():
    """Frozen values are right from the start."""
    for make in (
        lambda: SandboxPolicy(timeout=0),
        lambda: SandboxPolicy(memory_mb=1),
        lambda: SandboxPolicy(require="none"),
        lambda: Conventions(risk_free=-1.5),
        lambda: Conventions(nan_policy="ignore"),
        lambda: Costs(fee_ratio=0.5),
    ):
        with pytest.raises(ConfigError):
            make()


def test_settings_come_from_the_environment():
    """A number that cannot be read names its variable."""
    settings = load_settings({"OUTSAMPLE_FEE_RATIO": "0.002", "OUTSAMPLE_PROGRESS": "0", "OUTSAMPLE_STORE": "x.db"})
    assert settings.options == {"fee_ratio": 0.002}
    assert not settings.progress
    assert settings.store == "x.db"
    with pytest.raises(ConfigError, match="OUTSAMPLE_TAX_RATIO"):
        load_settings({"OUTSAMPLE_TAX_RATIO": "much"})
