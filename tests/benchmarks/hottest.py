"""The ten functions of each workload that take the most time of their own: `make profile`.

    python tests/benchmarks/hottest.py [--only W1] [--scale 1.0]

A workload runs once unmeasured, so that compiling is not counted, and once under `cProfile`: of this process and of the
thread that called. What sandboxed children and other threads do is in the time of the function that waits for them. W6
and W8 are scripts of their own (`overhead.py`, `batches.py`) and are not among these.
"""

import argparse
import cProfile
import pstats
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.workloads import WORKLOADS  # noqa: E402

SITES = ("toolkit", "site-packages", "lib")  # folders behind which a path says which module it is


@dataclass(frozen=True)
class Hot:
    """A function in a profile: its calls, the seconds spent in it, and those with what it calls."""

    where: str
    calls: int
    own: float
    total: float


def hottest(run, count=10):
    """Return the functions that take the most time of their own, and the seconds of the whole run."""
    run()
    profile = cProfile.Profile()
    profile.runcall(run)
    stats = pstats.Stats(profile)
    found = [
        Hot(where=_where(*place), calls=calls, own=own, total=total)
        for place, (_, calls, own, total, _) in stats.stats.items()
    ]
    return sorted(found, key=lambda hot: -hot.own)[:count], stats.total_tt


def _where(file, line, function):
    """A function as module, line and name; built-in functions have a name alone."""
    if file == "~":
        return function
    parts = Path(file).parts
    start = max((parts.index(site) + 1 for site in SITES if site in parts), default=-1)
    return f"{'/'.join(parts[start:])}:{line} {function}"


def table(workload, scale):
    """Return the lines that are printed for a workload."""
    found, seconds = hottest(workload.prepare(scale))
    yield f"{workload.key}: {workload.title} ({seconds:.3g} s under the profiler)"
    yield f"  {'own':>6}  {'own s':>9}  {'with calls':>10}  {'calls':>8}  function"
    for hot in found:
        share = hot.own / seconds if seconds else 0.0
        yield f"  {share:6.1%}  {hot.own:9.4f}  {hot.total:10.4f}  {hot.calls:8,}  {hot.where}"


def main():
    """Print a table for each workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="workloads whose key begins with this")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full size")
    arguments = parser.parse_args()
    chosen = [workload for workload in WORKLOADS if workload.key.startswith(arguments.only)]
    if not chosen:
        parser.error(f"no workload begins with {arguments.only!r}; there are {', '.join(w.key for w in WORKLOADS)}")
    for workload in chosen:
        print("\n".join(table(workload, arguments.scale)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
