"""W8: 200 strategies, two sandboxes at once, against the same code one after the other in this process."""

import contextlib
import io
import itertools
import sys
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
# Arithmetic that nothing of ours can shorten; it says how long it took, wherever it runs.
BUSY = """
import time
begun = time.perf_counter()
total = 0
for k in range({steps}):
    total += k * k % 7
print(time.perf_counter() - begun)
close = data.get("close")
position = close > close.average({fast})
"""


_batches = itertools.count()


def sources(count=200):
    """Strategies that differ, also from those of every other call: what ran before would be compared with it."""
    batch = next(_batches)
    return [SOURCE.format(fast=5 + k % 20, slow=40 + k, batch=batch) for k in range(count)]


def in_process(sources, data, printed=None):
    """Run strategies in this process: their code, the simulation, the metrics beside buying and holding."""
    found = []
    held = sim(pd.DataFrame(True, data.dates[:1], data.symbols), data, start=data.dates[0]).returns
    for text in sources:
        data.__dict__.pop("_context", None)
        space = {"data": data, "pd": pd, "np": np}
        with contextlib.redirect_stdout(printed if printed is not None else sys.stdout):
            exec(compile(text, "W8", "exec"), space)
        found.append(measure(sim(space["position"], data), benchmark=held))
    return found


def batch(sources, data, parallel, printed=None):
    """Seconds of a batch, look-ahead off, nothing kept."""
    start = time.perf_counter()
    report = run_many(sources, data, parallel=parallel, lookahead=False, store=False, use_cache=False)
    seconds = time.perf_counter() - start
    assert sum(row.executed for row in report.rows) == len(sources)
    if printed is not None:
        printed.write("".join(row.stdout for row in report.rows))
    return seconds


def alone(sources, data, printed=None):
    """Seconds of the same code one after the other in this process, without a sandbox."""
    start = time.perf_counter()
    in_process(sources, data, printed)
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


def busy(seconds, data):
    """A maker of strategies, each different, that take about so many seconds."""
    steps, printed = 1_000_000, io.StringIO()
    alone([BUSY.format(steps=steps, fast=3)] * 3, data, printed)
    steps = int(steps * seconds / min(map(float, printed.getvalue().split())))
    return lambda count: [BUSY.format(steps=steps + next(_batches), fast=5 + k % 50) for k in range(count)]


def added(rounds=15, count=4):
    """What a sandbox adds to a strategy: seconds around its code, and how much longer the code itself takes.

    The machine is now faster and now slower, by far more than what is looked for. What comes around the code does
    not depend on how long the code takes, and the code is timed from within in both places, in turn.
    """
    _, data = prepared()
    make = busy(0.1, data)
    ways = {"here": alone, "box": lambda sources, data, printed: batch(sources, data, 1, printed)}
    around, loops = {name: [] for name in ways}, {name: [] for name in ways}
    batch(make(1), data, 1)
    for number in range(rounds):
        for name in sorted(ways, reverse=bool(number % 2)):
            printed = io.StringIO()
            seconds = ways[name](make(count), data, printed)
            times = [float(text) for text in printed.getvalue().split()]
            loops[name] += times
            around[name].append((seconds - sum(times)) / count)
    more = float(np.median(around["box"]) - np.median(around["here"]))
    return more, float(np.median(np.divide(loops["box"], loops["here"]))) - 1.0


def sizes(rounds=3):
    """Two sandboxes at once against this process, for strategies that take longer: {seconds: times as fast}."""
    _, data = prepared()
    found = {}
    for seconds, count in ((0.1, 20), (0.3, 10), (1.0, 4)):
        make = busy(seconds, data)
        batch(make(2), data, 2)
        pairs = [(alone(make(count), data, io.StringIO()), batch(make(count), data, 2)) for _ in range(rounds)]
        found[seconds] = float(np.median([here / two for here, two in pairs]))
    return found


def lines(slow):
    """The rows of the report; milliseconds are divided by the slowness of the machine."""
    found = speed()
    (more, slower), larger = added(), sizes()
    (here, _), (one, one_cpu), (two, two_cpu) = found["here"], found["one"], found["two"]
    return [
        "| W8: 200 strategies on 20 symbols x 2,500 days, look-ahead off, warm | measured | target | |",
        "| --- | ---: | ---: | --- |",
        f"| one after the other in this process, without a sandbox | {here:.2f} s | | |",
        f"| `run_many(parallel=1)` | {one:.2f} s, CPU {one_cpu:.2f} s | | |",
        f"| `run_many(parallel=2)` | {two:.2f} s, CPU {two_cpu:.2f} s | | |",
        f"| two at once against one at once | {one / two:.2f} x | | |",
        f"| two at once against this process | {here / two:.2f} x | >= 1.7 x | {_verdict(here / two >= 1.7)} |",
        *(
            f"| the same, strategies of {seconds:g} s | {times:.2f} x | >= 1.7 x | {_verdict(times >= 1.7)} |"
            for seconds, times in larger.items()
        ),
        (
            f"| what a sandbox adds to a strategy of one second, around its code | {more * 1e3 / slow:.1f} ms / f "
            f"| <= 20 ms | {_verdict(more / slow <= 0.02)} |"
        ),
        f"| how much longer the code itself takes there | {slower:+.1%} | | |",
    ]


def _verdict(met):
    return "met" if met else "missed"
