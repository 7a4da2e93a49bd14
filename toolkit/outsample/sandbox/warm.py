"""What a server imports and runs once before it serves, so that no child ever has to read a file."""

from __future__ import annotations

import importlib
import warnings
import zoneinfo

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.sandbox.execute import Program, execute, failure
from outsample.sandbox.namespace import make_scene
from outsample.sandbox.payload import MappedDataset, dataset_payload, open_payload
from outsample.sandbox.series import Series
from outsample.sandbox.stubs import Notes
from outsample.sandbox.wire import encode_answer
from outsample.validation.names import MODULES

__all__ = ["FLAVOURS", "rehearse", "rehearse_series", "warm"]

_STANDARD = (
    "abc bisect calendar cmath collections.abc contextlib copy dataclasses datetime decimal enum fractions functools"
    " heapq itertools json linecache math numbers operator pprint random re statistics string textwrap time traceback"
    " types typing unicodedata warnings zoneinfo encodings.ascii encodings.latin_1 encodings.utf_8 encodings.cp1252"
    " encodings.utf_16 encodings.unicode_escape encodings.raw_unicode_escape encodings.idna"
)
_NUMPY = "numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random"
_PANDAS = (
    "pandas.api.types pandas.core.window.rolling pandas.core.window.ewm pandas.core.window.expanding"
    " pandas.core.reshape.pivot pandas.core.reshape.melt pandas.core.reshape.tile pandas.core.reshape.encoding"
    " pandas.core.methods.describe pandas.core.methods.to_dict pandas.core.methods.selectn pandas.core.resample"
    " pandas.core.groupby.generic pandas.core.computation.eval pandas.core.computation.expressions"
    " pandas.tseries.offsets"
    " pandas.io.formats.format pandas.io.formats.string pandas.io.formats.html pandas.io.formats.info"
    " pandas.core.indexes.accessors pandas.core.strings.accessor pandas.core.arrays.arrow.array"
)
_OWN = "outsample.engine outsample.metrics outsample.stats outsample.data.loaders"
# Optional libraries of the second server.
FLAVOURS = {
    "base": (),
    # All that the validator lets a strategy import.
    "science": tuple(name for name in MODULES if name.partition(".")[0] in {"scipy", "sklearn"}),
}
_ZONES = (
    "UTC Asia/Taipei Asia/Tokyo Asia/Hong_Kong Asia/Shanghai Asia/Singapore Asia/Seoul Asia/Kolkata Australia/Sydney"
    " Europe/London Europe/Berlin Europe/Paris Europe/Zurich America/New_York America/Chicago America/Los_Angeles"
    " America/Toronto America/Sao_Paulo US/Eastern US/Central US/Pacific GMT EST"
)
# zoneinfo keeps only the last eight by itself.
_kept: list[object] = []

# Each line on its own: one that fails must not keep the others from being compiled and loaded.
_EXERCISES = """
close = data.get("close")
volume = data.get("volume")
fast = close.average(3)
position = fast > close.average(5)
position = position & close.rise(2) & ~close.fall(1)
top = (close / close.shift(2)).rank(axis=1, pct=True)
top = close.rank(axis=1)
position = position | top.is_largest(2) | top.is_smallest(1)
position = position | position.sustain(2)
held = position.hold_until(~position)
held = position.hold_until(~position, nstocks_limit=2, rank=close)
held = position.hold_until(~position, nstocks_limit=2, rank=close, stop_loss=0.1, take_profit=0.2, price=close)
rest = position.is_entry().exit_when(position.is_exit())
close.quantile_row(0.5)
close.zscore_row()
position.inverse_volatility(5, price=close)
position.inverse_volatility(5)
position.scale_to_volatility(0.1, 5, 1.0, price=close)
position.astype(float).cap(0.5)
groups = dict(zip(close.columns, ["x", "y", "x", "y"]))
close.groupby_category(groups).mean(), close.industry_rank(groups), close.neutralize(groups), close.neutralize([volume])
close.bars("W", how="last").average(2)
close.resample("ME").last()
str(close.rolling(3).mean().std().describe()) + repr(close.pct_change().ewm(span=3).mean().corr())
repr(close.iloc[-1].sort_values()) + close.iloc[:2].to_string()
str(close.index[0]) + f"{close.index[-1]:%Y-%m}" + repr(close.index) + repr(close.tail(2)) + close._repr_html_()
close.stack().groupby(level=0).mean().to_frame("x").pivot_table(values="x", aggfunc="mean")
pd.concat([close, volume], axis=1).fillna(0.0).where(lambda x: x > 0).dropna(how="all")
pd.to_datetime(["2024-01-31"]).strftime("%d") + repr(pd.date_range("2024", periods=3, freq="W-FRI"))
repr(np.random.default_rng(0).normal(size=3)) + repr(np.linalg.lstsq(np.eye(2), np.ones(2), rcond=None))
np.random.normal(size=3), np.polyfit(range(5), range(5), 1), np.percentile(close.to_numpy(), 50)
close.apply(lambda column: column.rolling(3).apply(np.mean, raw=True))
close.to_dict(), close.to_json(), close.to_html()
report = sim(position)
report.creturn
report = sim(position.astype(float), resample="ME", stop_loss=0.1, take_profit=0.2, trail_stop=0.1, touched_exit=True)
report.creturn, report.get_trades()
report.weights, report.turnover, report.costs, report.exposure
report.get_stats()
__import__("outsample.engine").engine.sim(position.astype(float), close)
raise ValueError("an error is put into words too")
"""
# Libraries load parts of themselves on the first fit.
_SCIENCE_EXERCISES = """
x, y = np.arange(40.0).reshape(20, 2), np.arange(20.0)
__import__("sklearn.linear_model").linear_model.LinearRegression().fit(pd.DataFrame(x), y).predict(pd.DataFrame(x))
__import__("sklearn.linear_model").linear_model.LogisticRegression().fit(x, y > 9).predict_proba(x)
__import__("sklearn.linear_model").linear_model.Lasso().fit(x, y)
__import__("sklearn.ensemble").ensemble.RandomForestClassifier(n_estimators=2).fit(x, y > 9).predict(x)
__import__("sklearn.ensemble").ensemble.GradientBoostingRegressor(n_estimators=2).fit(x, y).predict(x)
__import__("sklearn.preprocessing").preprocessing.StandardScaler().fit_transform(pd.DataFrame(x))
__import__("sklearn.decomposition").decomposition.PCA(1).fit_transform(x)
__import__("sklearn.cluster").cluster.KMeans(2, n_init=1).fit_predict(x)
__import__("scipy.stats").stats.zscore(y), __import__("scipy.stats").stats.linregress(y, y)
__import__("scipy.stats").stats.norm.cdf(y), __import__("scipy.signal").signal.lfilter([1.0], [1.0], y)
__import__("scipy.optimize").optimize.minimize(lambda v: float((v**2).sum()), np.ones(2))
"""

