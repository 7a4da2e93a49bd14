"""Run where Qlib is installed: its numbers against the built-in ones, and its charts."""

import json
import sys
from pathlib import Path

import numpy as np

from outsample import backtest
from outsample.interop import qlib as interop

SOURCES = {
    "positions": ("close = data.get('close')\nposition = close.average(20) > close.average(60)", {}),
    "signal": ("close = data.get('close')\nsignal = close / close.shift(20) - 1", {"alpha": "rank", "resample": "W"}),
}


def leaves(value, path=""):
    """Every number with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    elif isinstance(value, int | float) or value is None:
        yield path, value


def main(folder):
    """Compare, print the state of each chart, and fail on a difference."""
    real = interop._module
    for name, (source, options) in SOURCES.items():
        result = backtest(source, "synthetic:12x400?seed=3", lookahead=False, store=False, **options)
        with_qlib = result.to_qlib_reports(folder / name)
        assert with_qlib.engine == "qlib", "Qlib was not used"
        interop._module = lambda module: None
        without = result.to_qlib_reports(folder / f"{name}-builtin")
        interop._module = real
        assert without.engine == "builtin"
        for file in ("risk_analysis.json", "ic_analysis.json"):
            a, b = (dict(leaves(json.loads((at.folder / file).read_text()))) for at in (with_qlib, without))
            assert a.keys() == b.keys()
            for place, value in a.items():
                assert (value is None) == (b[place] is None), (name, place, value, b[place])
                if value is not None:
                    np.testing.assert_allclose(value, b[place], rtol=1e-9, atol=1e-12, err_msg=f"{name} {place}")
        print(name, dict(with_qlib.charts))
        assert set(with_qlib.charts.values()) == {"written"}, with_qlib.charts


if __name__ == "__main__":
    main(Path(sys.argv[1]))
