"""The plan of a walk-forward: windows, seams, and which choices are allowed; checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from outsample import errors
from outsample.stats import Window, walk_forward_windows

__all__ = ["Plan", "check_groups", "check_windows", "combinatorial_groups"]

_BOUNDARIES = ("carry", "flat")
# Every split is chosen for, every path simulated: more than this is a slip of the pen.
_MOST_SPLITS = 10_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How windows are laid out.

    Parameters
    ----------
    train, test, step : int or str
        Bars, or calendar spans such as "3Y", "6M"; step is test by default.
    anchored : bool
        Training always begins with the first bar.
    purge, embargo : int
        Bars left out between the end of training and the start of the test.
    min_trades : int
        A combination with fewer trades that begin in the training window is never chosen.
    boundary : {"carry", "flat"}
        At a seam holdings are carried over, or sold first.
    strict : bool
        Run every combination again for each window, on data that end with it.
    combinatorial : tuple of int, optional
        Groups, and how many of them test at a time: combinatorial purged cross-validation beside the windows.
    """

    train: int | str
    test: int | str
    step: int | str | None = None
    anchored: bool = False
    purge: int = 0
    embargo: int = 0
    min_trades: int = 0
    boundary: str = "carry"
    strict: bool = False
    combinatorial: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.boundary not in _BOUNDARIES:
            raise errors.ConfigError(f"boundary must be 'carry' or 'flat'. Got {self.boundary!r}.")
        _check_min_trades(self.min_trades)
        if self.combinatorial is not None:
            if not isinstance(self.combinatorial, list | tuple) or len(self.combinatorial) != 2:
                raise errors.ConfigError(
                    "combinatorial is two numbers, of groups and of those that test: (6, 2). "
                    f"Got {self.combinatorial!r}."
                )
            check_groups(*self.combinatorial)


def _check_min_trades(value: object) -> None:
    """Refuse a number of trades that is none.

    Raises
    ------
    ConfigError
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise errors.ConfigError(f"min_trades must be a whole number >= 0. Got {value!r}.")


def check_groups(n_groups: object, n_test: object) -> None:
    """Refuse groups that no cross-validation can have, before anything runs.

    Raises
    ------
    ConfigError
    """
    for name, value, least in (("n_groups", n_groups, 2), ("n_test", n_test, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise errors.ConfigError(f"{name} of combinatorial must be a whole number >= {least}. Got {value!r}.")
    assert isinstance(n_groups, int)
    assert isinstance(n_test, int)
    if n_test >= n_groups:
        raise errors.ConfigError(
            f"combinatorial needs groups to train on: n_test < n_groups. Got n_groups={n_groups}, n_test={n_test}."
        )
    if math.comb(n_groups, n_test) > _MOST_SPLITS:
        raise errors.ConfigError(
            f"{n_groups} groups of which {n_test} test are {math.comb(n_groups, n_test):,} splits; at most "
            f"{_MOST_SPLITS:,} are allowed.",
            hint="Fewer groups, or fewer that test: (10, 2) are 45 splits and 9 paths.",
        )


def combinatorial_groups(text: str) -> tuple[int, int]:
    """Parse ``6,2`` (or ``6:2``): the groups, and how many of them test at a time.

    Raises
    ------
    ConfigError
        It is not two whole numbers.

    Examples
    --------
    >>> combinatorial_groups("6,2")
    (6, 2)
    """
    parts = text.replace(":", ",").split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise errors.ConfigError(
            f"combinatorial is two whole numbers, of groups and of those that test. Got {text!r}.", hint="6,2"
        )
    return int(parts[0]), int(parts[1])


def check_windows(dates: pd.DatetimeIndex, plan: Plan) -> list[Window]:
    """Return the windows of a plan over these bars.

    Raises
    ------
    ConfigError
        None fits, they have one bar, or the plan is none.
    """
    windows = walk_forward_windows(
        dates,
        train=plan.train,
        test=plan.test,
        step=plan.step,
        anchored=plan.anchored,
        purge=plan.purge,
        embargo=plan.embargo,
    )
    if not windows:
        span = f"from {dates[0].date()} to {dates[-1].date()}" if len(dates) else "of the data"
        raise errors.ConfigError(
            f"No window fits: train={plan.train!r} and test={plan.test!r} need more than the {len(dates)} bars {span}."
        )
    if min(len(window.train) for window in windows) < 2 or max(len(window.test) for window in windows) < 2:
        raise errors.ConfigError(
            f"A window needs at least 2 bars, since no ratio is defined on one. "
            f"Got train={plan.train!r}, test={plan.test!r}.",
            hint="For daily data train='3Y', test='1Y' is usual.",
        )
    return windows
