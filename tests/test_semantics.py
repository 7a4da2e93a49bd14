"""The constant SEMANTICS is part of every result key: it must be raised when any number can change."""

import json
from pathlib import Path

import numpy as np
import pytest

from outsample import load
from outsample.config import resolve_options
from outsample.engine import simulate
from outsample.metrics import measure
from outsample.model import SEMANTICS

STORED = json.loads((Path(__file__).parent / "reference" / "semantics.json").read_text(encoding="utf-8"))
ADVICE = "numbers changed: raise SEMANTICS in model.py, say so in CHANGELOG.md, run docs/scripts/record_semantics.py"


def test_the_recording_is_of_these_semantics():
    """A raised constant needs a new recording."""
    assert STORED["semantics"] == SEMANTICS, ADVICE


def test_the_data_of_the_recording_are_the_same():
    """Seeded synthetic data have the id that was recorded, on every machine."""
    assert load(STORED["data"]).id == STORED["snapshot"]


@pytest.mark.parametrize("engine", ["vectorised", "reference"])
@pytest.mark.parametrize("name", STORED["cases"])
def test_stored_results_are_reproduced(name, engine):
    """Both engines, and the metrics, give what they gave when the semantics were fixed."""
    case, data = STORED["cases"][name], load(STORED["data"])
    close = data.get("close")
    position = (close.average(10) > close.average(40)) & close.notna()
    execution, costs = resolve_options(data.preset.options, case["options"])
    result = simulate(position, data, execution=execution, costs=costs, engine=engine)
    np.testing.assert_allclose(result.equity.iloc[::50], case["equity"], rtol=1e-9, err_msg=ADVICE)
    assert result.equity.iloc[-1] == pytest.approx(case["final"], rel=1e-9), ADVICE
    assert len(result.trades) == case["trades"], ADVICE
    assert result.costs.to_numpy().sum() == pytest.approx(case["costs"], rel=1e-9), ADVICE
    found = measure(result, benchmark=close.pct_change().mean(axis=1).iloc[1:]).to_dict()
    # A new statistic changes the canonical bytes too: one key has one text.
    assert found.keys() == case["metrics"].keys(), ADVICE
    for statistic, want in case["metrics"].items():
        close_to = pytest.approx(want, rel=1e-7, abs=1e-12) if isinstance(want, float) else want
        assert found[statistic] == close_to, f"{statistic}: {ADVICE}"
