"""The unprotected control of the hostile tests: runs each attack in a fork without any protection.

Reads one JSON object a line: source, output (path), seconds. Writes one: timed_out, peak_mb, left (processes
still alive in its session), forged (bytes on descriptor 3), output (bytes written).
"""

import json
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil


class Data:
    def get(self, key):
        dates = pd.bdate_range("2020-01-01", periods=50)
        return pd.DataFrame(np.ones((50, 3)), index=dates, columns=list("ABC"))


def child(task, channel):
    os.setsid()
    output = os.open(task["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(channel, 3)
    os.dup2(task["socket"], 9)  # a careless parent leaves its sockets open
    os.closerange(16, 256)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, 256 << 20))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    names = {"__name__": "__strategy__", "data": Data(), "sim": lambda *a, **k: None, "pd": pd, "np": np}
    exec(compile(task["source"], "<attack>", "exec"), names)
    import atexit

    atexit._run_exitfuncs()


def run(task):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    started = time.monotonic()
    process = os.fork()
    if process == 0:
        try:
            child(task, writer)
        except BaseException:  # noqa: BLE001 - whatever an attack raises
            import traceback

            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    pidfd, peak, timed_out, path = os.pidfd_open(process), 0.0, False, Path(task["output"])
    watched = psutil.Process(process)
    while True:
        done, _, used = os.wait4(process, os.WNOHANG)
        if done:
            break
        peak = max(peak, watched.memory_info().rss / (1 << 20))
        timed_out = time.monotonic() - started > task["seconds"]
        if timed_out or peak > 700 or _size(path) > 80 << 20:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            _, _, used = os.wait4(process, 0)
            break
        time.sleep(0.005)
    # What was used between two looks is known to the system, however seldom this process had its turn.
    peak, output = max(peak, used.ru_maxrss / 1024), _size(path)
    os.close(pidfd)
    left = [p.pid for p in psutil.process_iter() if p.pid != process and _session(p.pid) == process]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    try:
        forged = len(os.read(reader, 65536))
    except BlockingIOError:  # a process that was left holds the other end
        forged = 0
    os.close(reader)
    return {"timed_out": timed_out, "peak_mb": peak, "left": len(left), "forged": forged, "output": output}


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _session(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return -1


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    careless, other = socket.socketpair()
    for line in sys.stdin:
        print(json.dumps(run({**json.loads(line), "socket": careless.fileno()})), flush=True)
