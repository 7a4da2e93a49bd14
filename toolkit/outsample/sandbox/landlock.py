"""Landlock: no file, no TCP port, no abstract socket, no signal outside the domain.

Numbers are those of ``include/uapi/linux/landlock.h``. The ruleset handles everything the running kernel
knows and has no rule that allows anything.
"""

from __future__ import annotations

import ctypes
import os

from outsample.sandbox.linux import call, syscall_number

__all__ = ["create_ruleset", "landlock_version", "restrict"]

CREATE_RULESET_VERSION = 1
# Number of file rights by ABI: 1: 13, 2: +REFER, 3: +TRUNCATE, 5: +IOCTL_DEV.
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
NET_RIGHTS = 0b11  # bind and connect of TCP, ABI 4
SCOPES = 0b11  # abstract unix sockets and signals, ABI 6


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def landlock_version() -> int:
    """Return the ABI of Landlock in this kernel, 0 where there is none."""
    try:
        return call(syscall_number("landlock_create_ruleset"), 0, 0, CREATE_RULESET_VERSION)
    except OSError:
        return 0


def create_ruleset() -> int:
    """Return the descriptor of a ruleset that denies everything this kernel can deny.

    Raises
    ------
    OSError
        There is no Landlock in this kernel, or it is switched off.
    """
    version = landlock_version()
    if version < 1:
        raise OSError("this kernel has no Landlock")
    rights = (1 << FILE_RIGHTS[min(version, max(FILE_RIGHTS))]) - 1
    ruleset = _Ruleset(rights, NET_RIGHTS if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    return call(syscall_number("landlock_create_ruleset"), ctypes.byref(ruleset), size, 0)


def restrict(ruleset: int) -> None:
    """Confine this thread, for ever; needs no_new_privs. Closes the descriptor.

    Raises
    ------
    OSError
        The kernel refused.
    """
    try:
        call(syscall_number("landlock_restrict_self"), ruleset, 0)
    finally:
        os.close(ruleset)
