"""The options of a cell and of the command line."""

import pytest

from outsample.errors import ConfigError
from outsample.notebook.arguments import (
    backtest_parser,
    bootstrap_spec,
    grid,
    options_of,
    parameters,
    policy_of,
    walk_forward_spec,
)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("fast=5:50:5", list(range(5, 51, 5))),
        ("fast=5:7", [5, 6, 7]),
        ("fast=5:6:5", [5]),
        ("x=0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("x=5,10,20", [5, 10, 20]),
        ("mode=a,b", ["a", "b"]),
        ("x=True", [True]),
    ],
)
def test_grids(word, values):
    """A range includes its last value; a list is what it says."""
    assert list(grid([word]).values()) == [values]


@pytest.mark.parametrize("word", ["fast", "=3", "fast=", "fast=5:1:0", "fast=a:b", "fast=1:2:3:4", "fast=5:1", "1x=3"])
def test_grids_that_mean_nothing_are_refused(word):
    """No values, no step, no name."""
    with pytest.raises(ConfigError):
        grid([word])


def test_walk_forward_specs():
    """Spans, bars and flags; unknown parts name the nearest."""
    plan = walk_forward_spec("train=3Y, test=252 ,anchored,purge=5")
    assert (plan.train, plan.test, plan.anchored, plan.purge) == ("3Y", 252, True, 5)
    with pytest.raises(ConfigError, match="'train'"):
        walk_forward_spec("trian=3Y,test=1Y")
    with pytest.raises(ConfigError, match="needs train and test"):
        walk_forward_spec("train=3Y")
    with pytest.raises(ConfigError, match="boundary"):
        walk_forward_spec("train=3Y,test=1Y,boundary=open")


def test_bootstrap_specs():
    """Paths first, then arguments."""
    assert bootstrap_spec("500,method=circular,seed=7") == {"n_paths": 500, "method": "circular", "seed": 7}
    with pytest.raises(ConfigError, match="number of paths"):
        bootstrap_spec("many")


def test_a_whole_line():
    """Every option of a cell has its place."""
    line = "cross --data sample --start 2005-01-01 --fee-ratio 0 --params fast=3 mode='x y' -o r -q --timeout 3 --trust"
    import shlex

    parsed = backtest_parser().parse_args(shlex.split(line))
    assert parsed.name == "cross"
    assert options_of(parsed) == {"start": "2005-01-01", "fee_ratio": 0.0}
    assert parameters(parsed.params) == {"fast": 3, "mode": "x y"}
    assert (parsed.output, parsed.quiet) == ("r", True)
    assert (policy_of(parsed).timeout, policy_of(parsed).require) == (3.0, "process-only")


def test_an_unknown_option_names_the_nearest():
    """A typo in an option does not end the kernel; it says what was meant."""
    with pytest.raises(ConfigError, match="--resample"):
        backtest_parser().parse_args(["--resampel", "ME"])
    with pytest.raises(ConfigError, match="invalid float"):
        backtest_parser().parse_args(["--fee-ratio", "much"])
