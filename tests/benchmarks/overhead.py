"""W6: what the sandbox adds to a strategy, warm, and what a server costs once."""

import statistics
import time

import numpy as np
import pandas as pd

from outsample import run_sandboxed
from outsample.data import Dataset
from outsample.sandbox.client import ServerProcess
from outsample.strategy import Strategy

SOURCE = "close = data.get('close')\nposition = close.average(20) > close.average(60)\n"


def prepared(symbols=20, bars=2_500):
    """A strategy and a dataset of geometric walks."""
    random = np.random.default_rng(1)
    steps = random.normal(0.0003, 0.0126, (bars, symbols))
    close = pd.DataFrame(
        100 * np.exp(steps.cumsum(axis=0)),
        index=pd.bdate_range("2010-01-04", periods=bars),
        columns=[f"S{place:02d}" for place in range(symbols)],
    )
    return Strategy.from_source(SOURCE), Dataset.from_frames({"close": close}, name="W6")


def in_process(data):
    """The same code in this process, nothing remembered between two runs."""
    data.__dict__.pop("_context", None)
    space = {"data": data, "pd": pd, "np": np}
    exec(compile(SOURCE, "W6", "exec"), space)
    return space["position"]


def overhead(rounds=200):
    """Seconds that each sandboxed run takes over the median of the same code in process."""
    strategy, data = prepared()
    for _ in range(5):
        in_process(data)
        run_sandboxed(strategy, data)
    plain, confined = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        in_process(data)
        plain.append(time.perf_counter() - start)
        start = time.perf_counter()
        result = run_sandboxed(strategy, data)
        confined.append(time.perf_counter() - start)
        assert result.status.value == "ok", result.error
    base = statistics.median(plain)
    return [value - base for value in confined]


def server_start(rounds=3):
    """Median seconds until a new server answers."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        server = ServerProcess()
        times.append(time.perf_counter() - start)
        server.close()
    return statistics.median(times)


def lines(slow, rounds=200):
    """The rows of the report, in milliseconds divided by the slowness of the machine."""
    found = np.array(overhead(rounds)) * 1e3 / slow
    start = server_start() / slow
    return [
        "| W6: 20 symbols x 2,500 days through the sandbox, warm | measured / f | target | |",
        "| --- | ---: | ---: | --- |",
        _row(f"overhead over the same code in process, median of {rounds} runs", np.median(found), 15),
        _row("the same, 99th percentile", np.percentile(found, 99), 30),
        _row("start of a server, once", start * 1e3, 1_500),
    ]


def _row(what, value, target):
    return f"| {what} | {value:.1f} ms | <= {target} ms | {'met' if value <= target else 'missed'} |"
