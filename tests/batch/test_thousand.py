"""Many small strategies, and what the operating system says of the use of the machine."""

import gc
import threading
import time

import psutil
import pytest

from outsample.batch import run_many
from outsample.batch.helpers import SharedEvaluation
from outsample.data import load
from outsample.sandbox.client import get_server
from outsample.strategy import Strategy
from scale import SCALE

pytestmark = pytest.mark.slow

SMALL = "close = data.get('close')\nposition = close.average({}) > close.average(20)\ntag = {}\n"
N = 100 * SCALE


def _state():
    """What this process, its helper and its sandbox server hold: memory in MiB, descriptors, threads, children."""
    gc.collect()
    here, server = psutil.Process(), psutil.Process(get_server().process)
    helper = next(child for child in here.children() if "outsample.batch.helper" in child.cmdline())
    return {
        "helper": helper.memory_info().rss / 2**20,
        "memory": here.memory_info().rss / 2**20,
        "server": server.memory_info().rss / 2**20,
        "descriptors": here.num_fds() + server.num_fds(),
        "threads": threading.active_count(),
        "children": len(server.children()),
        "processes": len(here.children()),
    }


def test_many_small_strategies_in_constant_memory(tmp_path):
    """A hundred (a thousand at scale 10), each in a sandbox: nothing grows but the rows, at 8 kB each at most."""
    data = load("synthetic:3x200?seed=4")
    seen = []

    def look(finished):
        if finished.done % (N // 4) == 0:
            seen.append(_state())

    sources = [SMALL.format(3 + number % 15, number) for number in range(N)]
    # The caches of the process fill once.
    SharedEvaluation(total=N, count=1).helpers.want(1)
    run_many(sources[:40], data, parallel=2, store=False, lookahead=False, use_cache=False)
    before = _state()
    report = run_many(sources, data, parallel=2, store=False, lookahead=False, use_cache=False, on_result=look)
    assert [row.place for row in report] == list(range(N))
    assert report.summary["executed"] == N
    assert len({row.key for row in report}) == N
    after = _state()
    # Half of the batch against the other half: what fills once must not hide what grows.
    assert seen[-1]["memory"] - seen[1]["memory"] < 4 + N / 2 * 0.008
    assert seen[-1]["helper"] - seen[1]["helper"] < 4
    assert after["server"] - before["server"] < 4
    assert after["processes"] <= before["processes"]
    assert after["descriptors"] <= before["descriptors"]
    assert after["threads"] <= before["threads"]
    assert after["children"] <= before["children"]


def test_what_a_strategy_remembers_goes_with_its_run():
    """The syntax tree of a long source is not held until the end of the batch."""
    data = load("synthetic:3x200?seed=4")
    strategies = [Strategy.from_source(SMALL.format(5, number)) for number in range(3)]
    own = {number: set(vars(strategy)) for number, strategy in enumerate(strategies)}
    report = run_many(strategies, data, store=False, lookahead=False, use_cache=False)
    assert report.summary["executed"] == 3
    assert {number: set(vars(strategy)) for number, strategy in enumerate(strategies)} == own


WORK = """
import numpy as np
kept = np.ones(({megabytes}, 131_072))
total = 0
for number in range({loops}):
    total += number
position = data.get('close') > 0
"""


def _watched(run):
    """Run, and read what the system says of the server's children meanwhile: CPU, anonymous memory, time at work."""
    server = psutil.Process(get_server().process)
    seen, stop = {}, threading.Event()

    def watch():
        while not stop.is_set():
            now = time.perf_counter()
            for child in server.children():
                try:
                    times, memory = child.cpu_times(), child.memory_info()
                except psutil.NoSuchProcess:
                    continue
                if times.user + times.system == 0.0 and child.status() == psutil.STATUS_ZOMBIE:
                    continue
                anonymous = (memory.rss - memory.shared) / 2**20
                seen.setdefault(child.pid, []).append((now, times.user + times.system, anonymous))
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        found = run()
    finally:
        stop.set()
        thread.join()
    samples = max(seen.values(), key=lambda values: values[-1][1])
    cpu = max(sample[1] for sample in samples) - samples[0][1]
    memory = max(sample[2] for sample in samples) - samples[0][2]
    at_work = [now for now, used, _ in samples if used > samples[0][1]]
    return found, cpu, memory, at_work[-1] - at_work[0]


@pytest.mark.parametrize(
    ("megabytes", "loops"), [(60, 20_000_000), (150, 12_000_000), (200, 8_000_000), (300, 15_000_000)]
)
def test_use_of_the_machine_is_what_the_system_says(megabytes, loops):
    """Peak memory, CPU and wall time within 10 % of what psutil reads from outside, for small and large."""
    data = load("sample")
    run_many([Strategy("position = data.get('close') > 0")], data, store=False, lookahead=False)
    work = Strategy(WORK.format(megabytes=megabytes, loops=loops))
    report, cpu, memory, wall = _watched(lambda: run_many([work], data, store=False, lookahead=False, use_cache=False))
    row = report.rows[0]
    assert row.executed
    assert row.cpu_seconds == pytest.approx(cpu, rel=0.1)
    assert row.peak_memory_mb == pytest.approx(memory, rel=0.1)
    assert row.wall_seconds == pytest.approx(wall, rel=0.1)
