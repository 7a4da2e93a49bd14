"""Jobs per minute with 1, 2 and 4 workers, and the overhead of a warm local job.

    python tests/benchmarks/jobs.py [--seconds 1.0] [--jobs 24]

Each job is a strategy that computes for about `--seconds` of one core. Needs a Redis (redis-server in PATH);
the store is SQLite in a temporary folder. Figures are printed as JSON, with the number of cores: more workers
than cores bring nothing when every job computes.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from outsample import backtest
from outsample.archive import Store
from outsample.jobs import submit

SOURCE = """
seconds = {seconds!r}
import time
begin = time.process_time()
close = data.get("close")
position = close.average(20) > close.average(60)
while time.process_time() - begin < seconds:
    position = close.average(20) > close.average(60)
"""
PLAIN = "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close.average(60)\n"


def overhead(store, n=15):
    """Median seconds that a warm local job takes beyond what its own work takes."""
    submit(PLAIN, "sample", backend="local", store=store, lookahead=False, seed=1).wait(120)
    extra = []
    for number in range(n):
        began = time.perf_counter()
        job = submit(PLAIN, "sample", backend="local", store=store, lookahead=False, seed=100 + number).wait(60)
        extra.append(time.perf_counter() - began - job.row["wall_seconds"])
    return sorted(extra)[n // 2]


def rate(store, workers, jobs, seconds):
    """Jobs per minute, from the first start to the last end, with warm workers."""
    command = [sys.executable, "-m", "outsample", "worker"]
    running = [subprocess.Popen(command) for _ in range(workers)]
    try:
        warm = [_queued(store, 0.01, 10_000 * workers + k) for k in range(workers)]
        for job in warm:
            job.wait(120)
        time.sleep(5)
        began = time.perf_counter()
        waiting = [_queued(store, seconds, 1_000 * workers + number) for number in range(jobs)]
        for job in waiting:
            job.wait(600)
            assert job.status == "completed", job.message
        return 60.0 * jobs / (time.perf_counter() - began)
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait()


def _queued(store, seconds, seed):
    source = SOURCE.format(seconds=seconds)
    return submit(source, "sample", backend="rq", store=store, lookahead=False, seed=seed)


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "OUTSAMPLE_STORE": str(Path(folder) / "store.db"),
            "OUTSAMPLE_REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "OUTSAMPLE_JOB_IDLE": "5",
        }
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            with Store.open() as store:
                backtest(PLAIN, "sample", store=False, lookahead=False)
                figures = {"cores": os.cpu_count(), "overhead_seconds": round(overhead(store), 4)}
                time.sleep(8)  # the local supervisor ends
                for workers in given.workers:
                    figures[f"jobs_per_minute_{workers}"] = round(rate(store, workers, given.jobs, given.seconds), 1)
            print(json.dumps(figures))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
