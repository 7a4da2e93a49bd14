"""Write what this version leaves to later ones: once at its release; until then again whenever a number changes on
purpose. ``python tests/compat/make.py`` in the project's folder.

- result-VERSION.zip: a bundle.
- store-VERSION.zip: a store (its database and every file beside it) with two results, one of them on data that are
  saved under a name, a failed trial, and, under ``golden``, a golden result.
"""

import contextlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
SOURCE = "n = 10\nclose = data.get('close')\nposition = close > close.average(n)\n"


def waves():
    """Waves of three symbols."""
    from outsample import Dataset

    days = np.arange(300)
    values = {
        "A": 100 + days * 0.25 + 10 * np.sin(days / 9),
        "B": 150 - days * 0.125 + 8 * np.sin(days / 7),
        "台積電": 80 + 5 * np.sin(days / 5),
    }
    close = pd.DataFrame(values, index=pd.date_range("2020-01-01", periods=300, freq="B")).round(3)
    return Dataset.from_frames({"close": close}, name="waves", market="TW")


def make_bundle():
    """Traded weekly with a stop, packed into one file."""
    from outsample import backtest
    from outsample.archive.bundle import bundle

    result = backtest(SOURCE, waves(), store=False, lookahead=False, stop_loss=0.05, resample="W-FRI")
    return bundle(result, HERE / f"result-{version('outsample')}.zip")


def fill(folder):
    """Fill a store below a folder, with a golden result beside it."""
    from outsample import Strategy, backtest, load, record_golden
    from outsample.errors import OutsampleError
    from outsample.ledger.trials import default_store

    store = default_store()
    store.save_dataset(waves(), "waves", origin="tests/compat/make.py", licence="CC0-1.0")
    data = load("waves", store=store)
    held = backtest(Strategy.from_source(SOURCE, "held"), data, lookahead=True)
    backtest(Strategy.from_source(SOURCE.replace("position", "signal").replace("> close", "/ close"), "ranked"), data,
             alpha="rank", lookahead=False)  # fmt: skip
    with contextlib.suppress(OutsampleError):
        backtest(Strategy.from_source("position = data.get('nothing')", "failed"), data)
    record_golden(held, reason="for later versions", folder=folder / "golden", n_trials=3)
    store.close()


def make_store():
    """The whole store as one file."""
    target = HERE / f"store-{version('outsample')}.zip"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"OUTSAMPLE_STORE": str(folder / "store.db"), "OUTSAMPLE_USER": "compat"}
        fill(folder)
        target.unlink(missing_ok=True)
        with ZipFile(target, "w", ZIP_DEFLATED) as packed:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                packed.write(path, path.relative_to(folder).as_posix())
    return target


if __name__ == "__main__":
    print(make_bundle())
    print(make_store())
