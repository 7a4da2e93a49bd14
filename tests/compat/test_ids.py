"""Ids that never change: every Python, pandas and pyarrow reproduces them (R1, R4).

`ids.json` holds them. It was written once, from the twin below, which hashes cell by cell with nothing but the
standard library; ids of structures were written by the first version.
"""

import hashlib
import json
import math
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from compat.material import ROOT, SOURCES, frame_ids, frames, read_back, snapshot, structures, write_all
from outsample.strategy import Strategy
from scale import SCALE

FIXED = json.loads((Path(__file__).parent / "ids.json").read_text(encoding="utf-8"))

# Python, pandas, pyarrow: the oldest that are supported, and others than those of the lock file.
WORLDS = {
    "3.11": ("3.11", "pandas==2.3.*", "pyarrow==17.*", "numpy<2"),
    "3.12": ("3.12", "pandas>=3", "pyarrow==20.*", "numpy>=2"),
    "3.13": ("3.13", "pandas==2.3.*", "pyarrow==18.1.*", "numpy>=2"),
}


def cell_bytes(value, kind):
    """One cell, as the documentation of `outsample.data.content` says it."""
    if kind.startswith("time:"):
        return struct.pack("<q", -(2**63) if pd.isna(value) else pd.Timestamp(value).as_unit("ns").value)
    if kind == "float":
        # One NaN, and a zero without a sign.
        return struct.pack("<d", math.nan if pd.isna(value) else float(value) + 0.0)
    if kind in {"int", "int?"}:
        return struct.pack("<q", 0 if pd.isna(value) else int(value))
    if kind in {"bool", "bool?"}:
        return bytes([0 if pd.isna(value) else int(value)])
    if pd.isna(value):
        return struct.pack("<q", -1)
    text = value.encode("utf-8")
    return struct.pack("<q", len(text)) + text


def kind_of(values):
    """The kind of a column."""
    dtype = str(values.dtype)
    if "datetime64" in dtype:
        return f"time:{getattr(values.dtype, 'tz', None) or ''}"
    kinds = {"bool": ("bool", "boolean"), "float": ("float32", "float64", "Float64"), "int": ("int8", "int64", "Int64")}
    for kind, names in kinds.items():
        if dtype in names:
            return f"{kind}?" if kind != "float" and values.isna().any() else kind
    return "string"


def column_bytes(values, kind):
    """All cells of a column; a mask first where whole numbers or flags are missing."""
    mask = b"".join(bytes([int(missing)]) for missing in values.isna()) if kind.endswith("?") else b""
    return mask + b"".join(cell_bytes(value, kind) for value in values)


