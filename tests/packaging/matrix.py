"""Wheel and sdist in empty environments: `make test-packaging`.

Builds both, installs the wheel on every supported Python (core only, each extra, all together), asks `pip check`,
runs a strategy through the sandbox from the installed package, asks `outsample --version` and `outsample doctor`,
and runs the quick part of the suite from the wheel: with pandas 2.3, with pandas 3, and with the lowest versions
that pyproject.toml allows.

Two environments are made side by side, the suites one after another (each runs in two processes itself).
A Python that is not on this machine is skipped with a line that says so; with CI=true it is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "packaging"
PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("lab", "queue", "postgres", "dask", "yahoo", "trace")
QUICK = "not slow and not notebook and not browser and not server"
# Tests that compare with skfolio, which takes no scipy as old as the lowest.
TOO_NEW = ("tests/stats/test_windows.py::test_purged_splits_agree_with_skfolio", "tests/reference/test_cases.py")
SMOKE = """
import sys, outsample
from pathlib import Path
assert "site-packages" in outsample.__file__, outsample.__file__
source = "close = data.get('close')\\nposition = close.average(20) > close.average(60)"
result = outsample.backtest(source, "sample", store=False)
assert result.sandbox.level == "kernel-confined", result.sandbox
assert result.lookahead.clean is True
print(outsample.__version__, sys.version.split()[0], round(result.metrics.sharpe, 6))
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One environment: a Python, what is installed beside the wheel, and what is run in it."""

    python: str
    extras: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    lowest: bool = False
    suite: bool = False

    @property
    def name(self) -> str:
        parts = [self.python, *(self.extras or ("core",)), *self.pins]
        return " ".join([*parts, *(["lowest"] * self.lowest), *(["suite"] * self.suite)])

    @property
    def folder(self) -> Path:
        return WORK / "env" / re.sub(r"[^a-z0-9.]+", "-", self.name)


def places() -> list[Place]:
    """Core, each extra and all of them together on every Python, and the suites."""
    found = [Place(python=version) for version in PYTHONS]
    found += [Place(python=version, extras=(extra,)) for version in PYTHONS for extra in (*EXTRAS, "qlib")]
    found += [Place(python=version, extras=EXTRAS) for version in PYTHONS]
    found += [
        Place(python="3.12", extras=EXTRAS, pins=("pandas>=2.3,<3", "numpy<2.5"), suite=True),
        Place(python="3.13", extras=EXTRAS, pins=("pandas>=3",), suite=True),
        # Newer releases of pyparsing warn at the oldest matplotlib.
        Place(python="3.11", extras=EXTRAS, pins=("pyparsing<3.3",), lowest=True, suite=True),
    ]
    return found


def run(*command: object, cwd: Path | None = None, **env: str) -> str:
    """Run a command; its output, or the end of the program with what it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OUTSAMPLE_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**clean, **env}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise SystemError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{tail}")
    return done.stdout


def build(uv: Path) -> Path:
    """Build both, and check that the wheel made from the sdist has the same files."""
    shutil.rmtree(WORK / "dist", ignore_errors=True)
    run(uv, "build", "--quiet", "--out-dir", WORK / "dist", ROOT)
    (wheel,) = (WORK / "dist").glob("*.whl")
    (source,) = (WORK / "dist").glob("*.tar.gz")
    shutil.rmtree(WORK / "again", ignore_errors=True)
    run(uv, "build", "--quiet", "--wheel", "--out-dir", WORK / "again", source)
    (again,) = (WORK / "again").glob("*.whl")
    assert _names(wheel) == _names(again), sorted(_names(wheel) ^ _names(again))
    print(f"built {wheel.name} ({wheel.stat().st_size >> 10} KiB, {len(_names(wheel))} files) and {source.name}")
    return wheel


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def try_place(uv: Path, wheel: Path, place: Place, interpreter: str) -> str:
    """Make an environment, install, check, run; one line of what was seen."""
    folder = place.folder
    run(uv, "venv", "--quiet", "--no-project", "--python", interpreter, folder)
    python = folder / "bin" / "python"
    extras = f"[{','.join(place.extras)}]" if place.extras else ""
    install = (uv, "pip", "install", "--quiet", "--python", python)
    lowest = _lowest(uv, place) if place.lowest else ()
    run(*install, f"outsample{extras} @ {wheel.as_uri()}", *place.pins, *lowest, cwd=WORK)
    if place.suite:  # what only the tests use comes after the wheel, as new as it fits
        run(*install, *_oracles(place), *_bounds(python), cwd=WORK)
    run(uv, "pip", "check", "--python", python, cwd=WORK)
    said = run(python, "-I", "-c", SMOKE, cwd=WORK).strip()
    _commands(folder / "bin" / "outsample", said.split()[0])
    return f"{said}; {_suite(python, TOO_NEW * place.lowest)}" if place.suite else said


