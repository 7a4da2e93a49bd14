"""What works on this machine: versions, settings, store, data, queue, protection, room.

Each check is a function that returns `Check` values and never raises; `diagnose` runs them all.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from outsample.batch import capacity_of
from outsample.errors import OutsampleError
from outsample.model import SandboxReport
from outsample.settings import Settings, explain_settings, load_settings, settings_file

__all__ = [
    "Check",
    "check_data",
    "check_machine",
    "check_queue",
    "check_sandbox",
    "check_settings",
    "check_store",
    "check_versions",
    "diagnose",
]

_NEEDED = ("pandas", "numpy", "numba", "scipy", "pyarrow", "SQLAlchemy", "matplotlib", "ipywidgets", "papermill")
_OPTIONAL: Mapping[str, str] = {
    "rq": "queue",
    "redis": "queue",
    "psycopg": "postgres",
    "pyqlib": "qlib",
    "opentelemetry-api": "trace",
}
_LITTLE_DISK = 1 << 30
# Read by parts of outsample and of its tests that are no settings.
_KNOWN_VARIABLES = frozenset({"OUTSAMPLE_CONFIG", "OUTSAMPLE_ARTEFACTS", "OUTSAMPLE_TEST_SCALE"})


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What was looked at.
    status : {"ok", "warning", "failed"}
        A warning limits something; a failure prevents runs as they are configured.
    text : str
        What was found.
    hint : str
        What to do about it.
    """

    name: str
    status: str
    text: str
    hint: str = ""


def diagnose() -> list[Check]:
    """Run every check.

    Returns
    -------
    list of Check
        The parts that could not be looked at because the settings are wrong are left out.
    """
    found = [*check_versions(), *check_settings()]
    try:
        settings = load_settings()
    except OutsampleError:
        return found
    parts: tuple[Callable[[Settings], Iterator[Check]], ...] = (
        check_store,
        check_data,
        check_queue,
        check_sandbox,
        check_machine,
    )
    for part in parts:
        found += part(settings)
    return found


def check_versions() -> Iterator[Check]:
    """Versions of Python, of what is needed, and of what is optional."""
    yield _ok("system", f"Python {platform.python_version()}, {platform.system()} {platform.release()}")
    yield _ok("outsample", version("outsample"))
    missing = [name for name in _NEEDED if _version(name) is None]
    if missing:
        yield Check(
            name="packages", status="failed", text=f"missing: {', '.join(missing)}", hint="pip install outsample"
        )
    yield _ok("packages", ", ".join(f"{name} {_version(name)}" for name in _NEEDED if name not in missing))
    extras = (f"{name} {_version(name) or f'not installed (outsample[{extra}])'}" for name, extra in _OPTIONAL.items())
    yield _ok("optional", ", ".join(extras))


def check_settings() -> Iterator[Check]:
    """The settings can be read, and no variable is one that nobody reads."""
    try:
        found = explain_settings()
        place = settings_file()
    except OutsampleError as error:
        yield Check(name="settings", status="failed", text=error.message, hint=error.hint)
        return
    changed = sum(item.origin != "default" for item in found)
    yield _ok("settings", f"{place or 'no file'}; {changed} of {len(found)} values are not the default")
    read = {item.origin for item in found} | _KNOWN_VARIABLES
    for name in sorted(os.environ):
        if name.startswith("OUTSAMPLE_") and name not in read and "__" not in name and os.environ[name]:
            yield Check(name="settings", status="warning", text=f"{name} is set, and is no setting")


def check_store(settings: Settings) -> Iterator[Check]:
    """The store opens and can be written; a network file system is named."""
    from outsample.store import Store

    if settings.store == "none":
        yield Check(name="store", status="warning", text='"none": trials are not counted, nothing is kept')
        return
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            store = Store.open(settings.store)
        with store:
            n = store.count("store").n
            with store.begin() as connection:  # a write lock: a store that is only read cannot give it
                connection.rollback()
            place, folder = store.url, store.folder
    except (OutsampleError, OSError) as error:
        yield _failed("store", error)
        return
    yield _ok("store", f"{place}: {n} distinct trials; artefacts in {folder}")
    for warning in caught:
        yield Check(name="store", status="warning", text=str(warning.message))
    yield from _room("store", folder)


