"""From what the probes met to a `SandboxReport`: the level, and what stays open, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outsample.model import SandboxReport
from outsample.sandbox.probes import PROBES

__all__ = ["LEVELS", "describe", "portable_report", "satisfies"]

# From the weakest to the strongest.
LEVELS = ("process-only", "partially-confined", "kernel-confined")

_ALWAYS = (
    "A fault in the kernel itself, or in the processor, can break the confinement.",
    "A run can use the processor and memory up to its limits, and timing can carry information.",
)
_PROBE_TEXT = {
    "read_file": "Code can read files of this user.",
    "write_file": "Code can write files of this user.",
    "tcp": "Code can open network connections.",
    "unix_socket": "Code can talk to local services.",
    "fork": "Code can start further processes.",
    "exec": "Code can start programs.",
    "kill_parent": "Code can send signals to other processes of this user.",
}


def satisfies(level: str, required: str) -> bool:
    """Whether a level is at least the required one.

    Examples
    --------
    >>> satisfies("partially-confined", "kernel-confined")
    False
    """
    return LEVELS.index(level) >= LEVELS.index(required)


def describe(lines: Sequence[Mapping[str, Mapping[str, object]]]) -> SandboxReport:
    """Make the report of a server from what its probe child wrote.

    Parameters
    ----------
    lines : sequence of mapping
        "layers": layer -> text, "blocked": probe -> bool. A probe that is missing was not stopped.
    """
    layers: dict[str, str] = {}
    blocked: dict[str, bool] = {}
    for line in lines:
        layers.update({name: str(text) for name, text in line.get("layers", {}).items()})
        blocked.update({name: done is True for name, done in line.get("blocked", {}).items()})
    probes = {name: blocked.get(name, False) for name in PROBES}
    level = "kernel-confined" if all(probes.values()) else "process-only"
    if level == "process-only" and any(probes.values()):
        level = "partially-confined"
    missing = tuple(
        f"The layer {name} is {text}; the others carry the protection alone."
        for name, text in layers.items()
        if text != "active"
    )
    passed = tuple(_PROBE_TEXT[name] for name, stopped in probes.items() if not stopped)
    return SandboxReport(level=level, layers=layers, probes=probes, open=(*passed, *missing, *_ALWAYS))


def portable_report(reason: str) -> SandboxReport:
    """Return the report of the path for systems without these layers."""
    layers = dict.fromkeys(("privileges", "landlock", "seccomp"), f"unavailable: {reason}")
    probes = dict.fromkeys(PROBES, False)
    return SandboxReport(level="process-only", layers=layers, probes=probes, open=(*_PROBE_TEXT.values(), *_ALWAYS))
