"""Time the workloads against their peers in interleaved rounds; print a table and write docs/benchmarks.md.

    python tests/benchmarks/run.py [--rounds 5] [--only W1] [--no-write]

Peers run in the environment named by OUTSAMPLE_BENCH_PEERS (a Python); see peers.txt.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import overhead  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402

ROOT = HERE.parents[1]
PEERS = os.environ.get("OUTSAMPLE_BENCH_PEERS", "")
IMPORT_PANDAS = 0.45  # seconds on the machine on which the figures were set


class Ours:
    """A workload of outsample in this process."""

    def __init__(self, workload):
        self.run = workload.prepare(1.0)
        start = time.perf_counter()
        self.run()
        self.run()
        self.repeats = max(1, int(0.1 / max((time.perf_counter() - start) / 2, 1e-5)))

    def round(self):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(self.repeats):
            self.run()
        return (time.perf_counter() - wall) / self.repeats, (time.process_time() - cpu) / self.repeats

    def close(self):
        pass


class Peer:
    """A workload of a peer in a process of the peers' environment."""

    def __init__(self, name, key):
        self.process = subprocess.Popen(
            [PEERS, str(HERE / "peers" / "peer.py"), name, key],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        if not self.process.stdout.readline():
            raise RuntimeError(f"{name} is not there, or does not run {key}")
        first = self.ask(1)[0]
        self.repeats = max(1, int(0.1 / max(first, 1e-5)))

    def ask(self, repeats):
        self.process.stdin.write(f"{repeats}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["wall"], answer["cpu"]

    def round(self):
        return self.ask(self.repeats)

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def versions():
    """The machine, and what ran on it."""
    import numba
    import numpy
    import pandas

    installed = f"numpy {numpy.__version__}, pandas {pandas.__version__}, numba {numba.__version__}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines = [f"Python {platform.python_version()}, {installed}; {machine}"]
    if PEERS:
        listed = subprocess.run(
            [PEERS, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=False
        )
        wanted = {"raptorbt", "vectorbt", "polars-backtest", "polars", "arch", "numpy", "pandas", "numba"}
        installed = [(p["name"].replace("_", "-"), p["version"]) for p in json.loads(listed.stdout or "[]")]
        found = [f"{name} {version}" for name, version in installed if name in wanted]
        lines.append(f"Peers: {', '.join(found)}")
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import pandas"], check=True)
    slow = max(1.0, (time.perf_counter() - start) / IMPORT_PANDAS)
    lines.append(f"f = {slow:.2f} (time of `import pandas` / {IMPORT_PANDAS} s, at least 1)")
    return lines, slow


def measure(workloads, rounds):
    """Medians of wall and CPU time by (who, workload), and what was absent."""
    entries, absent = {}, []
    for workload in workloads:
        entries["outsample", workload.key] = Ours(workload)
        for name in workload.peers:
            key = workload.key.split()[0]
            if name.startswith("own:") or (name, key) in entries:
                continue
            try:
                if not PEERS:
                    raise RuntimeError(f"{name} was not run: OUTSAMPLE_BENCH_PEERS is not set")
                entries[name, key] = Peer(name, key)
            except RuntimeError as error:
                absent.append(str(error))
    times = {place: [] for place in entries}
    for _ in range(rounds):
        for place, entry in entries.items():
            times[place].append(entry.round())
    for entry in entries.values():
        entry.close()
    medians = {
        place: tuple(statistics.median(one[k] for one in found) for k in (0, 1)) for place, found in times.items()
    }
    return medians, sorted(set(absent))


def table(workloads, medians):
    """The rows of the table as markdown."""
    lines = ["| workload | who | wall | CPU | ours / theirs | target |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for workload in workloads:
        wall, cpu = medians["outsample", workload.key]
        lines.append(f"| {workload.key}: {workload.title} | outsample | {wall * 1e3:.3g} ms | {cpu * 1e3:.3g} ms | | |")
        for name, target in workload.peers.items():
            place = ("outsample", name[4:]) if name.startswith("own:") else (name, workload.key.split()[0])
            if place not in medians:
                continue
            theirs = medians[place]
            ratio = wall / theirs[0]
            mark = "" if ratio <= target else " (missed)"
            lines.append(
                f"| | {name.removeprefix('own:')} | {theirs[0] * 1e3:.3g} ms | {theirs[1] * 1e3:.3g} ms "
                f"| {ratio:.3g} | <= {target:.3g}{mark} |"
            )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="workloads whose key starts with this")
    parser.add_argument("--no-write", action="store_true", help="print only")
    args = parser.parse_args()
    workloads = [workload for workload in WORKLOADS if workload.key.startswith(args.only or "")]
    about, slow = versions()
    medians, absent = measure(workloads, args.rounds)
    written = (
        f"Written by `make bench`: medians of {args.rounds} interleaved rounds, warm-up not counted. "
        "Ratios compare within this run only."
    )
    text = [
        "# Benchmarks", "",
        written, "",
        *(f"- {line}" for line in about),
        *(f"- {line}" for line in absent), "",
        *table(workloads, medians), "",
        f"Bars per second, W1 kernel: {10_000 / medians['outsample', 'W1 kernel'][0]:,.0f}."
        if ("outsample", "W1 kernel") in medians else "",
        "", *(overhead.lines(slow) if "W6".startswith(args.only or "") else ()),
    ]  # fmt: skip
    print("\n".join(text))
    if not args.no_write:
        (ROOT / "docs" / "benchmarks.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