def check_data(settings: Settings) -> Iterator[Check]:
    """The default dataset can be loaded."""
    from outsample.data import load

    try:
        data = load(settings.dataset)
    except (OutsampleError, OSError) as error:
        yield _failed("data", error)
        return
    span = f"{data.dates[0].date()} to {data.dates[-1].date()}"
    yield _ok("data", f"{data.name}: {len(data.symbols)} symbols, {len(data.dates)} bars, {span}")
    for warning in data.warnings:
        yield Check(name="data", status="warning", text=warning)


def check_queue(settings: Settings) -> Iterator[Check]:
    """Redis answers, if background jobs are configured to use it."""
    if settings.jobs.backend != "rq" and settings.jobs.redis is None:
        yield _ok("queue", "background jobs run on this machine; no Redis is configured")
        return
    url = settings.jobs.redis or "redis://127.0.0.1:6379/0"
    place = url.rpartition("@")[2]  # without a password
    try:
        import redis
    except ImportError:
        yield Check(name="queue", status="failed", text="redis is not installed", hint="pip install 'outsample[queue]'")
        return
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2.0, socket_timeout=2.0) as connection:
            server = connection.info("server")["redis_version"]
        yield _ok("queue", f"Redis {server} at {place}")
    except (redis.RedisError, OSError, ValueError) as error:
        yield Check(
            name="queue",
            status="failed",
            text=f"Redis at {place} does not answer: {error}",
            hint="Start it, correct jobs.redis, or set jobs.backend to local.",
        )


def check_sandbox(settings: Settings, report: SandboxReport | None = None) -> Iterator[Check]:
    """The protection that runs have, against what the settings ask for.

    Parameters
    ----------
    settings : Settings
    report : SandboxReport, optional
        Instead of that of this machine, for which a server is started.
    """
    from outsample.sandbox import sandbox_report
    from outsample.sandbox.report import satisfies

    try:
        found = report or sandbox_report()
    except (OutsampleError, OSError) as error:
        yield _failed("sandbox", error)
        return
    required = settings.sandbox.require
    layers = ", ".join(f"{name} {text}" for name, text in found.layers.items())
    if satisfies(found.level, required):
        yield _ok("sandbox", f"{found.level}: {layers}")
    else:
        yield Check(
            name="sandbox",
            status="failed",
            text=f"{found.level}, and {required} is required: {layers}",
            hint="Use a kernel with Landlock and seccomp, or set sandbox.require lower and trust what you run.",
        )
    stopped = [name for name, done in found.probes.items() if not done]
    if stopped:
        yield Check(name="sandbox", status="warning", text=f"a locked child could: {', '.join(sorted(stopped))}")
    for name, text in found.layers.items():
        if text != "active":
            yield Check(name="sandbox", status="warning", text=f"the layer {name} is {text}")


def check_machine(settings: Settings) -> Iterator[Check]:
    """Cores and memory for sandboxes, and room for temporary files."""
    import tempfile

    capacity = capacity_of(settings.parallel.workers, settings.batch_policy())
    if capacity.note:
        yield Check(name="machine", status="warning", text=capacity.note, hint="Lower execution.memory.")
    else:
        yield _ok("machine", f"{capacity.parallel} sandbox(es) at once")
    yield from _room("machine", Path(tempfile.gettempdir()))
    if not sys.platform.startswith("linux"):
        yield Check(
            name="machine", status="warning", text=f"{sys.platform}: the kernel gives strategies no confinement"
        )


def _room(name: str, folder: Path) -> Iterator[Check]:
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    free = shutil.disk_usage(there).free
    if free < _LITTLE_DISK:
        yield Check(name=name, status="warning", text=f"{there} has {free / 2**20:,.0f} MB left")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _ok(name: str, text: str) -> Check:
    return Check(name=name, status="ok", text=text)


def _failed(name: str, error: Exception) -> Check:
    message = error.message if isinstance(error, OutsampleError) else str(error)
    return Check(name=name, status="failed", text=message, hint=getattr(error, "hint", ""))
