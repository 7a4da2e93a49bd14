"""Frames and sources whose ids are fixed, and what this Python says of them.

``python tests/compat/material.py FOLDER`` prints as JSON the ids of every frame and source, those that its
version of pyarrow reads back from the files it wrote, and those of the objects of a store in FOLDER, which
other versions wrote.
"""

import json
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]


def frames():
    """Every value that two versions of a library ever read in two ways, by name."""
    days = pd.date_range("2024-01-01", periods=3)
    zones = ("UTC", "America/New_York", "Asia/Taipei", "Europe/Berlin")
    text = ["漢字", "", "é", "e\u0301", "a\x00b", "🙂", None]
    return {
        "floats": pd.DataFrame({"A": [np.nan, -0.0, 5e-324], "B": [np.inf, -np.inf, 1.7976931348623157e308]}, days),
        "other nan": pd.DataFrame({"A": np.array([0x7FF8000000000001, 0xFFF8000000000000, 0]).view("f8")}, days),
        "float32": pd.DataFrame({"A": np.array([0.1, np.nan, 3e38], dtype="f4")}, days),
        "nullable float": pd.DataFrame({"A": pd.array([0.5, None, 2.0], dtype="Float64")}, days),
        "whole": pd.DataFrame({"A": [2**53 + 1, -(2**63), 2**63 - 1]}, days),
        "small whole": pd.DataFrame({"A": np.array([1, -2, 3], dtype="i1")}, days),
        "missing whole": pd.DataFrame({"A": pd.array([2**62 + 1, None, -1], dtype="Int64")}, days),
        "flags": pd.DataFrame({"A": [True, False, True]}, days),
        "missing flags": pd.DataFrame({"A": pd.array([True, None, False], dtype="boolean")}, days),
        "text": pd.DataFrame({"symbol": text, "value": range(len(text))}),
        "text dtype": pd.DataFrame({"symbol": pd.array(text, dtype="string")}),
        "symbols": pd.DataFrame(1.0, days, ["台積電", "BRK.B", "a b", "", "ＡＢＣ"]),
        "permnos": pd.DataFrame(1.0, days, [10107, 14593, 2**53 + 1]),
        "both kinds": pd.DataFrame([[1.0, 2.0]] * 3, days, pd.Index([1, "1"], dtype=object)),
        "seconds": pd.DataFrame({"A": [1.0, 2.0, 3.0]}, days.as_unit("s")),
        "nanoseconds": pd.DataFrame({"A": [1.0]}, pd.DatetimeIndex(["2024-01-02 09:30:00.123456789"])),
        "fixed offset": pd.DataFrame({"A": [1.0]}, pd.DatetimeIndex(["2024-01-02 09:30:00+08:00"])),
        "moments": pd.DataFrame({"when": pd.DatetimeIndex(["1970-01-01", None, "2262-04-11"])}),
        "moments of a zone": pd.DataFrame(
            {"when": pd.DatetimeIndex(["2024-11-03 05:30", None], tz="America/New_York")}
        ),
        "no rows": pd.DataFrame(columns=["A"], index=pd.DatetimeIndex([]), dtype=float),
        "no columns": pd.DataFrame(index=days),
        **{
            f"summer time {zone}": pd.DataFrame({"A": [1.0, 2.0]}, pd.date_range("2024-03-31", periods=2, tz=zone))
            for zone in zones
        },
    }


# One source per construct whose syntax tree differs between versions of Python, or might.
SOURCES = {
    "plain": "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close\n",
    "strings": "a = 'x' \"y\"\nb = b'\\x00'\nc = 1_000\nd = 1e-3\ne = 0x10\nf = 3j\nposition = data.get('close') > c\n",
    "f-strings": "n = 5\nname = f\"{n!r:>{n}} {'a' + 'b'} {{}} {n=}\"\nposition = data.get('close') > n\n",
    "match": (
        "mode = 'a'\nmatch mode:\n    case 'a' | 'b':\n        k = 1\n    case [x, *rest] if rest:\n        k = 2\n"
        "    case {'key': v, **more}:\n        k = 3\n    case _:\n        k = 4\nposition = data.get('close') > k\n"
    ),
    "functions": (
        "def f(a, /, b: int = 1, *args, c=2, **more) -> float:\n    '''What it does.'''\n    return a + b\n"
        "@staticmethod\ndef g(x):\n    yield from (y for y in x if y)\nposition = data.get('close') > f(1)\n"
    ),
    "classes": (
        "class Window:\n    size: int = 3\n\n    def __init__(self):\n        self.n = -1.5\n"
        "position = data.get('close') > Window().n\n"
    ),
    "flow": (
        "total = 0\nfor i, (a, b) in enumerate([(1, 2)]):\n    total += a if b else -a\nelse:\n    total -= 1\n"
        "while total > 9:\n    break\ntry:\n    total /= 2\nexcept (KeyError, ValueError) as error:\n    raise\n"
        "finally:\n    pass\nwith open as f:\n    pass\nif (n := 3) > 2: del n\nposition = data.get('close') > total\n"
    ),
    "groups": "try:\n    pass\nexcept* ValueError:\n    pass\nposition = data.get('close') > 0\n",
    "comprehensions": (
        "xs = [i ** 2 for i in range(9) if i % 2]\nd = {k: v for k, v in zip('ab', xs)}\ns = {*xs}\n"
        "position = data.get('close')[list(d)[:-1]] > xs[0]\n"
    ),
    "chinese": "均線 = 20\n收盤 = data.get('close')\nposition = 收盤 > 收盤.average(均線)  # 註解\n",
}


def frame_ids():
    """The content id of each frame."""
    from outsample.data.content import frame_id

    return {name: frame_id(frame) for name, frame in frames().items()}


def snapshot():
    """The id of the snapshot of all frames."""
    from outsample.data.content import snapshot_id

    return snapshot_id(frame_ids())


def structures():
    """The hash of the structure of each source."""
    from outsample.strategy import Strategy

    return {name: Strategy.from_source(source, name).sha for name, source in SOURCES.items()}


def read_back():
    """The content id of each frame after this version of pyarrow has written and read it."""
    from outsample.data.content import frame_id
    from outsample.store.snapshot_files import read_object, write_object

    with tempfile.TemporaryDirectory() as folder:
        return {
            name: frame_id(read_object(Path(folder), write_object(Path(folder), frame)))
            for name, frame in frames().items()
        }


def read_elsewhere(folder):
    """The content ids of the objects in a folder, by the ids that their writer gave them."""
    from outsample.data.content import frame_id
    from outsample.store.snapshot_files import read_object

    names = sorted(path.stem for path in Path(folder).glob("objects/*/*.parquet"))
    return {name: frame_id(read_object(Path(folder), name)) for name in names}


def write_all(folder):
    """Write each frame as an object below a folder."""
    from outsample.store.snapshot_files import write_object

    for frame in frames().values():
        write_object(Path(folder), frame)


def said(folder):
    """What this Python says."""
    import pyarrow

    return {
        "versions": {"python": platform.python_version(), "pandas": pd.__version__, "pyarrow": pyarrow.__version__},
        "frames": frame_ids(),
        "snapshot": snapshot(),
        "structures": structures(),
        "read back": read_back(),
        "read elsewhere": read_elsewhere(folder),
    }


if __name__ == "__main__":
    print(json.dumps(said(sys.argv[1])))
