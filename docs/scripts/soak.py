"""Runs strategies and jobs for a while and says what grew: memory, descriptors, processes, disk.

``python docs/scripts/soak.py --runs 2000 --jobs 200 --minutes 8 --json out.json`` ends after so
many runs and jobs, or so many minutes. Runs are of every kind: good ones, failing ones, endless ones, greedy ones. What
is kept on disk is in the figures beside it. Exit code 1: something grew that should not, or a result is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

import outsample as osa
from outsample.archive import Store
from outsample.jobs import submit
from outsample.sandbox.client import get_server

DATA = "synthetic:3x200?seed=4"
GOOD = "tag = {n}\nclose = data.get('close')\nposition = close.average({fast}) > close.average(30)\n"
# One of each in twenty runs; the rest are good.
OTHERS = {
    3: "tag = {n}\nposition = 1 / 0\n",
    7: "tag = {n}\nposition = data.get('nothing')\n",
    11: "tag = {n}\nkept = []\nwhile True:\n    kept.append(bytearray(10_000_000))\n",
    13: "tag = {n}\nwhile True:\n    pass\n",
    17: "import os  # {n}\nposition = 1\n",
}
POLICY = osa.SandboxPolicy(timeout=0.5, memory_mb=128)
SAMPLES = 10


def source(number: int) -> str:
    """Return the strategy of a place: each differs from all others."""
    return OTHERS.get(number % 20, GOOD).format(n=number, fast=3 + number % 20)


def state(folder: Path) -> dict[str, float]:
    """What is held now: MiB of this process and of the sandbox server, descriptors, threads, processes, disk."""
    gc.collect()
    here = psutil.Process()
    family = {here, *here.children(recursive=True), *_elsewhere()}
    temporary = folder / "tmp"
    found: dict[str, float] = {
        "memory_mb": here.memory_info().rss / 2**20,
        "server_mb": psutil.Process(get_server().process).memory_info().rss / 2**20,
        "descriptors": 0,
        "threads": threading.active_count(),
        "processes": len(family),
        "disk_mb": _disk(folder, leave_out=temporary) / 2**20,
        "temporary_files": len(list(temporary.iterdir())),
    }
    for process in family:
        try:
            found["descriptors"] += process.num_fds()
        except psutil.Error:
            continue
    return found


def _disk(folder: Path, *, leave_out: Path) -> int:
    """Bytes of all files; nothing is held for each of them, which would be seen as growth of this process."""
    total = 0
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(here, name) != leave_out]
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # a supervisor's own, gone meanwhile
                total += Path(here, name).stat().st_size
    return total


def _elsewhere() -> Iterator[psutil.Process]:
    """Supervisors and their children: they belong to nobody, but have our store in their environment."""
    for process in psutil.process_iter():
        try:
            # As a file here, as a URL in a supervisor.
            if process.environ().get("OUTSAMPLE_STORE", "").endswith(os.environ["OUTSAMPLE_STORE"]):
                yield process
        except (psutil.Error, OSError):
            continue


def soak_runs(store: Store, folder: Path, *, runs: int, until: float) -> dict[str, object]:
    """Run batches of strategies and return counts, and the state after each tenth."""
    counts: Counter[str] = Counter()
    samples: list[dict[str, float]] = []
    done, step = 0, max(runs // SAMPLES, 20)
    while done < runs and time.monotonic() < until:
        sources = [source(number) for number in range(done, min(done + step, runs))]
        report = osa.run_many(sources, DATA, store=store, lookahead=False, policy=POLICY)
        counts.update(row.category.value if row.category else "executed" for row in report)
        done += len(report)
        samples.append({"runs": done, **state(folder)})
        print(json.dumps({name: round(value, 1) for name, value in samples[-1].items()}), file=sys.stderr, flush=True)
    return {"runs": done, "by_category": dict(counts), "samples": samples}


def soak_jobs(store: Store, folder: Path, *, jobs: int, until: float) -> dict[str, object]:
    """Submit jobs to a local supervisor in portions and return how they ended, and the state after each portion."""
    counts: Counter[str] = Counter()
    samples: list[dict[str, float]] = []
    done = 0
    while done < jobs and time.monotonic() < until:
        numbers = range(10_000_000 + done, 10_000_000 + min(done + 25, jobs))
        batch = [submit(source(n), DATA, store=store, sandbox=POLICY, lookahead=False) for n in numbers if n % 20 != 17]
        for job in batch:
            counts[job.wait(300).status] += 1
        done += len(numbers)
        samples.append({"jobs": done, **state(folder)})
        print(json.dumps({name: round(value, 1) for name, value in samples[-1].items()}), file=sys.stderr, flush=True)
    return {"jobs": sum(counts.values()), "by_status": dict(counts), "samples": samples}


def growth(samples: list[dict[str, float]]) -> dict[str, float]:
    """Return the growth from the third sample on: caches fill once."""
    if len(samples) < 4:
        return {}
    first, last = samples[2], samples[-1]
    return {name: round(last[name] - first[name], 2) for name in first}


def main() -> int:
    """Run, print JSON, and return 1 if something grew beyond what is stored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--json", type=Path)
    parsed = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        folder = Path(place)
        os.environ |= {
            "OUTSAMPLE_STORE": str(folder / "store.db"),
            "OUTSAMPLE_ARTEFACTS": place,
            "OUTSAMPLE_JOB_IDLE": "5",
        }
        with Store.open() as store:
            share = 60 * parsed.minutes
            run = soak_runs(store, folder, runs=parsed.runs, until=began + 0.7 * share)
            job = soak_jobs(store, folder, jobs=parsed.jobs, until=began + share)
            stored = {"trials": store.count("store").n, "broken": len(store.broken())}
            time.sleep(8)  # the supervisor ends when nothing is left to do
            after = state(folder)
        found = {
            "seconds": round(time.monotonic() - began, 1),
            "run": run,
            "job": job,
            "stored": stored,
            "after": after,
        }
    grown = {"runs": growth(run["samples"]), "jobs": growth(job["samples"])}  # type: ignore[arg-type]
    found["growth"] = grown
    text = json.dumps(found, indent=1)
    print(text)
    if parsed.json:
        parsed.json.write_text(text + "\n", encoding="utf-8")
    return int(any(_too_much(part) for part in grown.values()) or stored["broken"] > 0)


def _too_much(part: dict[str, float]) -> bool:
    n = part.get("runs", part.get("jobs", 0.0))
    limits = {"memory_mb": 16 + 0.01 * n, "server_mb": 8.0, "descriptors": 4, "threads": 1, "processes": 2}
    return any(part.get(name, 0.0) > limit for name, limit in limits.items())


if __name__ == "__main__":
    sys.exit(main())
