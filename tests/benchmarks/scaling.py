"""How far the design reaches: pieces measured at growing sizes, the limits extrapolated from them.

    python tests/benchmarks/scaling.py [--no-write]

Writes docs/scaling.md. Times are CPU seconds of this process and its sandboxes, so that other work on the machine
counts for little; the time that passes is that divided by the cores in use. Takes a few minutes.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sqlalchemy as sa

from benchmarks.inputs import daily_returns, walks
from benchmarks.measuring import tree_cpu
from outsample import backtest, bootstrap
from outsample.archive import Store
from outsample.data import Dataset
from outsample.jobs import states
from outsample.jobs.table import count_by_status, list_jobs
from outsample.store.job_tables import backtest_jobs

ROOT = Path(__file__).resolve().parents[2]
MOMENTUM = """
close = data.get("close")
position = (close / close.shift(120)).is_largest(100)
sim(position, resample="ME", fee_ratio=0.001425, tax_ratio=0.003)
"""
DAYS = 20 * 252


@dataclass(frozen=True)
class Piece:
    """One size of one piece: CPU seconds, wall seconds, and bytes that grow with it."""

    size: int
    cpu: float
    wall: float
    size_bytes: int = 0


def timed(run, repeats=1, clock=time.process_time):
    """CPU and wall seconds of one of several runs, and what the last returned."""
    cpu, wall = clock(), time.perf_counter()
    for _ in range(repeats):
        result = run()
    return (clock() - cpu) / repeats, (time.perf_counter() - wall) / repeats, result


def strategies(sizes=(625, 1_250, 2_500, 5_000), days=DAYS):
    """A whole backtest in a sandbox on more and more symbols; bytes are those of one table of prices."""
    found = []
    for size in sizes:
        close = walks(size, days)
        data = Dataset.from_frames({"close": close}, name=f"{size}")

        def run(data=data):
            return backtest(MOMENTUM, data, store=False, lookahead=False, use_cache=False).metrics

        run()
        cpu, wall, _ = timed(run, 3, tree_cpu)
        found.append(Piece(size, cpu, wall, close.to_numpy().nbytes))
    return found


def paths(sizes=(20_000, 40_000, 80_000, 160_000), days=2_500):
    """More and more bootstrap paths; bytes are those of the statistics of all paths."""
    x = daily_returns(days)
    bootstrap(x, n_paths=100, block=20.0)
    found = []
    for size in sizes:
        cpu, wall, made = timed(lambda size=size: bootstrap(x, n_paths=size, block=20.0))
        found.append(Piece(size, cpu, wall, sum(int(values.nbytes) for values in made.samples.values())))
    return found


def jobs(sizes=(12_500, 25_000, 50_000, 100_000), each=100):
    """Operations on a table of more and more jobs in SQLite: submit, claim and finish, one page, counts.

    Returns
    -------
    dict of str to list of Piece
        Per operation; bytes are those of the file.
    """
    found = {"submit": [], "claim and finish": [], "a page of 100": [], "counts by status": []}
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"OUTSAMPLE_ARTEFACTS": folder}):
        file = Path(folder) / "store.db"
        with Store.open(str(file)) as store:
            there = 0
            for size in sizes:
                _fill(store, size - there)
                there = size
                runs = {
                    "submit": (lambda store=store: states.enqueue(store, _row()), each),
                    "claim and finish": (lambda store=store: _one(store), each),
                    "a page of 100": (lambda store=store: list_jobs(store, limit=100), 5),
                    "counts by status": (lambda store=store: count_by_status(store), 5),
                }
                for name, (run, repeats) in runs.items():
                    cpu, wall, _ = timed(run, repeats)
                    found[name].append(Piece(size, cpu, wall, file.stat().st_size))
    return found


def _row():
    return {
        "job_id": uuid.uuid4().hex * 2, "kind": "backtest", "backend": "local", "priority": "normal", "name": "s",
        "start_date": "2020-01-01", "end_date": "2020-12-31", "weight_method": "none", "config": {},
        "snapshot_id": "x", "dataset_version_ids": {"close": "y"}, "job_timeout": 60, "memory_limit_mb": 1000,
        "created_by": "ada",
    }  # fmt: skip


def _fill(store, count):
    """Add jobs that wait, in one transaction."""
    with store.begin() as connection:
        moment = states.now(connection)
        fresh = {
            "status": "pending", "queued_at": moment, "created_at": moment, "cancel_requested": False,
            "retry_count": 0, "progress_pct": 0.0, "progress_message": "", "attempt": 1, "forced": False,
        }  # fmt: skip
        connection.execute(
            sa.insert(backtest_jobs), [{**_row(), **fresh, "id": str(uuid.uuid4())} for _ in range(count)]
        )


def _one(store):
    held = states.claim(store, "w", backend="local")
    states.finish(store, held, states.Ending(status="completed"))


def shown(seconds):
    """A duration with a unit that suits it."""
    for unit, factor in (("h", 3_600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= factor * (2 if factor > 1 else 1):
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"


def size_of(count):
    """Bytes with a unit that suits them."""
    return f"{count / 2**30:.2g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"


def growth(title, pieces, what):
    """A table of one piece: its cost per thing must not rise."""
    lines = [f"| {title} | CPU | per {what} | bytes |", "| ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {p.size:,} | {shown(p.cpu)} | {p.cpu / p.size * 1e6:.3g} µs | {size_of(p.size_bytes)} |" for p in pieces
    ]
    first, last = pieces[0], pieces[-1]
    ratio = last.cpu / first.cpu
    return [*lines, "", f"{last.size / first.size:.0f} times the size takes {ratio:.1f} times the CPU time."]


TEXT = """\
# How far it reaches

