"""System calls of the sandbox: which are allowed, allowed with checked arguments, or forbidden.

Numbers are those of ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h``
(aarch64) of the Linux kernel. What is in none of the three tables is unknown to the filter and
answers ENOSYS, as an older kernel would: libraries then take their older path (``clone3``,
``openat2``, io_uring). Forbidden calls answer EPERM.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ALLOWED", "CHECKED", "FORBIDDEN", "Numbers", "numbers"]

Numbers = Mapping[str, int]

# name, number on x86_64, number on aarch64; "-" where the architecture has no such call.
ALLOWED = """
read 0 63; write 1 64; readv 19 65; writev 20 66; pread64 17 67; pwrite64 18 68; close 3 57; lseek 8 62; munmap
11 215; mremap 25 216; mprotect 10 226; madvise 28 233; brk 12 214; futex 202 98; sched_yield 24 124;
sched_getaffinity 204 123; getpid 39 172; getppid 110 173; getuid 102 174; geteuid 107 175; getgid 104 176;
getegid 108 177; gettid 186 178; clock_gettime 228 113; clock_getres 229 114; clock_nanosleep 230 115; nanosleep
35 101; gettimeofday 96 169; time 201 -; getrandom 318 278; exit 60 93; exit_group 231 94; rt_sigaction 13 134;
rt_sigprocmask 14 135; rt_sigreturn 15 139; rt_sigpending 127 136; rt_sigtimedwait 128 137; sigaltstack 131 132;
poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; set_robust_list 273 99; get_robust_list 274 100; rseq 334
293; getrusage 98 165; times 100 153; uname 63 160; restart_syscall 219 128; membarrier 324 283; getcpu 309 168;
fstat 5 80
"""

# Their arguments are looked at; see outsample.sandbox.seccomp.
CHECKED = """
mmap 9 222; clone 56 220; kill 62 129; tgkill 234 131; fcntl 72 25; prlimit64 302 261
"""

FORBIDDEN = """
arch_prctl 158 -; tkill 200 130; prctl 157 167; ioctl 16 29; open 2 -; openat 257 56; creat 85 -; stat 4 -;
lstat 6 -; newfstatat 262 79; statx 332 291; statfs 137 43; fstatfs 138 44; access 21 -; faccessat 269 48;
faccessat2 439 439; readlink 89 -; readlinkat 267 78; getdents 78 -; getdents64 217 61; getcwd 79 17; chdir 80
49; fchdir 81 50; chroot 161 51; mkdir 83 -; mkdirat 258 34; rmdir 84 -; unlink 87 -; unlinkat 263 35; rename 82
-; renameat 264 38; renameat2 316 276; link 86 -; linkat 265 37; symlink 88 -; symlinkat 266 36; mknod 133 -;
mknodat 259 33; chmod 90 -; fchmod 91 52; fchmodat 268 53; chown 92 -; fchown 93 55; fchownat 260 54; lchown 94
-; truncate 76 45; ftruncate 77 46; utimensat 280 88; umask 95 166; sync 162 81; fsync 74 82; socket 41 198;
socketpair 53 199; connect 42 203; accept 43 202; accept4 288 242; bind 49 200; listen 50 201; sendto 44 206;
sendmsg 46 211; sendmmsg 307 269; recvfrom 45 207; recvmsg 47 212; recvmmsg 299 243; getsockopt 55 209;
setsockopt 54 208; shutdown 48 210; getsockname 51 204; getpeername 52 205; fork 57 -; vfork 58 -; execve 59
221; execveat 322 281; wait4 61 260; waitid 247 95; ptrace 101 117; process_vm_readv 310 270; process_vm_writev
311 271; pidfd_open 434 434; pidfd_getfd 438 438; pidfd_send_signal 424 424; kcmp 312 272; setns 308 268;
unshare 272 97; mount 165 40; umount2 166 39; pivot_root 155 41; memfd_create 319 279; memfd_secret 447 447;
shmget 29 194; shmat 30 196; shmctl 31 195; shmdt 67 197; msgget 68 186; msgsnd 69 189; msgrcv 70 188; msgctl 71
187; semget 64 190; semop 65 193; semctl 66 191; mq_open 240 180; dup 32 23; dup2 33 -; dup3 292 24; pipe 22 -;
pipe2 293 59; eventfd2 290 19; epoll_create1 291 20; epoll_ctl 233 21; inotify_init1 294 26; signalfd4 289 74;
timerfd_create 283 85; setitimer 38 103; timer_create 222 107; alarm 37 -; rt_sigqueueinfo 129 138;
rt_tgsigqueueinfo 297 240; bpf 321 280; perf_event_open 298 241; userfaultfd 323 282; seccomp 317 277; keyctl
250 219; add_key 248 217; request_key 249 218; landlock_create_ruleset 444 444; landlock_restrict_self 446 446;
setuid 105 146; setgid 106 144; setreuid 113 145; setregid 114 143; setresuid 117 147; setresgid 119 149;
setgroups 116 159; setfsuid 122 151; setfsgid 123 152; capset 126 91; setpgid 109 154; setsid 112 157;
setpriority 141 140; sched_setaffinity 203 122; sched_setscheduler 144 119; sched_setattr 314 274; setrlimit 160
164; setxattr 188 5; reboot 169 142; kexec_load 246 104; init_module 175 105; finit_module 313 273;
delete_module 176 106; swapon 167 224; acct 163 89; settimeofday 164 170; clock_settime 227 112; adjtimex 159
171; personality 135 92; ioperm 173 -; iopl 172 -; quotactl 179 60; sethostname 170 161; name_to_handle_at 303
264; open_by_handle_at 304 265; fanotify_init 300 262; process_madvise 440 440; process_mrelease 448 448; splice
275 76; tee 276 77; vmsplice 278 75; sendfile 40 71; copy_file_range 326 285; mlock 149 228; mlockall 151 230;
mbind 237 235; move_pages 279 239; migrate_pages 256 238; set_mempolicy 238 237; remap_file_pages 216 234
"""

_COLUMN = {"x86_64": 1, "aarch64": 2}


def numbers(table: str, machine: str) -> Numbers:
    """Return name -> number of one of the tables on one architecture.

    Parameters
    ----------
    table : str
        `ALLOWED`, `CHECKED` or `FORBIDDEN`.
    machine : {"x86_64", "aarch64"}

    Examples
    --------
    >>> numbers(CHECKED, "aarch64")["mmap"]
    222
    """
    column = _COLUMN[machine]
    rows = [row.split() for row in table.replace("\n", " ").split(";")]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}