def twin(frame):
    """The id of a frame, cell by cell."""
    names = [("s", name) if isinstance(name, str) else ("i", str(int(name))) for name in frame.columns]
    columns = [
        (names[place], frame.iloc[:, place]) for place in sorted(range(len(names)), key=lambda place: names[place])
    ]
    counting = isinstance(frame.index, pd.RangeIndex)
    index = pd.Series(frame.index)
    header = {
        "columns": [[list(name), kind_of(values)] for name, values in columns],
        "index": "none" if counting else kind_of(index),
        "rows": len(frame),
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")
    content = b"outsample frame 1\n" + struct.pack("<q", len(text)) + text
    content += b"" if counting else column_bytes(index, kind_of(index))
    content += b"".join(column_bytes(values, kind_of(values)) for _, values in columns)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", frames())
def test_the_id_of_a_frame_is_fixed(name):
    """The id, its naive twin and the table agree."""
    frame = frames()[name]
    assert frame_ids()[name] == twin(frame) == FIXED["frames"][name]


def test_the_id_of_a_snapshot_is_fixed():
    """The digest of the ids of its frames by name, as plain JSON."""
    text = json.dumps(FIXED["frames"], sort_keys=True, separators=(",", ":"))
    assert snapshot() == hashlib.sha256(text.encode("ascii")).hexdigest() == FIXED["snapshot"]


def test_every_frame_survives_its_file():
    """Written and read by the pyarrow that is installed: the same content."""
    assert read_back() == FIXED["frames"]


@pytest.mark.parametrize("name", SOURCES)
def test_the_hash_of_a_structure_is_fixed(name):
    """The same source has the same structure on every Python."""
    assert structures()[name] == FIXED["structures"][name]


@pytest.mark.parametrize("name", SOURCES)
def test_layout_is_no_structure(name):
    """R1: comments and blank lines leave the hash as it is; a changed literal does not."""
    source = SOURCES[name]
    assert Strategy.from_source(f"# first\n\n{source}\n\n# last\n", name).sha == FIXED["structures"][name]
    changed = source.replace("data.get('close')", "data.get('close').shift(1)")
    assert Strategy.from_source(changed, name).sha != FIXED["structures"][name]


def test_no_two_are_the_same():
    """Ids tell all of them apart."""
    assert len({*FIXED["frames"].values(), *FIXED["structures"].values()}) == len(frames()) + len(SOURCES)


# -- other versions, in environments of their own


def find_python(version):
    """A Python of a version, or None: from PATH, or from pyenv."""
    candidates = [shutil.which(f"python{version}")]
    candidates += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    for candidate in filter(None, candidates):
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return str(candidate)
    return None


def unavailable(reason):
    """Skip, or fail where everything is meant to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def make_world(name):
    """The Python of an environment below ``build/compat``, made by uv from its cache or the network."""
    version, *wanted = WORLDS[name]
    uv = next((str(path) for path in (ROOT / ".tools" / "bin" / "uv",) if path.is_file()), shutil.which("uv"))
    python = find_python(version)
    if uv is None or python is None:
        unavailable(f"uv or Python {version} is not here")
    target = ROOT / "build" / "compat" / f"python-{version}"
    steps = [
        [uv, "venv", "--quiet", "--clear", "--python", python, target],
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            target / "bin" / "python",
            "-r",
            ROOT / "pyproject.toml",
            *wanted,
        ],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            unavailable(f"the environment cannot be made: {done.stderr.strip()[:300]}")
    return target / "bin" / "python"


def run_in(python, name, program, *arguments):
    """What a program prints in a world, as JSON."""
    # Compiling takes longer than these few bars; with numpy before 2 the kernels run only compiled.
    plain = "0" if "numpy<2" in WORLDS[name] else "1"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    environ |= {"PYTHONPATH": f"{ROOT / 'toolkit'}{os.pathsep}{ROOT / 'tests'}", "OUTSAMPLE_STORE": "none"}
    environ |= {
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(ROOT / "build" / "compat" / "numba"),
        "NUMBA_DISABLE_JIT": plain,
    }
    done = subprocess.run(
        [python, program, *arguments], capture_output=True, text=True, check=False, env=environ, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WORLDS)
def test_other_versions_say_the_same(name, tmp_path):
    """Ids, structures, files of this pyarrow read by that one, and the stores of `compat`, in a world of its own.

    Part of `make test-all`: it downloads three sets of libraries.
    """
    if SCALE < 10 and os.environ.get("OUTSAMPLE_TEST_WORLDS") != "1":
        pytest.skip("part of make test-all, or set OUTSAMPLE_TEST_WORLDS=1")
    python = make_world(name)
    write_all(tmp_path)
    found = run_in(python, name, ROOT / "tests" / "compat" / "material.py", tmp_path)
    assert found["versions"]["python"].startswith(name)
    assert found["versions"]["pyarrow"] != __import__("pyarrow").__version__
    assert found["frames"] == found["read back"] == FIXED["frames"]
    assert found["snapshot"] == FIXED["snapshot"]
    assert found["structures"] == FIXED["structures"]
    elsewhere = found["read elsewhere"]
    assert len(elsewhere) == len(set(FIXED["frames"].values()))
    assert all(item == content for item, content in elsewhere.items())
    stored = run_in(python, name, ROOT / "tests" / "compat" / "loading.py")
    assert stored["broken"] == []
    assert len(stored["loaded"]) >= 3