Written by `python tests/benchmarks/scaling.py`: pieces are measured at growing sizes, and the limits that the design
expects are extrapolated from the largest. Times are CPU seconds of the process and its sandboxes on one machine
(Python {python}, {cores} cores, a load of {load:.1f} when the page was written: other work makes CPU seconds longer
too); what passes on a clock is that divided by the cores in use.
[Benchmarks](benchmarks.md) has the growth of the workloads themselves.

| limit | extrapolated from | CPU time | on these cores | memory |
| --- | --- | ---: | ---: | --- |
| 1,000 strategies x 5,000 assets x 20 years | one of them, measured whole | {batch} | {batch_wall} | {prices} per \
table of prices, mapped once for all sandboxes; besides that what a strategy makes itself |
| 1,000,000 bootstrap paths of 2,500 days | {n_paths:,} paths | {million} | {million_wall} | {statistics} of \
statistics; paths are never kept |
| 100,000 jobs waiting | a table of {n_jobs:,} jobs | {books} of bookkeeping | one writer at a time | {file} of SQLite |

## Strategies on many assets

Monthly top 100 by 120-day momentum over 5,040 days with fees and taxes, through the sandbox: the strategy, the
simulation and the metrics. The bytes are those of one table of closes.

{strategies}

What does not grow with the assets (starting a child, the metrics) is why small universes cost more for each. A run
holds a table for each step of what its strategy computes; a batch runs as many at once as memory allows and says so.
Data larger than memory are not supported: 5,000 assets over 20 years with open, high, low, close and volume are about
1 GiB.

## Bootstrap paths

The bytes are those of the statistics of all paths.

{paths}

## Jobs in one table

CPU time of one operation while so many jobs wait; the file grows by {per_job:.1f} KiB for each.

{jobs}

Submitting and claiming go through indices; counting reads the table. What the jobs compute is the first row of this
page. SQLite has one writer at a time, which is enough for one machine; a team's PostgreSQL takes the same rows from
many.
"""


def report(made, drawn, table):
    """Everything as markdown."""
    cores = os.cpu_count() or 1
    batch, million = 1_000 * made[-1].cpu, drawn[-1].cpu / drawn[-1].size * 1e6
    waiting = table["submit"][-1]
    each = sum(table[name][-1].cpu for name in ("submit", "claim and finish"))
    return TEXT.format(
        python=platform.python_version(),
        cores=cores,
        load=os.getloadavg()[0],
        batch=shown(batch),
        batch_wall=shown(batch / cores),
        prices=size_of(made[-1].size_bytes),
        n_paths=drawn[-1].size,
        million=shown(million),
        million_wall=shown(million / cores),
        statistics=size_of(drawn[-1].size_bytes / drawn[-1].size * 1e6),
        n_jobs=waiting.size,
        books=shown(each * 100_000),
        file=size_of(waiting.size_bytes),
        per_job=waiting.size_bytes / waiting.size / 1024,
        strategies="\n".join(growth("assets", made, "asset")),
        paths="\n".join(growth("paths", drawn, "path")),
        jobs="\n".join(operations(table)),
    )


def operations(table):
    """The table of what one operation costs."""
    lines = [f"| jobs | {' | '.join(table)} | file |", f"| ---: |{' ---: |' * (len(table) + 1)}"]
    for row in zip(*table.values(), strict=True):
        costs = " | ".join(shown(piece.cpu) for piece in row)
        lines.append(f"| {row[0].size:,} | {costs} | {size_of(row[0].size_bytes)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-write", action="store_true", help="print only")
    args = parser.parse_args()
    text = report(strategies(), paths(), jobs())
    print(text)
    if not args.no_write:
        (ROOT / "docs" / "scaling.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
