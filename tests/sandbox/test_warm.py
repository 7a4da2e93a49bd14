"""The warm-up of a server: children can neither import nor compile, so everything must be there before."""

import subprocess
import sys

import pytest

from outsample.model import Status
from sandbox.support import run

WAITING = """
import sys
from outsample.sandbox.warm import warm
warm("base")
for name, module in list(sys.modules.items()):
    if not name.startswith(("outsample.data", "outsample.engine", "outsample.metrics")):
        continue
    for function in vars(module).values():
        cells = getattr(function, "__closure__", None) or ()
        if hasattr(function, "plain"):
            inner = dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in cells), strict=True))
            print("waiting" if inner.get("compiled") == [] else "compiled", name, function.__name__)
"""


def test_every_kernel_is_compiled():
    """After the warm-up of a process no kernel that a strategy can reach is left to be compiled in a child."""
    done = subprocess.run([sys.executable, "-c", WAITING], capture_output=True, text=True, timeout=200, check=True)
    lines = done.stdout.splitlines()
    assert sum(line.startswith("compiled") for line in lines) > 10
    assert [line for line in lines if line.startswith("waiting")] == []


@pytest.mark.parametrize(
    "line",
    [
        "import statistics, decimal, fractions, enum, dataclasses, collections, functools, itertools, operator, re",
        "from datetime import datetime, timedelta",
        "import json, string, textwrap, typing, heapq, bisect, copy, calendar",
        "close.describe().to_string(), close.to_json(), close.to_html(), repr(close), close.info()",
        "close.tz_localize('Asia/Taipei').tz_convert('America/New_York')",
        "close.groupby(close.index.to_period('M')).transform('mean')",
        "close.resample('ME').last(), close.resample('W-FRI').max()",
        "close.rolling(5).corr(), close.ewm(halflife=3).std(), close.expanding().max()",
        "close.rolling(5).apply(np.mean, raw=True), close.rolling(5).apply(lambda x: x.iloc[-1])",
        "close.stack().unstack(), close.melt(), pd.crosstab([1, 2], [1, 2])",
        "pd.cut(close['S0000'], 3), pd.qcut(close['S0000'], 3)",
        "pd.get_dummies(pd.Series(list('ab'))), close.T.corr(), close.cov(), close.pct_change().quantile([0.1, 0.9])",
        "close.merge(close, left_index=True, right_index=True), close.join(close, rsuffix='x')",
        "pd.date_range('2020', periods=3, freq='BME'), pd.Timestamp('2020-01-31') + pd.DateOffset(1)",
        "pd.Series(['a b']).str.split(), pd.Series(['x']).str.upper(), close.columns.str.lower()",
        "close.where(close > 0).interpolate(), close.ffill().bfill(), close.clip(0, 1).round(2), close.rank(pct=True)",
        "np.linalg.svd(close.to_numpy()), np.fft.fft(np.ones(8)), np.polyfit(range(9), range(9), 2), np.ma.array([1])",
        "np.random.default_rng(1).choice(5, 3), np.random.permutation(5), np.datetime64('2020-01-01')",
        "f'{close.index[0]:%Y-%m-%d} {1.5:.2f} {10**9:,}', '%s' % close.iloc[0, 0], 'a'.encode('utf-16').hex()",
        "print(close.head().to_markdown() if False else close.head())",
        "import warnings; warnings.warn('x')",
    ],
)
def test_everyday_code_needs_no_file(line):
    """Everyday pandas and numpy work in a child that can open nothing."""
    result = run(f"close = data.get('close')\n{line}\nposition = close > 0")
    assert result.status is Status.OK, result.traceback