_REHEARSAL = "close = data.get('close')\nposition = close.average(3) > close.average(5)"
_SERIES = "n = 3\nm = 5\nclose = data.get('close')\nposition = close.average(n) > close.average(m)"


def warm(flavour: str) -> MappedDataset:
    """Import and run what strategies use; return the small dataset that it was tried on.

    An operator that fails here is left for the strategies to meet: it must not stop the server.
    """
    for name in f"{_STANDARD} {_NUMPY} {_PANDAS} {_OWN}".split() + list(FLAVOURS[flavour]):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    _keep_zones()
    if int(pd.__version__.partition(".")[0]) < 3:
        # Frames are the data themselves and read-only, as they are with pandas 3: no copies, the same errors.
        pd.set_option("mode.copy_on_write", True)
    data = _toy()
    mapped = open_payload(dataset_payload(data).descriptor)
    rehearse(mapped)
    _exercise(mapped, _EXERCISES)
    # Often enough for Python to have specialised its code: in a child that would copy pages.
    rehearse_series(mapped, 40)
    if flavour == "science":
        _exercise(mapped, _SCIENCE_EXERCISES)
    return mapped


def _keep_zones() -> None:
    """Load time zones, for zoneinfo and for pytz, which pandas 2 asks first."""
    for name in _ZONES.split():
        try:
            _kept.append(zoneinfo.ZoneInfo(name))
            # pandas reads the transitions from the twin that is written in Python, if there is one.
            twin = getattr(importlib.import_module("zoneinfo._zoneinfo"), "ZoneInfo", zoneinfo.ZoneInfo)
            _kept.append(twin(name))
            _kept.append(pd.Timestamp("2024-01-01").tz_localize(name))
        except (zoneinfo.ZoneInfoNotFoundError, KeyError, OSError):
            continue


def _exercise(dataset: MappedDataset, lines: str) -> None:
    notes = Notes()
    names = make_scene(dataset, notes).names
    for line in lines.strip().splitlines():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exec(compile(line, "warm", "exec"), names)  # noqa: S102 - the lines above
            except Exception as error:  # noqa: BLE001 - see warm
                encode_answer(failure(error, notes))


def rehearse(dataset: MappedDataset) -> None:
    """Run a small strategy: the pages of memory that every run writes to are copied before one waits for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encode_answer(*execute(Program.compile(_REHEARSAL, "warm", {}), dataset, Notes(), seed=0))


def rehearse_series(dataset: MappedDataset, count: int = 8) -> None:
    """Open the data again and run a series on them: what a session writes to is copied before one waits for it."""
    series = {"source": _SERIES, "name": "warm", "seed": 0}
    sets = [{"n": n, "m": 5} for n in range(2, 2 + count)]
    Series(series, dataset.reopened(), Notes(), lambda _: None).answer(sets)


def _toy() -> Dataset:
    dates = pd.date_range("2024-01-01", periods=60, freq="B")
    steps = np.cumsum(np.sin(np.arange(240.0)).reshape(60, 4), axis=0)
    close = pd.DataFrame(100.0 + steps, index=dates, columns=list("ABCD"))
    frames = {name: close * scale for name, scale in (("open", 1.0), ("high", 1.02), ("low", 0.98), ("close", 1.0))}
    return Dataset.from_frames({**frames, "volume": close * 0 + 1000.0}, name="warm")
