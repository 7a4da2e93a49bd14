"""Trials as they stand in the tests of the store."""

from outsample.store import Trial


def trial(key="k1", **changes):
    """A backtest that went well; `changes` are other values of its columns."""
    values = {
        "result_key": key,
        "name": "s",
        "dataset": "sample",
        "snapshot_id": "x",
        "family": "f",
        "source": "a = 1",
        "sharpe": 1.0,
        "sharpe_per_period": 0.06,
        "n_returns": 252,
    }
    return Trial(**{**values, **changes})
