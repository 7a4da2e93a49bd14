"""Locks itself and then asks the kernel for forbidden things through ctypes, below everything that Python does.

Arguments: the layers to leave off (comma separated, or "-") and the user ("root", "nobody"). Writes one JSON object:
layers, and call -> name of the errno, or "done".
"""

import ctypes
import errno
import json
import os
import socket
import sys
from pathlib import Path

import pandas  # noqa: F401 - its threads and descriptors must not change anything

from outsample.sandbox.confine import Limits, confine
from outsample.sandbox.linux import MACHINE


def main():
    off, user, folder = sys.argv[1], sys.argv[2], sys.argv[3]
    victim = int(sys.argv[4])
    port = int(sys.argv[5])
    NR = json.loads(Path(__file__).with_name("syscall_numbers.json").read_text(encoding="ascii"))[MACHINE]

    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    buffer = ctypes.create_string_buffer(4096)
    path = bytes(Path(folder, "canary"))
    new = bytes(Path(folder, "new"))
    AT = -100
    tcp = socket.socket()
    address = ctypes.create_string_buffer(
        bytes([2, 0]) + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8), 16
    )
    read_end, write_end = os.pipe()

    if user == "nobody":
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)

    wanted = frozenset(off.split(",")) - {"-"}
    layers = confine(Limits(cpu_seconds=20, memory_bytes=200 << 20, off=wanted), os.getppid())

    def call(name, *arguments):
        number = NR.get(name)
        if number is None:
            return "ENOSYS"
        ctypes.set_errno(0)
        values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
        result = libc.syscall(ctypes.c_long(number), *values)
        if result >= 0:
            if name in ("fork", "vfork", "clone") and result == 0:
                os._exit(0)
            return "done"
        return errno.errorcode[ctypes.get_errno()]

    probes = {
        "read a file": ("openat", AT, path, 0, 0),
        "create a file": ("openat", AT, new, 0o101, 0o666),
        "open a folder": ("openat", AT, folder.encode(), 0o200000, 0),
        "openat2": ("openat2", AT, path, buffer, 24),
        "stat": ("newfstatat", AT, path, buffer, 0),
        "statx": ("statx", AT, path, 0, 0xFFF, buffer),
        "access": ("faccessat", AT, path, 4, 0),
        "readlink": ("readlinkat", AT, b"/proc/self/exe", buffer, 4096),
        "mkdir": ("mkdirat", AT, new, 0o777),
        "unlink": ("unlinkat", AT, path, 0),
        "rename": ("renameat2", AT, path, AT, new, 0),
        "link": ("linkat", AT, path, AT, new, 0),
        "symlink": ("symlinkat", path, AT, new),
        "mknod": ("mknodat", AT, new, 0o010666, 0),
        "truncate": ("truncate", path, 0),
        "chmod": ("fchmodat", AT, path, 0o777),
        "chdir": ("chdir", folder.encode()),
        "chroot": ("chroot", folder.encode()),
        "mount": ("mount", b"none", folder.encode(), b"tmpfs", 0, 0),
        "tcp socket": ("socket", 2, 1, 0),
        "tcp connect on an open socket": ("connect", tcp.fileno(), address, 16),
        "unix socket": ("socket", 1, 1, 0),
        "netlink socket": ("socket", 16, 3, 0),
        "socketpair": ("socketpair", 1, 1, 0, buffer),
        "clone as fork": ("clone", 17, 0, 0, 0, 0),
        "clone3": ("clone3", buffer, 88),
        "execve": ("execve", b"/bin/true", 0, 0),
        "execveat": ("execveat", AT, b"/bin/true", 0, 0, 0),
        "kill another": ("kill", victim, 0),
        "kill the parent": ("kill", os.getppid(), 0),
        "kill everybody": ("kill", -1, 0),
        "tkill another": ("tkill", victim, 0),
        "tgkill another": ("tgkill", victim, victim, 0),
        "sigqueue another": ("rt_sigqueueinfo", victim, 0, buffer),
        "pidfd_open": ("pidfd_open", victim, 0),
        "ptrace": ("ptrace", 16, victim, 0, 0),
        "read another's memory": ("process_vm_readv", victim, buffer, 1, buffer, 1, 0),
        "unshare a user namespace": ("unshare", 0x10000000),
        "setns": ("setns", read_end, 0),
        "setresuid": ("setresuid", 0, 0, 0),
        "capset": ("capset", buffer, buffer),
        "prctl": ("prctl", 4, 1, 0, 0, 0),
        "another filter": ("seccomp", 1, 0, buffer),
        "bpf": ("bpf", 0, buffer, 64),
        "perf": ("perf_event_open", buffer, 0, -1, -1, 0),
        "userfaultfd": ("userfaultfd", 0),
        "io_uring": ("io_uring_setup", 4, buffer),
        "keyctl": ("keyctl", 0, -3, 1),
        "memfd": ("memfd_create", b"x", 0),
        "shmget": ("shmget", 0, 4096, 0o1600),
        "shared memory": ("mmap", 0, 4096, 3, 0x21, -1, 0),
        "raise a limit": ("prlimit64", 0, 9, buffer, 0),
        "another's limits": ("prlimit64", victim, 9, 0, buffer),
        "another's priority": ("setpriority", 0, victim, 5),
        "affinity": ("sched_setaffinity", victim, 8, buffer),
        "pipe size": ("fcntl", write_end, 1031, 1 << 20),
        "duplicate": ("fcntl", write_end, 0, 0),
        "ioctl on a pipe": ("ioctl", write_end, 0x541B, buffer),
    }
    answers = {}
    for name, (number, *arguments) in probes.items():
        if name.startswith("execve") and "seccomp" in wanted:
            continue  # it might work, and then there is nobody left to say so
        answers[name] = call(number, *arguments)
    os.write(1, json.dumps({"layers": dict(layers), "answers": answers}).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
