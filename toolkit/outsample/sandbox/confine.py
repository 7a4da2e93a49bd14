"""Lock the current process: limits, then every layer that the kernel offers. There is no way back."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from outsample.sandbox import landlock, linux, seccomp

__all__ = ["LAYERS", "ConfinementFailed", "Limits", "confine"]

LAYERS = ("privileges", "landlock", "seccomp")
ACTIVE = "active"
OFF = "off by user"
MAXIMUM_DESCRIPTORS = 64
MAXIMUM_THREADS = 1024
STACK_BYTES = 16 << 20


class ConfinementFailed(Exception):
    """A layer that was promised could not be put on."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Resource limits of one child.

    Parameters
    ----------
    cpu_seconds : int
        Over all threads.
    memory_bytes : int
        Above what is mapped when the limits are set.
    off : frozenset of str
        Layers that are not put on.
    required : frozenset of str
        Layers without which nothing may run.
    """

    cpu_seconds: int
    memory_bytes: int
    off: frozenset[str] = field(default_factory=frozenset)
    required: frozenset[str] = field(default_factory=frozenset)


def confine(limits: Limits, parent: int) -> Mapping[str, str]:
    """Lock this process, which has one thread, and return layer -> "active", "off by user" or why not.

    Parameters
    ----------
    limits : Limits
    parent : int
        Process id of the server: when it is gone already, so is this one.

    Raises
    ------
    ConfinementFailed
        A required layer is not there.
    """
    _set_limits(limits)
    ruleset = -1 if "landlock" in limits.off else _ruleset()
    said = {"limits": ACTIVE, "no_new_privs": _attempt(linux.no_new_privileges)}
    steps: dict[str, Callable[[], object]] = {
        "privileges": linux.drop_privileges,
        "landlock": lambda: landlock.restrict(ruleset),
        "seccomp": lambda: seccomp.install(seccomp.program_for(os.getpid())),
    }
    if ruleset < 0 and "landlock" not in limits.off:
        steps["landlock"] = landlock.create_ruleset  # raises again, and says why
    for name, step in steps.items():
        said[name] = OFF if name in limits.off else _attempt(step)
        if name == "privileges":
            # A change of user clears the signal, so it is asked for afterwards.
            linux.die_with_parent(signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
    missing = sorted(name for name in limits.required if said.get(name) != ACTIVE)
    if missing:
        raise ConfinementFailed(", ".join(f"{name}: {said.get(name)}" for name in missing))
    return said


def _ruleset() -> int:
    try:
        return landlock.create_ruleset()
    except OSError:
        return -1


def _attempt(step: Callable[[], object]) -> str:
    try:
        step()
    except (OSError, KeyError) as error:
        return f"unavailable: {error}"
    return ACTIVE


def _data_pages() -> int:
    descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        return int(os.read(descriptor, 128).split()[5])
    finally:
        os.close(descriptor)


def _set_limits(limits: Limits) -> None:
    """Set the resource limits.

    RLIMIT_AS is left alone: numba and numpy reserve far more than they use. RLIMIT_NPROC counts the threads
    of a user and never holds root: it bounds threads where root becomes nobody, and would break an ordinary
    user who runs much else. New processes are refused by the filter.
    """
    page = resource.getpagesize()
    data = _data_pages() * page
    ceiling = data + limits.memory_bytes + limits.memory_bytes // 4
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
        resource.RLIMIT_NOFILE: (MAXIMUM_DESCRIPTORS, MAXIMUM_DESCRIPTORS),
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + 1),
        resource.RLIMIT_DATA: (ceiling, ceiling),
        resource.RLIMIT_STACK: (STACK_BYTES, STACK_BYTES),
    }
    if os.geteuid() == 0:
        wanted[resource.RLIMIT_NPROC] = (MAXIMUM_THREADS, MAXIMUM_THREADS)
    for which, (soft, hard) in wanted.items():
        _, allowed = resource.getrlimit(which)
        if allowed != resource.RLIM_INFINITY:
            soft, hard = min(soft, allowed), min(hard, allowed)  # noqa: PLW2901
        resource.setrlimit(which, (soft, hard))
