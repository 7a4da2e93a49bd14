"""W-store: a large table published and read, a snapshot saved and read, a cell answered from the store.

    python tests/benchmarks/store.py [--rounds 5]

Figures are seconds, the median of the rounds after one that is not counted, and are printed as JSON beside their
targets. Publishing includes the wait for the disk (fsync of file, manifest and folders); reading includes the
comparison of every byte with the manifest.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from outsample import Dataset, Store
from outsample.store.files import check_folder, publish_folder, workplace
from outsample.store.parquet import read_wide, wide_shape, write_long

TARGETS = {"publish": 0.5, "read": 0.2, "cell": 0.3}
CELL = """
fast = 20
slow = 60
close = data.get("close")
position = close.average(fast) > close.average(slow)
"""


def table(bars=2500, symbols=2000):
    """Weights of every symbol on every bar."""
    values = np.random.default_rng(0).random((bars, symbols))
    dates = pd.date_range("2015-01-01", periods=bars, freq="B")
    return pd.DataFrame(values, index=dates, columns=[f"S{place}" for place in range(symbols)])


def publish(root, frame, place):
    """Write a table as an artefact of a run of its own and return its folder."""
    target = root / "results" / f"job{place}" / "1"
    with workplace(root) as folder:
        write_long(folder / "daily_weights.parquet", frame, "weight")
        publish_folder(folder, target)
    return target


def read(target, shape):
    """Compare the files of a run with their manifest, and read its weights back."""
    assert check_folder(target) == []
    return read_wide(target / "daily_weights.parquet", shape)


def timed(function, rounds, clock=time.perf_counter):
    """Seconds of each round; the first one is not counted."""
    found = []
    for place in range(rounds + 1):
        began = clock()
        function(place)
        found.append(clock() - began)
    return found[1:]


def cells(rounds, clock=time.perf_counter):
    """Seconds of a `%%backtest` cell that the store answers, in a kernel that has not run it."""
    from IPython.core.interactiveshell import InteractiveShell

    from outsample import api
    from outsample.ledger.known import Known

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "outsample")
    texts = []

    def run(_place):
        api._known = Known()
        with contextlib.redirect_stdout(io.StringIO()):
            shell.run_cell_magic("backtest", "cached -o cached --data sample", CELL)
        texts.append(shell.user_ns["cached"].key)

    found = timed(run, rounds, clock)
    InteractiveShell.clear_instance()
    assert len(set(texts)) == 1
    return found


def snapshots(root, frame, rounds):
    """Seconds to save a dataset of one large frame, and to load it verified."""
    data = Dataset.from_frames({"close": frame + 1.0}, name="large")
    with Store.open(root / "snapshots.db") as store:
        save = timed(lambda place: store.save_dataset(data, f"large{place}"), 1)
        load = timed(lambda _place: store.load_dataset("large0"), rounds)
    return save, load


def measure(root, rounds):
    """All figures."""
    frame = table()
    shape = wide_shape(frame)
    found = {"publish": timed(lambda place: publish(root, frame, place), rounds)}
    target = root / "results" / "job0" / "1"
    assert read(target, shape).equals(frame)
    found["read"] = timed(lambda _place: read(target, shape), rounds)
    os.environ["OUTSAMPLE_STORE"] = str(root / "store.db")
    found["cell"] = cells(rounds)
    found["snapshot save again"], found["snapshot load"] = snapshots(root, frame, rounds)
    return {name: round(statistics.median(seconds), 4) for name, seconds in found.items()}


def main():
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), parsed.rounds)
    print(json.dumps({"seconds": found, "targets": TARGETS, "cores": os.cpu_count()}, indent=1))


if __name__ == "__main__":
    main()
