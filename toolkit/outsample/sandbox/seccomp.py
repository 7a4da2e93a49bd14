"""The system call filter: a list of rules, and the BPF program made from it.

Layout of the data that the program sees (``struct seccomp_data`` in ``include/uapi/linux/seccomp.h``):
number at 0, architecture at 4, instruction pointer at 8, six 64-bit arguments from 16 on; both
architectures are little-endian. Opcodes are those of ``include/uapi/linux/{bpf_common,filter}.h``.

An argument is checked in its low 32 bits where the kernel's own parameter is an int or where all its
flags live there, and in all 64 where it is a pointer.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from outsample.sandbox.linux import MACHINE, call, syscall_number
from outsample.sandbox.syscalls import ALLOWED, CHECKED, FORBIDDEN, numbers

__all__ = ["ARCHITECTURES", "Check", "Rule", "build_program", "install", "program_for", "rules"]

# AUDIT_ARCH_* of include/uapi/linux/audit.h.
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000  # calls of the x32 ABI carry it; x86_64 only

RET_KILL_PROCESS = 0x80000000
RET_ERRNO = 0x00050000
RET_ALLOW = 0x7FFF0000

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1

_LOAD, _AND = 0x20, 0x54  # BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K
_JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_ARGUMENTS = 0, 4, 16

# A thread shares memory, signal handlers and the thread group; a new process or namespace does not.
CLONE_VM, CLONE_SIGHAND, CLONE_THREAD = 0x100, 0x800, 0x10000
CLONE_PIDFD, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT = 0x1000, 0x2000, 0x4000, 0x8000
CLONE_NEW = 0x7E020000  # NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
CLONE_THREAD_FLAGS = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD
CLONE_MASK = CLONE_THREAD_FLAGS | CLONE_PIDFD | CLONE_PTRACE | CLONE_VFORK | CLONE_PARENT | CLONE_NEW
MAP_TYPE, MAP_PRIVATE = 0x0F, 0x02
F_GETFD, F_GETFL = 1, 3
FULL = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Check:
    """A condition on one argument: ``argument & mask == value``.

    Parameters
    ----------
    argument : int
        Which of the six, from 0.
    mask : int
        Over the low 32 bits.
    value : int
    high : bool
        The high 32 bits must be zero too.
    """

    argument: int
    mask: int = FULL
    value: int = 0
    high: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What happens to one system call.

    Parameters
    ----------
    name : str
    number : int
    alternatives : tuple of tuple of Check, or None
        None: forbidden. Empty: allowed. Otherwise allowed when all checks of one alternative hold.
    """

    name: str
    number: int
    alternatives: tuple[tuple[Check, ...], ...] | None


def rules(machine: str, pid: int) -> list[Rule]:
    """Return the rules for one process on one architecture.

    Parameters
    ----------
    machine : {"x86_64", "aarch64"}
    pid : int
        The process that may send signals to itself.
    """
    own = (Check(argument=0, value=pid),)
    checks: dict[str, tuple[tuple[Check, ...], ...]] = {
        "mmap": ((Check(argument=3, mask=MAP_TYPE, value=MAP_PRIVATE),),),
        "clone": ((Check(argument=0, mask=CLONE_MASK, value=CLONE_THREAD_FLAGS),),),
        "kill": (own,),
        "tgkill": (own,),
        "fcntl": ((Check(argument=1, value=F_GETFD),), (Check(argument=1, value=F_GETFL),)),
        # Reading the limits of this process; a new limit needs a pointer in the third argument.
        "prlimit64": ((Check(argument=0), Check(argument=2, high=True)),),
    }
    found = [Rule(name=n, number=i, alternatives=()) for n, i in numbers(ALLOWED, machine).items()]
    found += [Rule(name=n, number=i, alternatives=checks[n]) for n, i in numbers(CHECKED, machine).items()]
    found += [Rule(name=n, number=i, alternatives=None) for n, i in numbers(FORBIDDEN, machine).items()]
    return found


Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, k


def build_program(machine: str, pid: int) -> bytes:
    """Return the BPF program as an array of ``struct sock_filter``.

    Parameters
    ----------
    machine : {"x86_64", "aarch64"}
    pid : int
        The process that will be confined.

    Notes
    -----
    Wrong architecture: the process is killed. Unknown call: ENOSYS. Forbidden call or argument: EPERM.
    """
    program: list[Instruction] = [
        (_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (_RETURN, 0, 0, RET_KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
    ]
    if machine == "x86_64":
        program += [(_JUMP_GREATER_EQUAL, 0, 1, X32_BIT), (_RETURN, 0, 0, RET_KILL_PROCESS)]
    for rule in rules(machine, pid):
        body = _body(rule)
        program += [(_JUMP_EQUAL, 0, len(body), rule.number), *body]
    program.append((_RETURN, 0, 0, RET_ERRNO | errno.ENOSYS))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _body(rule: Rule) -> list[Instruction]:
    refuse = (_RETURN, 0, 0, RET_ERRNO | errno.EPERM)
    allow = (_RETURN, 0, 0, RET_ALLOW)
    if rule.alternatives is None:
        return [refuse]
    if not rule.alternatives:
        return [allow]
    body: list[Instruction] = []
    for alternative in rule.alternatives:
        body += _alternative(alternative, allow)
    return [*body, refuse]


def _alternative(checks: Sequence[Check], allow: Instruction) -> list[Instruction]:
    """Return instructions that allow when all checks hold and else fall through to what follows."""
    blocks: list[list[Instruction]] = []
    for check in checks:
        offset = _OFFSET_ARGUMENTS + 8 * check.argument
        blocks.append([(_LOAD, 0, 0, offset), (_AND, 0, 0, check.mask), (_JUMP_EQUAL, 0, 0, check.value)])
        if check.high:
            blocks.append([(_LOAD, 0, 0, offset + 4), (_JUMP_EQUAL, 0, 0, 0)])
    body: list[Instruction] = []
    total = sum(map(len, blocks)) + 1  # + the allow at the end
    for block in blocks:
        code, _, _, k = block[-1]
        end = len(body) + len(block)
        body += [*block[:-1], (code, 0, total - end, k)]
    return [*body, allow]


# A process id that no kernel gives (include/linux/threads.h: at most 2^22); stands in the template.
_PLACE = 0x7EADBEEF
_templates: dict[str, bytes] = {}


def program_for(pid: int, machine: str = MACHINE) -> bytes:
    """Return the same as `build_program`, from a template: a fresh child need not work it out.

    Examples
    --------
    >>> program_for(7, "aarch64") == build_program("aarch64", 7)
    True
    """
    template = _templates.get(machine)
    if template is None:
        template = _templates[machine] = build_program(machine, _PLACE)
    return template.replace(struct.pack("<I", _PLACE), struct.pack("<I", pid))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install(program: bytes) -> None:
    """Put the filter on all threads of this process, for ever; needs no_new_privs.

    Raises
    ------
    OSError
        The kernel refused.
    """
    argument = _Program(len(program) // 8, program)
    number = syscall_number("seccomp")
    if number < 0:
        raise OSError(f"no system call filter for {MACHINE}")
    call(number, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(argument))
