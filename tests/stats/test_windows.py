"""Walk-forward windows and combinatorial purged splits."""

import itertools

import numpy as np
import pandas as pd
import pytest

from outsample import stats as s
from outsample.errors import ConfigError


def test_windows_tile_and_keep_their_distance():
    """Tests tile, keep purge and embargo, and a short last one is flagged (S8)."""
    found = s.walk_forward_windows(103, train=30, test=20, purge=2, embargo=3)
    assert all(w.test.start - w.train.stop == 5 for w in found)
    assert all(a.test.stop == b.test.start for a, b in itertools.pairwise(found))
    assert [w.partial for w in found] == [False, False, False, True]
    assert found[-1].test.stop == 103


def test_calendar_windows_tile():
    """Windows by calendar offsets tile the dates."""
    index = pd.bdate_range("2010-01-01", "2020-12-31")
    found = s.walk_forward_windows(index, train="3Y", test="1Y")
    assert all(a.test.stop == b.test.start for a, b in itertools.pairwise(found))
    assert found[-1].test.stop == len(index)


def test_paths_use_each_split_of_a_group_once():
    """Every path has all groups, each supplied by a split that tests it (S9)."""
    made = s.combinatorial_purged(60, n_groups=6, n_test=2, purge=2, embargo=3)
    for path in made.paths:
        assert all(group in made.splits[split].groups for group, split in enumerate(path))
    for split in made.splits:
        assert np.abs(split.train[:, None] - split.test[None, :]).min() > 2


def test_no_window_trains_on_what_it_tests():
    """Train and test are disjoint with their distance, for many sizes (S8)."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        n, train, test, purge, embargo = (int(v) for v in rng.integers([60, 5, 1, 0, 0], [200, 40, 20, 5, 5]))
        anchored = bool(rng.integers(2))
        found = s.walk_forward_windows(n, train=train, test=test, purge=purge, embargo=embargo, anchored=anchored)
        assert all(max(w.train) + purge + embargo < min(w.test) for w in found)
        sizes = [len(w.train) for w in found]
        assert sizes == sorted(sizes) if anchored else set(sizes) <= {train}
        assert [bar for w in found for bar in w.test] == list(range(found[0].test.start, n))


def test_purged_splits_agree_with_skfolio():
    """Splits and paths are those of skfolio's CombinatorialPurgedCV, without purge and with."""
    from skfolio.model_selection import CombinatorialPurgedCV

    for purge, embargo in ((0, 0), (2, 3)):
        other = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=purge, embargo_size=embargo)
        made = s.combinatorial_purged(60, n_groups=6, n_test=2, purge=purge, embargo=embargo)
        theirs = list(other.split(np.zeros((60, 1))))
        assert len(made.splits) == len(theirs)
        for one, (train, tests) in zip(made.splits, theirs, strict=True):
            assert one.train.tolist() == np.sort(train).tolist()
            assert one.test.tolist() == np.sort(np.concatenate(tests)).tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"train": 0, "test": 5},
        {"train": 5, "test": True},
        {"train": "3Y", "test": "1Y"},
        {"train": 5, "test": 5, "purge": -1},
    ],
)
def test_impossible_windows_are_refused(options):
    """Windows that make no sense are typed errors."""
    with pytest.raises(ConfigError):
        s.walk_forward_windows(100, **options)
