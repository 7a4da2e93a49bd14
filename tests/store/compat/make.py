"""Write the bundle of this version: once at its release; until then again whenever a number changes on purpose."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from outsample import Dataset, backtest
from outsample.bundle import bundle

SOURCE = "n = 10\nclose = data.get('close')\nposition = close > close.average(n)\n"


def make():
    """Waves of three symbols, traded weekly with a stop."""
    days = np.arange(300)
    waves = {
        "A": 100 + days * 0.25 + 10 * np.sin(days / 9),
        "B": 150 - days * 0.125 + 8 * np.sin(days / 7),
        "台積電": 80 + 5 * np.sin(days / 5),
    }
    close = pd.DataFrame(waves, index=pd.date_range("2020-01-01", periods=300, freq="B")).round(3)
    data = Dataset.from_frames({"close": close}, name="waves", market="TW")
    result = backtest(SOURCE, data, store=False, lookahead=False, stop_loss=0.05, resample="W-FRI")
    return bundle(result, Path(__file__).parent / f"result-{version('outsample')}.zip")


if __name__ == "__main__":
    print(make())
