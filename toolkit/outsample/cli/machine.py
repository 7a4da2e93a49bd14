"""``outsample warm``: this installation on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from outsample.cli.common import DONE

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_warm(commands)


def _add_warm(commands: Commands) -> None:
    warm = commands.add_parser("warm", help="compile every kernel and start a sandbox once", allow_abbrev=False)
    warm.set_defaults(command=_warm)


def _warm(parsed: argparse.Namespace) -> int:  # noqa: ARG001 - takes no options
    import time

    import numpy as np

    from outsample import api
    from outsample.data import load
    from outsample.engine import sim
    from outsample.research.bootstrap import bootstrap
    from outsample.sandbox import close_server
    from outsample.stats import bootstrap_interval, reality_check

    began = time.perf_counter()
    source = "position = data.get('close').average(5) > data.get('close').average(10)"
    data = load("synthetic:3x120?seed=1")
    result = api.backtest(source, data, store=False)
    result.to_html()
    # The variants of the kernel: stops, weights, a plain frame of closes.
    close = data.get("close")
    weights = (close > close.shift(1)) * 0.5
    for options in ({}, {"stop_loss": 0.1}, {"stop_loss": 0.1, "touched_exit": True}):
        len(sim(weights, data, **options).trades)
    sim(weights, data.frame("close"))
    bootstrap(result.returns, n_paths=10, time_under_water=True).fan()
    reality_check(result.returns, n_bootstrap=10)
    bootstrap_interval(result.returns, np.mean, n_bootstrap=10)
    close_server()
    print(f"warm after {time.perf_counter() - began:.1f} s")
    return DONE
