"""Keys of frames: ours, finlab's, and what is said when there is nothing."""

import pytest

from outsample.data.keys import ALIASES, aliases_of, resolve
from outsample.errors import DataMissing

HAVE = ["close", "open", "high", "low", "raw_close", "raw_open", "volume", "pe_ratio"]


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("close", "close"),
        ("Close", "close"),
        ("adj_close", "close"),
        ("etl:adj_close", "close"),
        ("etl:adj_open", "open"),
        ("price:收盤價", "raw_close"),
        ("price:開盤價", "raw_open"),
        ("price:成交股數", "volume"),
        ("price_earning_ratio:本益比", "pe_ratio"),
    ],
)
def test_keys_are_resolved(key, ours):
    """finlab's prices are as traded, its adjusted ones are ours."""
    assert resolve(key, HAVE) == ours


def test_a_name_that_exists_is_never_read_as_another():
    """A dataset may hold a frame under a name that is an alias elsewhere."""
    assert resolve("adj_close", [*HAVE, "adj_close"]) == "adj_close"


def test_nothing_names_the_nearest_and_all():
    """The error says what is near and what there is."""
    with pytest.raises(DataMissing) as caught:
        resolve("volumne", HAVE)
    assert "'volume'" in caught.value.hint
    assert all(name in caught.value.hint for name in HAVE)


def test_a_known_key_without_data_says_what_it_stands_for():
    """An alias of a frame that this dataset lacks is explained."""
    with pytest.raises(DataMissing, match="stands for 'revenue'"):
        resolve("monthly_revenue:當月營收", HAVE)


def test_aliases_lead_back():
    """Every alias is found from the name that it stands for."""
    for alias, ours in ALIASES.items():
        assert alias in aliases_of(ours)
