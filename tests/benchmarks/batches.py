"""W8: 200 strategies, two sandboxes at once, against the same code one after the other in this process."""

import time

import numpy as np
import pandas as pd

from benchmarks.overhead import prepared
from outsample.batch import run_many
from outsample.engine import sim
from outsample.metrics import measure

SOURCE = """
fast = {fast}
slow = {slow}
close = data.get("close")
position = close.average(fast) > close.average(slow)
"""
# About a second of arithmetic that nothing of ours can shorten.
BUSY = """
total = 0
for k in range({steps}):
    total += k * k % 7
close = data.get("close")
position = close > close.average({fast})
"""


def sources(count=200):
    """Strategies that differ."""
    return [SOURCE.format(fast=5 + k % 20, slow=40 + k) for k in range(count)]


def in_process(sources, data):
    """Run strategies in this process: their code, the simulation, the metrics."""
    found = []
    for text in sources:
        data.__dict__.pop("_context", None)
        space = {"data": data, "pd": pd, "np": np}
        exec(compile(text, "W8", "exec"), space)
        found.append(measure(sim(space["position"], data)))
    return found


def batch(sources, data, parallel):
    """Seconds of a batch, look-ahead off, nothing kept."""
    start = time.perf_counter()
    report = run_many(sources, data, parallel=parallel, lookahead=False, store=False, use_cache=False)
    seconds = time.perf_counter() - start
    assert sum(row.executed for row in report.rows) == len(sources)
    return seconds


def speed(count=200):
    """Seconds in this process, of a batch with one sandbox at once, and with two."""
    _, data = prepared()
    texts = sources(count)
    in_process(texts[:2], data), batch(texts[:2], data, 2)
    start = time.perf_counter()
    in_process(texts, data)
    alone = time.perf_counter() - start
    return alone, batch(texts, data, 1), batch(texts, data, 2)


def busy(count=6):
    """Share of time that sandboxes add to strategies of about a second, one at once."""
    _, data = prepared()
    start = time.perf_counter()
    in_process([BUSY.format(steps=1_000_000, fast=3)], data)
    steps = int(1_000_000 / (time.perf_counter() - start))
    texts = [BUSY.format(steps=steps, fast=5 + k) for k in range(count)]
    start = time.perf_counter()
    in_process(texts, data)
    alone = time.perf_counter() - start
    return batch(texts, data, 1) / alone - 1


def lines():
    """The rows of the report."""
    alone, one, two = speed()
    extra = busy()
    return [
        "| W8: 200 strategies on 20 symbols x 2,500 days, look-ahead off | measured | target | |",
        "| --- | ---: | ---: | --- |",
        f"| one after the other in this process, without a sandbox | {alone:.2f} s | | |",
        f"| `run_many(parallel=1)` | {one:.2f} s | | |",
        f"| `run_many(parallel=2)` | {two:.2f} s | | |",
        (
            f"| two at once against one at once | {one / two:.2f} x | >= 1.7 x "
            f"| {'met' if one / two >= 1.7 else 'missed'} |"
        ),
        f"| two at once against this process | {alone / two:.2f} x | | |",
        (
            f"| what sandboxes add to strategies of one second | {extra:+.1%} | <= 2 % | "
            f"{'met' if extra <= 0.02 else 'missed'} |"
        ),
    ]
