"""The few calls into the Linux kernel that Python's own modules do not offer, through ctypes.

Constants are those of ``include/uapi/linux/{prctl,capability,sched,memfd,fcntl}.h``.
"""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = [
    "MACHINE",
    "NOBODY",
    "call",
    "die_with_parent",
    "drop_privileges",
    "effective_capabilities",
    "no_new_privileges",
    "syscall_number",
]

MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
NOBODY = 65534

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522
CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP = 5, 6, 7, 8
LAST_CAPABILITY = 40  # CAP_CHECKPOINT_RESTORE; the kernel answers EINVAL for those it does not know

# The three calls for which glibc has no wrapper everywhere.
_NUMBERS = {
    "x86_64": {"seccomp": 317, "capset": 126, "capget": 125},
    "aarch64": {"seccomp": 277, "capset": 91, "capget": 90},
}
_LANDLOCK = {"landlock_create_ruleset": 444, "landlock_restrict_self": 446}  # the same everywhere

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def syscall_number(name: str) -> int:
    """Return the number of a system call on this machine, or -1 where it is not known."""
    return _LANDLOCK.get(name, _NUMBERS.get(MACHINE, {}).get(name, -1))


def call(number: int, *arguments: object) -> int:
    """Make a system call.

    Parameters
    ----------
    number : int
    *arguments : int or ctypes object
        Integers are passed as 64-bit values.

    Raises
    ------
    OSError
        With the errno that the kernel gave.
    """
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(_syscall(ctypes.c_long(number), *values))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _prctl(option: int, *arguments: int) -> int:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    result = int(_libc.prctl(ctypes.c_int(option), *padded))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def no_new_privileges() -> None:
    """No exec of this process, or of what it starts, ever gains privileges."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel for a signal when the *thread* that forked this process ends.

    Only useful below a process with one thread: in a threaded parent the signal would come when the
    forking thread finishes.
    """
    _prctl(PR_SET_PDEATHSIG, signal_number)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def effective_capabilities() -> int:
    """Return the effective capabilities of this process as a bit mask."""
    header, data = _Header(CAPABILITY_VERSION_3, 0), (_Data * 2)()
    call(syscall_number("capget"), ctypes.byref(header), data)
    return int(data[0].effective) | int(data[1].effective) << 32


def drop_privileges() -> bool:
    """Give up all capabilities, also those that an exec could bring back, and become nobody.

    Returns
    -------
    bool
        Whether the user was changed too; it is when this is root and may do so.

    Raises
    ------
    OSError
        The kernel refused, or some capabilities are still there.
    """
    held = effective_capabilities()
    if held & (1 << CAP_SETPCAP):
        for capability in range(LAST_CAPABILITY + 1):
            try:
                _prctl(PR_CAPBSET_DROP, capability)
            except OSError:
                break  # above the last one that this kernel knows
    changed = _become_nobody(held)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header, data = _Header(CAPABILITY_VERSION_3, 0), (_Data * 2)()
    call(syscall_number("capset"), ctypes.byref(header), data)
    if effective_capabilities():
        raise OSError("capabilities are still there after dropping them")
    return changed


def _become_nobody(held: int) -> bool:
    # Without CAP_KILL nobody could end the process afterwards, so then the user stays.
    needed = 1 << CAP_KILL | 1 << CAP_SETGID | 1 << CAP_SETUID
    if os.geteuid() != 0 or held & needed != needed:
        return False
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return False  # a user namespace that does not map this user
    return True
