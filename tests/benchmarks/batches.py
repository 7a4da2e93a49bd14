"""W8: 200 strategies, two sandboxes at once, against the same code one after the other in this process."""

import itertools
import time

import numpy as np
import pandas as pd
import psutil

from benchmarks.overhead import prepared
from outsample.batch import run_many
from outsample.engine import sim
from outsample.metrics import measure

SOURCE = """
fast = {fast}
slow = {slow}
batch = {batch}
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


_batches = itertools.count()


def sources(count=200):
    """Strategies that differ, also from those of every other call: what ran before would be compared with it."""
    batch = next(_batches)
    return [SOURCE.format(fast=5 + k % 20, slow=40 + k, batch=batch) for k in range(count)]


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


def alone(sources, data):
    """Seconds of the same code one after the other in this process, without a sandbox."""
    start = time.perf_counter()
    in_process(sources, data)
    return time.perf_counter() - start


def cpu():
    """CPU seconds so far of this process, its sandbox server with the children that have ended, and its helpers."""
    total = 0.0
    here = psutil.Process()
    for process in (here, *here.children()):
        times = process.cpu_times()
        total += times.user + times.system
        if process != here:
            total += times.children_user + times.children_system
    return total


def warmed(texts, data):
    """Let the server start, the caches fill, and a helper be there as after the first large batch."""
    alone(texts[:4], data)
    batch(texts[:8], data, 2)
    batch(texts, data, 2)


def speed(count=200, rounds=5):
    """Medians over interleaved rounds, as {way: (seconds, CPU seconds)}."""
    _, data = prepared()
    warmed(sources(count), data)
    ways = {
        "here": lambda: alone(sources(count), data),
        "one": lambda: batch(sources(count), data, 1),
        "two": lambda: batch(sources(count), data, 2),
    }
    found = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            before = cpu()
            found[name].append((way(), cpu() - before))
    return {name: tuple(np.median(values, axis=0)) for name, values in found.items()}


def busy(count=3, rounds=5):
    """Share that sandboxes add to strategies of about a second, one at once: of the time, and of the CPU time."""
    _, data = prepared()
    trial = BUSY.format(steps=1_000_000, fast=3)
    alone([trial], data)
    steps = int(1_000_000 / min(alone([trial], data) for _ in range(3)))
    texts = [BUSY.format(steps=steps, fast=5 + k) for k in range(count)]
    batch(texts[:1], data, 1)
    shares = []
    for _ in range(rounds):
        started = cpu()
        here, between = alone(texts, data), cpu()
        confined = batch(texts, data, 1)
        shares.append((confined / here - 1, (cpu() - between) / (between - started) - 1))
    return tuple(np.median(shares, axis=0))


def lines():
    """The rows of the report."""
    found = speed()
    extra, extra_cpu = busy()
    (here, _), (one, one_cpu), (two, two_cpu) = found["here"], found["one"], found["two"]
    return [
        "| W8: 200 strategies on 20 symbols x 2,500 days, look-ahead off, warm | measured | target | |",
        "| --- | ---: | ---: | --- |",
        f"| one after the other in this process, without a sandbox | {here:.2f} s | | |",
        f"| `run_many(parallel=1)` | {one:.2f} s, CPU {one_cpu:.2f} s | | |",
        f"| `run_many(parallel=2)` | {two:.2f} s, CPU {two_cpu:.2f} s | | |",
        (
            f"| two at once against one at once | {one / two:.2f} x | >= 1.7 x "
            f"| {'met' if one / two >= 1.7 else 'missed'} |"
        ),
        f"| two at once against this process | {here / two:.2f} x | | |",
        (
            f"| what sandboxes add to strategies of one second | {extra:+.1%}, CPU {extra_cpu:+.1%} | <= 2 % | "
            f"{'met' if extra <= 0.02 else 'missed'} |"
        ),
    ]
