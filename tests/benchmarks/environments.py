"""The environments of the peers: made once, from peers.txt, with uv."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "build" / "peers"
UV = ROOT / ".tools" / "bin" / "uv"
GIVEN = os.environ.get("OUTSAMPLE_BENCH_PEERS", "")
SECONDS = 240.0  # for one environment


class NotInstalled(Exception):
    """A peer has no environment; the text says why."""


def requirements():
    """Peer -> its line of peers.txt."""
    lines = [line.partition("#")[0].strip() for line in (HERE / "peers.txt").read_text(encoding="utf-8").splitlines()]
    return {line.partition("=")[0]: line for line in lines if line}


def python_of(peer):
    """The Python of a peer's environment, which is made when it is missing or of another version."""
    if GIVEN:
        return GIVEN
    wanted, folder = requirements()[peer], FOLDER / peer
    python, done = folder / "bin" / "python", folder / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return str(python)
    uv = str(UV) if UV.is_file() else shutil.which("uv")
    if uv is None:
        raise NotInstalled(f"{peer} cannot be installed: there is no uv (`make help` installs it into .tools)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    base = getattr(sys, "_base_executable", None) or sys.executable
    _run(peer, [uv, "venv", "--quiet", "--clear", "--python", base, str(folder)])
    _run(peer, [uv, "pip", "install", "--quiet", "--python", str(python), "numpy", "pandas", wanted])
    done.write_text(wanted, encoding="utf-8")
    return str(python)


def versions(peer):
    """What the environment of a peer holds of the libraries that matter."""
    names = (peer, "numpy", "pandas", "numba", "polars")
    code = (
        "import sys\nfrom importlib.metadata import PackageNotFoundError, version\n"
        "for name in sys.argv[1:]:\n    try:\n        print(name, version(name))\n    except PackageNotFoundError:\n"
        "        pass"
    )
    found = subprocess.run([python_of(peer), "-c", code, *names], capture_output=True, text=True, check=False)
    return ", ".join(found.stdout.strip().splitlines())


def _run(peer, command):
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS, env=environment, cwd=ROOT.anchor
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{peer} cannot be installed: not done after {SECONDS:.0f} s") from None
    if done.returncode:
        reason = " ".join((done.stderr.strip().splitlines() or ["no reason given"])[-3:])
        raise NotInstalled(f"{peer} cannot be installed: {reason}")