def _commands(outsample: Path, version: str) -> None:
    """The command says its version and finds nothing wrong here, with a home of its own."""
    home = outsample.parents[1] / "home"
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "XDG_CACHE_HOME": str(home / "cache")}
    assert version in run(outsample, "--version", cwd=WORK, **own)
    found = json.loads(run(outsample, "doctor", "--json", cwd=WORK, **own))
    assert found, "doctor found nothing to look at"


def _oracles(place: Place) -> tuple[str, ...]:
    """Libraries of the tests, as pyproject.toml names them; skfolio takes no scipy as old as the lowest."""
    groups = _project()["dependency-groups"]
    found = (line for name in ("test", "oracles") for line in groups[name] if isinstance(line, str))
    return tuple(line for line in found if not (place.lowest and line.startswith("skfolio")))


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _named() -> set[str]:
    """Packages that pyproject.toml names, itself or for an extra."""
    project = _project()["project"]
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    return {re.split(r"[\[<>=; ]", line)[0].lower() for line in lines}


def _lowest(uv: Path, place: Place) -> tuple[str, ...]:
    """The lowest version that pyproject.toml allows of each package that it names.

    The wheel alone would not do: beside a file, uv takes what the file needs for indirect, and the newest of it.
    """
    extras = [part for extra in place.extras for part in ("--extra", extra)]
    how = ("--quiet", "--no-header", "--no-annotate", "--resolution", "lowest-direct")
    found = run(uv, "pip", "compile", *how, "--python-version", place.python, *extras, ROOT / "pyproject.toml")
    named = _named()
    return tuple(line for line in found.splitlines() if re.split(r"[=; ]", line)[0].lower() in named)


def _bounds(python: Path) -> tuple[str, ...]:
    """What was installed with the wheel stays as it is."""
    code = "import importlib.metadata as m\nfor d in m.distributions():\n    print(f'{d.name}=={d.version}')"
    found, named = run(python, "-I", "-c", code, cwd=WORK).split(), _named()
    return tuple(line for line in found if line.split("==")[0].lower() in named)


def _suite(python: Path, left_out: tuple[str, ...]) -> str:
    """The quick tests on the installed package: the tests are copied, the sources are not there."""
    copy = WORK / "suite"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("notebooks", "docs", "deploy", "binder", ".github"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("_build"))
    out = run(
        *(python, "-m", "pytest", "-q", "-m", QUICK, "tests", "-p", "no:randomly"),
        *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),  # as in the Makefile
        *("--ignore=tests/test_architecture.py", "--ignore=tests/packaging"),  # about the sources, and this script
        *(f"--deselect={name}" for name in left_out),
        cwd=copy,
    )
    return out.splitlines()[-1]


def interpreter(uv: Path, version: str) -> str | None:
    """Where this Python is: what uv finds, or one of pyenv's that is not switched on; None if there is none."""
    command = [str(uv), "python", "find", "--no-project", version]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=WORK)
    if found.returncode == 0:
        return found.stdout.strip()
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next((str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"))), None)


def tried(uv: Path, wheel: Path, place: Place) -> tuple[str, bool]:
    """The line of one place, and whether it failed; its environment is gone then."""
    python = interpreter(uv, place.python)
    if python is None:
        said = f"SKIPPED {place.name}: Python {place.python} is not on this machine"
        return said, os.environ.get("CI") == "true"
    began = time.monotonic()
    failed = False
    try:
        said = try_place(uv, wheel, place, python)
    except (SystemError, AssertionError) as error:
        failed, said = True, f"FAILED {error}"
    finally:
        shutil.rmtree(place.folder, ignore_errors=True)
    return f"{place.name}: {said} ({time.monotonic() - began:.0f} s)", failed


def each(uv: Path, wheel: Path, chosen: list[Place]) -> Iterator[tuple[str, bool]]:
    """Try the places, two side by side; the suites after them, one by one."""
    small = [place for place in chosen if not place.suite]
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda place: tried(uv, wheel, place), small)
    yield from (tried(uv, wheel, place) for place in chosen if place.suite)


def main() -> int:
    """Try the places; 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="places whose name contains this text")
    parser.add_argument("--uv", type=Path, default=ROOT / ".tools" / "bin" / "uv")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(WORK / "env", ignore_errors=True)
    wheel = build(arguments.uv)
    with tarfile.open(next((WORK / "dist").glob("*.tar.gz"))) as archive:
        assert any(name.endswith("/LICENSE") for name in archive.getnames())
    failures = 0
    for said, failed in each(arguments.uv, wheel, [place for place in places() if arguments.only in place.name]):
        print(said, flush=True)
        failures += failed
    shutil.rmtree(WORK / "env", ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
