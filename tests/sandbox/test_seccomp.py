"""The system call filter, run by a small BPF interpreter over every call number on both architectures."""

import errno
import json
import struct
from pathlib import Path

import pytest

from outsample.sandbox.seccomp import ARCHITECTURES, build_program, program_for

HEADERS = json.loads(Path(__file__).with_name("syscall_numbers.json").read_text(encoding="ascii"))
MACHINES = sorted(ARCHITECTURES)
PID = 4711
ALLOW, EPERM, ENOSYS, KILL = "allow", "EPERM", "ENOSYS", "kill"

# Written by hand, not taken from the tables of the package: what a strategy may ever ask of the kernel.
MAY_ALWAYS = [
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "close",
    "lseek",
    "fstat",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "brk",
    "futex",
    "sched_yield",
    "sched_getaffinity",
    "getpid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "gettid",
    "getcpu",
    "uname",
    "getrusage",
    "times",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "getrandom",
    "exit",
    "exit_group",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "sigaltstack",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "membarrier",
]
MAY_SOMETIMES = ["mmap", "clone", "kill", "tgkill", "fcntl", "prlimit64"]
MUST_BE_REFUSED = [
    "open",
    "openat",
    "creat",
    "stat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "readlink",
    "getdents64",
    "execve",
    "execveat",
    "fork",
    "vfork",
    "socket",
    "connect",
    "bind",
    "listen",
    "accept",
    "sendto",
    "sendmsg",
    "recvmsg",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "chroot",
    "memfd_create",
    "shmget",
    "shmat",
    "msgget",
    "semget",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "prctl",
    "seccomp",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "keyctl",
    "add_key",
    "setuid",
    "setresuid",
    "capset",
    "ioctl",
    "unlink",
    "rename",
    "mkdir",
    "symlink",
    "link",
    "mknod",
    "chmod",
    "chown",
    "truncate",
    "ftruncate",
    "kcmp",
    "personality",
    "setrlimit",
    "setpriority",
    "sched_setaffinity",
    "sched_setscheduler",
    "landlock_create_ruleset",
    "clone3",
    "openat2",
    "io_uring_setup",
    "io_uring_enter",
]


def interpret(program, machine, number, arguments=(), architecture=None):
    """Run a classic BPF program over a struct seccomp_data; only the opcodes that the package emits."""
    arguments = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    architecture = ARCHITECTURES[machine] if architecture is None else architecture
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *(value & (2**64 - 1) for value in arguments))
    instructions = list(struct.iter_unpack("<HBBI", program))
    place, value = 0, 0
    while True:
        code, true, false, constant = instructions[place]
        place += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, constant)
        elif code == 0x54:
            value &= constant
        elif code == 0x15:
            place += true if value == constant else false
        elif code == 0x35:
            place += true if value >= constant else false
        elif code == 0x06:
            action, low = constant & 0xFFFF0000, constant & 0xFFFF
            if action == 0x00050000:
                return {errno.EPERM: EPERM, errno.ENOSYS: ENOSYS}[low]
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}[action]
        else:
            raise AssertionError(f"opcode {code:#x}")


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.fixture
def program(machine):
    return build_program(machine, PID)


def numbers(machine, names):
    return {HEADERS[machine][name]: name for name in names if name in HEADERS[machine]}


def test_only_listed_calls_can_pass(machine, program):
    """Over every number, only the calls of a list written by hand pass, whatever their arguments."""
    always, sometimes = numbers(machine, MAY_ALWAYS), numbers(machine, MAY_SOMETIMES)
    some = [(), (PID, PID), (0, 1), (0, 3), (0, 0, 0, 2), (0x10900,), (0x3D0F00,), (2**64 - 1,) * 6, (0,) * 6]
    for number in range(1100):
        verdicts = {interpret(program, machine, number, arguments) for arguments in some}
        if number in always:
            assert verdicts == {ALLOW}, number
        elif number in sometimes:
            assert EPERM in verdicts, sometimes[number]
            assert ALLOW in verdicts, sometimes[number]
        else:
            assert verdicts <= {EPERM, ENOSYS}, number


def test_dangerous_calls_are_refused(machine, program):
    """Files, processes, sockets, other processes' memory and privileges are refused by name."""
    for number, name in numbers(machine, MUST_BE_REFUSED).items():
        assert interpret(program, machine, number, (PID, 1, 0, 2)) in (EPERM, ENOSYS), name


def test_clone3_looks_like_an_old_kernel(machine, program):
    """clone3 answers ENOSYS, so that the C library falls back to clone, whose flags can be read."""
    assert interpret(program, machine, HEADERS[machine]["clone3"]) == ENOSYS


