"""A backend with everything real: a store, its servers, its workers, and ways to hurt them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil

from outsample import Dataset
from outsample.archive import Store
from outsample.jobs import submit

SOURCE = """
fast = 20
slow = 60
close = data.get("close")
position = close.average(fast) > close.average(slow)
"""
SPIN = "total = sum(range(10**13))\nposition = data.get('close') > 0\n"  # one call of C code that does not return


# It reads adjusted and raw prices and a point-in-time table, so that all of them have to arrive.
ALL_FRAMES = """
close, revenue = data.get("close"), data.get("revenue")
position = (close > close.average(10)) & (revenue > 1.5) & (data.get("raw_close") > 20)
"""


def notebook_data(name="made in a cell", market="US"):
    """A dataset that no name leads to: a table as it became known, a delisting, prices with a factor, a calendar."""
    rng = np.random.default_rng(5)
    dates = pd.date_range("2020-01-01", periods=300, freq="B")
    close = pd.DataFrame(50 * np.exp(rng.normal(0, 0.01, (300, 4)).cumsum(axis=0)), index=dates, columns=list("abcd"))
    close.loc["2020-11-03":, "d"] = np.nan
    factor = np.where(np.arange(300) < 150, 0.5, 1.0)[:, None]
    table = pd.DataFrame(
        [
            (s, p, k, v)
            for s in "abcd"
            for p, k, v in (("2019-12-31", "2020-02-03", 1.0), ("2020-03-31", "2020-05-04", 2.0))
        ],
        columns=["symbol", "period", "known", "value"],
    )
    frames = {"close": close, "adj_close": close * factor, "delisted": pd.Series({"d": pd.Timestamp("2020-11-02")})}
    tables = {"revenue": table.assign(period=pd.to_datetime(table["period"]), known=pd.to_datetime(table["known"]))}
    return Dataset.from_frames(frames, name=name, market=market, benchmark="a", tables=tables).until("2021-01-15")


class World:
    """One backend, its store and its workers.

    `kind` is "local" (SQLite, supervisor on demand) or "rq" (PostgreSQL, Redis, `outsample worker`).
    """

    def __init__(self, kind, folder, database, redis, slots=2):
        self.kind, self.folder, self.slots = kind, folder, slots
        self.url = str(folder / "store.db") if kind == "local" else database
        self.environment = {
            "OUTSAMPLE_STORE": self.url, "OUTSAMPLE_ARTEFACTS": str(folder), "OUTSAMPLE_REDIS_URL": redis or "",
            "OUTSAMPLE_JOB_IDLE": "30", "OUTSAMPLE_PARALLEL__WORKERS": str(slots), "OUTSAMPLE_USER": "ada",
        }  # fmt: skip
        self.workers = []

    @contextlib.contextmanager
    def running(self, workers=1):
        """The world with its workers, and none of their processes at the end."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            with Store.open(self.url) as self.store:
                self.ensure_workers(workers)
                try:
                    yield self
                finally:
                    for process in self.processes():
                        with contextlib.suppress(psutil.Error):
                            process.terminate()
                    for worker in self.workers:
                        worker.wait(20)
                    psutil.wait_procs(self.processes(), 20)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)

    def ensure_workers(self, number=1):
        """Start workers of the queue until there are so many; the local backend starts its own."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while self.kind == "rq" and len(self.workers) < number:
            with (self.folder / "worker.log").open("ab") as log:
                # Two slots: while a child is replaced after a killing, the other one is warm.
                command = [sys.executable, "-m", "outsample", "worker", "--slots", str(self.slots)]
                self.workers.append(subprocess.Popen(command, stdout=log, stderr=log))

    def submit(self, source=SOURCE, data="sample", **options):
        """Submit a job to this backend."""
        options = {"backend": self.kind, "store": self.store, "lookahead": False, **options}
        return submit(source, data, **options)

    def processes(self):
        """The supervisors of this world."""
        found = []
        for file in (self.folder / "jobs" / "workers").glob("*.json"):
            with contextlib.suppress(psutil.Error, OSError, ValueError):
                found.append(psutil.Process(json.loads(file.read_text())["pid"]))
        return found

    def kill_workers(self):
        """Kill every supervisor with signal 9, and say what was below them."""
        below = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                below += process.children(recursive=True)
                process.send_signal(signal.SIGKILL)
        for worker in self.workers:
            worker.kill()
            worker.wait()
        for file in (self.folder / "jobs" / "workers").glob("*.json"):
            file.unlink()
        return below

    def families(self):
        """Each child of a supervisor with all it has started: by their parents, and by their session."""
        found = {child: [] for process in self.processes() for child in process.children()}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                above = {process.pid, os.getsid(process.pid), *(parent.pid for parent in process.parents())}
                for child, family in found.items():
                    if child.pid in above:
                        family.append(process)
        return found


def until(condition, seconds=60.0):
    """Wait until something holds, and return how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - began
