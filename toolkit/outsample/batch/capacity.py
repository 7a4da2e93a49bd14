"""How many sandboxes fit on this machine at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from outsample.checks import set_whole
from outsample.config import SandboxPolicy

__all__ = ["SANDBOX_BASE_MB", "Capacity", "available_memory_mb", "capacity_of", "cores"]

# What a child takes beyond its limit: its copy of touched pages of the interpreter and its share of the data.
SANDBOX_BASE_MB = 120


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Sandboxes at once, and why not more.

    Parameters
    ----------
    parallel : int
    note : str
        Empty, or why there are fewer than were asked for.
    """

    parallel: int
    note: str = ""

    def __post_init__(self) -> None:
        set_whole(self, "parallel", low=1, hint="--parallel takes a whole number of sandboxes, at least 1.")


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory_mb(root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the memory in MiB that can be had now: of the machine, and of the container if it is limited.

    Parameters
    ----------
    root : Path
        Where the limits of the container stand.
    """
    import psutil

    free = psutil.virtual_memory().available / 2**20
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        folder = root if limit == "memory.max" else root / "memory"
        try:
            left = int((folder / limit).read_text()) - int((folder / used).read_text())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        free = min(free, max(left, 0) / 2**20)
    return float(free)


def capacity_of(
    asked: int | None, policy: SandboxPolicy, *, free_mb: float | None = None, n_cores: int | None = None
) -> Capacity:
    """Return how many sandboxes run at once: min(asked or cores, memory / (limit + base)).

    Examples
    --------
    >>> capacity_of(8, SandboxPolicy(memory_mb=880), free_mb=2500).parallel
    2
    """
    wanted = Capacity(parallel=asked if asked is not None else n_cores or cores()).parallel
    free = available_memory_mb() if free_mb is None else free_mb
    fitting = max(int(free // (policy.memory_mb + SANDBOX_BASE_MB)), 1)
    if fitting >= wanted:
        return Capacity(parallel=wanted)
    note = (
        f"{fitting} sandbox(es) at once instead of {wanted}: {free:,.0f} MB of memory are available and each may "
        f"take {policy.memory_mb} + {SANDBOX_BASE_MB} MB."
    )
    return Capacity(parallel=fitting, note=note)