def test_foreign_architectures_are_killed(machine, program):
    """A call through another architecture's door ends the process."""
    for architecture in (0x40000003, 0x40000028, 0, ARCHITECTURES[next(m for m in MACHINES if m != machine)]):
        assert interpret(program, machine, 0, architecture=architecture) == KILL


def test_x32_calls_are_killed():
    """Numbers of the x32 ABI, which share the architecture of x86_64, end the process."""
    program = build_program("x86_64", PID)
    for number in (0x40000000, 0x40000001, 0x4000003B, 0xFFFFFFFF, 2**31):
        assert interpret(program, "x86_64", number) == KILL


def test_high_numbers_are_unknown():
    """On aarch64, which has no x32, high numbers are unknown calls."""
    program = build_program("aarch64", PID)
    for number in (0x40000000, 0xFFFFFFFF):
        assert interpret(program, "aarch64", number) == ENOSYS


def test_clone_makes_threads_only(machine, program):
    """Of all flags of clone, alone, and with those of a thread, only threads without namespaces pass."""
    clone = HEADERS[machine]["clone"]
    glibc_thread = 0x3D0F00
    assert interpret(program, machine, clone, (glibc_thread,)) == ALLOW
    assert interpret(program, machine, clone, (17,)) == EPERM  # fork: SIGCHLD
    assert interpret(program, machine, clone, (0x4111,)) == EPERM  # vfork
    harmful = {0x1000, 0x2000, 0x4000, 0x8000} | {1 << bit for bit in (17, 25, 26, 27, 28, 29, 30)}
    for flag in (1 << bit for bit in range(8, 32)):
        assert interpret(program, machine, clone, (flag | 17,)) == EPERM, hex(flag)
        expected = EPERM if flag in harmful else ALLOW
        assert interpret(program, machine, clone, (glibc_thread | flag,)) == expected, hex(flag)
    for needed in (0x100, 0x800, 0x10000):
        assert interpret(program, machine, clone, (glibc_thread & ~needed,)) == EPERM, hex(needed)


def test_memory_is_private(machine, program):
    """mmap passes for private memory only, for every type and protection."""
    number = HEADERS[machine]["mmap"]
    for kind in range(16):
        for more in (0, 0x20, 0x10, 0x4000, 0x20020):
            for protection in range(8):
                verdict = interpret(program, machine, number, (0, 4096, protection, kind | more))
                assert verdict == (ALLOW if kind == 2 else EPERM), (kind, more)


def test_signals_reach_only_itself(machine, program):
    """kill and tgkill pass for the process itself and for nobody else, groups and everybody included."""
    for name in ("kill", "tgkill"):
        number = HEADERS[machine][name]
        for target in (0, 1, 2, PID - 1, PID + 1, -1, -PID, 2**31 - 1):
            assert interpret(program, machine, number, (target, 9)) == EPERM, (name, target)
        assert interpret(program, machine, number, (PID, 9)) == ALLOW


def test_limits_are_read_only(machine, program):
    """prlimit64 reads this process's limits: no other process, no new limit, also not at a high address."""
    number = HEADERS[machine]["prlimit64"]
    assert interpret(program, machine, number, (0, 7, 0, 0x7FFF0000)) == ALLOW
    assert interpret(program, machine, number, (1, 7, 0, 0x7FFF0000)) == EPERM
    for pointer in (1, 0x7FFF0000, 0x7FFF00000000, 1 << 32):
        assert interpret(program, machine, number, (0, 7, pointer, 0)) == EPERM, hex(pointer)


def test_fcntl_only_asks(machine, program):
    """fcntl passes for the flags of a descriptor; not for duplicating, locking, owners, leases or pipe sizes."""
    number = HEADERS[machine]["fcntl"]
    for command in (*range(40), *range(1024, 1045)):
        expected = ALLOW if command in (1, 3) else EPERM
        assert interpret(program, machine, number, (0, command)) == expected, command


def test_a_template_gives_the_same_program(machine):
    """The program made from the template of the server is the one that would have been built."""
    for pid in (1, 2, PID, 2**22):
        assert program_for(pid, machine) == build_program(machine, pid)


def test_every_path_ends(machine, program):
    """No jump leaves the program, and it fits into the kernel's limit of 4096 instructions."""
    instructions = list(struct.iter_unpack("<HBBI", program))
    assert len(instructions) <= 4096
    for place, (code, true, false, _) in enumerate(instructions):
        if code in (0x15, 0x35):
            assert place + 1 + max(true, false) < len(instructions)
    assert instructions[-1][0] == 0x06
