"""Every public function and every field of Metrics against values that do not come from this package.

The values lie in tests/reference/metrics_*.json, each with its source, convention and tolerance: other libraries
with their versions, papers, or arithmetic by hand that the case shows.
"""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, sim
from outsample import metrics as m

FOLDER = Path(__file__).parents[1] / "reference"
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("metrics_*.json"))}
CASES = {case["id"]: (case, book["series"]) for book in FILES.values() for case in book["cases"]}
MEASURED = {case["id"]: (case, book["series"]) for book in FILES.values() for case in book["measure"]}
# What cases of other functions stand for: their values are fields.
CARRIED = {"measure": "Metrics", "Capacity": "capacity"}


def dated(value):
    if "index" in value:
        return pd.DatetimeIndex(value["index"])
    return pd.date_range(value["start"], periods=len(value["returns"]), freq=value["freq"])


def simulated(value, scale=1.0):
    """A real simulation of small tables."""
    n = len(next(iter(value["close"].values())))
    index = pd.date_range(value["start"], periods=n, freq=value["freq"])
    frames = {name: pd.DataFrame(value[name], index=index) for name in ("close", "volume") if name in value}
    data = Dataset.from_frames(frames, name="hand") if "volume" in frames else frames["close"]
    options = {name: rate * scale for name, rate in value["options"].items()}
    return sim(pd.DataFrame(value["position"], index=index), data, **options)


def stand_in(value):
    """What measure reads of a simulation, with round numbers."""
    index = pd.date_range(value["start"], periods=len(value["equity"]), freq=value["freq"])
    equity = pd.Series(value["equity"], index=index)
    return SimpleNamespace(
        equity=equity,
        returns=equity.pct_change().iloc[1:],
        exposure=pd.DataFrame({"gross": value["gross"], "net": value["net"]}, index=index),
        turnover=pd.Series(value["turnover"], index=index),
        costs=pd.DataFrame(value["costs"], index=index),
        weights=pd.DataFrame(value["weights"], index=index),
        trades=pd.DataFrame({"pnl": []}),
        periods_per_year=value["periods_per_year"],
    )


DECODERS = {
    "returns": lambda v: pd.Series(v["returns"], index=dated(v)),
    "frames": lambda v: {int(h): pd.DataFrame(t, dtype=float) for h, t in v["frames"].items()},
    "frame": lambda v: pd.DataFrame(v["frame"], dtype=float),
    "series": lambda v: pd.Series(v["series"], dtype=float),
    "table": lambda v: pd.DataFrame(v["table"]),
    "simulation": lambda v: stand_in(v["simulation"]),
    "sim": lambda v: simulated(v["sim"]),
    "costed": lambda v: lambda multiple: simulated(v["costed"], multiple),
}


def decoded(value, series):
    if isinstance(value, dict):
        return next(decode(value) for name, decode in DECODERS.items() if name in value)
    return series[value] if isinstance(value, str) and value in series else value


def plain(value):
    """Lists, numbers and text, with None for what is missing."""
    if dataclasses.is_dataclass(value):
        return value.to_dict()
    if isinstance(value, pd.DataFrame):
        return {str(name): plain(value[name]) for name in value.columns}
    if isinstance(value, pd.Series | np.ndarray | pd.Index):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    return value


def agree(got, want, tol, where):
    if isinstance(want, dict):
        for name, item in want.items():
            agree(got[name], item, tol, f"{where}.{name}")
    elif isinstance(want, list):
        assert len(got) == len(want), where
        for place, (one, two) in enumerate(zip(got, want, strict=True)):
            agree(one, two, tol, f"{where}[{place}]")
    elif want is None or isinstance(want, str | bool):
        assert got == want, where
    else:
        assert got == pytest.approx(want, rel=tol["rel"], abs=tol["abs"]), where


@pytest.mark.parametrize("name", CASES)
def test_functions_give_the_reference_values(name):
    """Each function meets each of its reference values."""
    case, series = CASES[name]
    args = [decoded(value, series) for value in case["args"]]
    found = getattr(m, case["target"])(*args, **case.get("options", {}))
    agree(plain(found), case["expected"], case["tol"], case["target"])


@pytest.mark.parametrize("name", MEASURED)
def test_measure_gives_the_reference_values(name):
    """Each field of Metrics meets its reference value."""
    case, series = MEASURED[name]
    if "simulation" in case:
        found = m.measure(stand_in(case["simulation"]), **case["options"])
    else:
        values = decoded(case["returns"], series)
        index = pd.date_range(case["start"], periods=len(values), freq=case["freq"])
        benchmark = series[case["benchmark"]] if "benchmark" in case else None
        trades = pd.DataFrame(case["trades"]) if "trades" in case else None
        found = m.measure(pd.Series(values, index=index), benchmark=benchmark, trades=trades, **case["options"])
    for field, want in case["expected"].items():
        agree(getattr(found, field), want, case["tol"], field)


def test_everything_public_has_a_reference_value():
    """A public function or a field of Metrics without a reference value is refused."""
    targets = {case["target"] for case, _ in CASES.values()}
    targets |= {one for one, other in CARRIED.items() if other in targets or other == "Metrics"}
    fields = {field for case, _ in MEASURED.values() for field in case["expected"]}
    wanted = {item.name for item in dataclasses.fields(m.Metrics)} - {"reasons", "flags"}
    assert not set(m.__all__) - {"Metrics"} - targets
    assert not wanted - fields


@pytest.mark.parametrize("name", [*CASES, *MEASURED])
def test_every_value_says_where_it_comes_from(name):
    """A reference value has a source, a convention and a tolerance."""
    case, _ = (CASES | MEASURED)[name]
    assert case.get("source") or all(case["sources"][field] for field in case["expected"])
    assert case["convention"]
    assert 0.0 < case["tol"]["rel"] <= 1e-6
