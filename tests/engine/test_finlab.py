"""finlab's arithmetic against curves computed by another library (source in finlab.json)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outsample.engine import sim

TABLE = json.loads((Path(__file__).parent / "finlab.json").read_text(encoding="utf-8"))
RUNS = [(case, run) for case in TABLE["cases"] for run in case["runs"]]


@pytest.mark.parametrize("engine", ["vectorised", "reference"])
@pytest.mark.parametrize(("case", "run"), RUNS, ids=lambda value: str(value.get("options", "")))
def test_curves(case, run, engine):
    """Fees, tax, rebalances and stops give the same curve, bar by bar."""
    dates = pd.bdate_range("2024-01-01", periods=len(case["close"]))
    close, weight = (pd.DataFrame(case[name], dates, list("ABC")) for name in ("close", "weight"))
    result = sim(
        weight, close, allocation="pre_cost", fee_ratio=0.001425, tax_ratio=0.003, engine=engine, **run["options"]
    )
    curve = pd.Series(run["curve"], pd.bdate_range(run["first"], periods=len(run["curve"])))
    theirs = curve.loc[result.equity.index]
    np.testing.assert_allclose(result.equity, theirs / theirs.iloc[0], rtol=TABLE["tolerance"])
