"""How a workload is timed: ours in this process, a peer in one of its own, all of a family in interleaved rounds."""

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import environments

HERE = Path(__file__).resolve().parent
SLOW = 4.0  # seconds of one run from which on a peer takes part in two rounds only
ROUND = 0.1  # seconds that a round of one entry lasts at least


@dataclass
class Measured:
    """What was found of one entry."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    says: float | None = None
    grown_mib: float | None = None
    first: float | None = None

    @property
    def seconds(self):
        return statistics.median(self.wall)

    @property
    def cpu_seconds(self):
        return statistics.median(self.cpu)


class Ours:
    """A workload of outsample in this process, with the sandboxes that work for it."""

    def __init__(self, workload, seen):
        self.workload, self.seen = workload, seen
        self.run = workload.prepare(1.0)
        start = time.perf_counter()
        self.run()
        middle = time.perf_counter()
        result = self.run()
        seen.first = middle - start
        self.repeats = max(1, int(ROUND / max(time.perf_counter() - middle, 1e-5)))
        seen.says = None if workload.says is None else workload.says(result)

    def round(self, _number):
        cpu_clock = tree_cpu if self.workload.sandboxed else time.process_time
        wall, cpu, beside = time.perf_counter(), cpu_clock(), 0.0
        for _ in range(self.repeats):
            result = self.run()
            if self.workload.beside is not None:
                beside += self.workload.beside(result)
        self.seen.wall.append((time.perf_counter() - wall - beside) / self.repeats)
        self.seen.cpu.append((cpu_clock() - cpu) / self.repeats)
        self.seen.beside.append(beside / self.repeats)

    def close(self):
        self.run = None


class Peer:
    """A workload of a peer in a process of the peer's environment.

    Raises
    ------
    NotInstalled
        It has no environment, or cannot run this.
    """

    def __init__(self, name, key, seen):
        self.seen = seen
        self.process = subprocess.Popen(
            [environments.python_of(name), str(HERE / "peers" / "peer.py"), name, key],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        ready = json.loads(self.process.stdout.readline() or '{"error": "it ended without a word"}')
        if "error" in ready:
            self.close()
            raise environments.NotInstalled(f"{name} does not run {key}: {ready['error']}")
        seen.says, seen.grown_mib, seen.first = ready["says"], ready["grown_mib"], ready["first"]
        self.once = ready["once"]
        self.repeats = max(1, int(ROUND / max(self.once, 1e-5)))

    def round(self, number):
        if self.once > SLOW and number >= 2:
            return
        self.process.stdin.write(f"{self.repeats}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.seen.wall.append(answer["wall"])
        self.seen.cpu.append(answer["cpu"])

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Absent(list):
    """Reasons why somebody is not in the table."""

    def add(self, reason):
        if reason not in self:
            self.append(reason)


def measure(workloads, rounds, absent, until):
    """(who, workload key) -> Measured, for workloads of one family and their peers, in interleaved rounds.

    Parameters
    ----------
    workloads : sequence of Workload
    rounds : int
    absent : Absent
        Gets a reason for each peer that is not there.
    until : float
        Time of `time.monotonic` after which no further round is begun; one always is.
    """
    found, entries = {}, []
    for workload in workloads:
        found["outsample", workload.key] = seen = Measured()
        entries.append(Ours(workload, seen))
        for name in workload.peers:
            place = name, workload.key.split()[0]
            if name.startswith("own:") or place in found:
                continue
            seen = Measured()
            try:
                entries.append(Peer(*place, seen))
                found[place] = seen
            except environments.NotInstalled as reason:
                absent.add(str(reason))
    try:
        for number in range(rounds):
            if number and time.monotonic() > until:
                absent.add(f"{workloads[0].key}: {number} rounds instead of {rounds}, for time")
                break
            for entry in entries:
                entry.round(number)
    finally:
        for entry in entries:
            entry.close()
    return found


def tree_cpu():
    """CPU seconds of this process and of everything that it started, also of what has ended; else its own."""
    try:
        stats = [path.read_text(encoding="utf-8", errors="replace") for path in _stat_files()]
    except OSError:
        return time.process_time()
    ticks, parents = {}, {}
    for text in stats:
        number, _, rest = text.partition(" (")
        values = rest.rpartition(") ")[2].split()
        parents[int(number)] = int(values[1])
        ticks[int(number)] = sum(map(int, values[11:15]))
    total = 0
    for number, used in ticks.items():
        up = number
        while up in parents and up != os.getpid():
            up = parents[up]
        total += used if up == os.getpid() else 0
    return total / os.sysconf("SC_CLK_TCK")


def _stat_files():
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            path = folder / "stat"
            if path.exists():
                yield path
