"""Run where Qlib is installed: a data directory that the test wrote, as Qlib reads it and as we do."""

import sys
from pathlib import Path

import numpy as np

from outsample import load


def main(folder):
    """Compare every field of every instrument, day by day, and print how many cells were compared."""
    ours = load(f"qlib:{folder}")
    import qlib
    from qlib.data import D

    qlib.init(provider_uri=str(folder), kernels=1, expression_cache=None, dataset_cache=None, logging_level=40)
    names = D.list_instruments(D.instruments("all"), as_list=True)
    assert sorted(names) == list(ours.symbols), (names, ours.symbols)
    assert list(D.calendar()) == list(ours.dates)
    found = D.features(names, ["$close", "$factor", "$volume"])
    found.columns = ["close", "factor", "volume"]
    compared = 0
    for symbol in names:
        theirs = found.loc[symbol].reindex(ours.dates).to_numpy(dtype=np.float32)
        close, factor, volume = theirs.T
        # As traded: Qlib keeps the adjusted price and the volume that goes with it.
        for key, expected in (("raw_close", close / factor), ("volume", volume * factor)):
            frame = ours.frame(key) if key == "volume" else ours.get(key)
            got = frame[symbol].to_numpy(dtype=np.float32)
            np.testing.assert_allclose(got, expected, rtol=2e-7, equal_nan=True, err_msg=f"{symbol} {key}")
            compared += int(np.isfinite(expected).sum())
        # The adjusted price has the first bar's level with us, the last bar's with Qlib: one factor for all bars.
        ratio = ours.get("close")[symbol].to_numpy() / close
        spread = ratio[np.isfinite(ratio)]
        np.testing.assert_allclose(spread, spread[0], rtol=1e-6)
    print(f"{compared} cells are equal")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
