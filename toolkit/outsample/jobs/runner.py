"""The child process of a job: started by a supervisor, told of claims on standard input, killed at any moment.

It imports what jobs need and starts a sandbox before the first claim, so that a claim costs no start. A
child runs one job at a time; one that was told to end, or ended badly, is never used again.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys

from outsample.archive import Store
from outsample.jobs.states import Claim
from outsample.jobs.work import perform
from outsample.sandbox import close_server
from outsample.sandbox.client import get_server
from outsample.sandbox.linux import die_with_parent

__all__ = ["main"]

_log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Serve claims until standard input ends.

    Parameters
    ----------
    arguments : list of str
        Process id of the supervisor. The store is that of OUTSAMPLE_STORE: an address may hold a password,
        and arguments can be read by everybody.
    """
    parent = int(arguments[0])
    die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return 1  # it ended before the kernel was asked
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # What a library prints must not be taken for an answer.
    channel = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    for name in ("JUPYTERHUB_USER", "JPY_USER_INFO"):
        os.environ.pop(name, None)  # whose server started this says nothing about whose job it is
    with Store.open() as store:
        get_server()
        print("ready", file=channel, flush=True)
        for line in sys.stdin:
            held = Claim(**json.loads(line))
            os.environ["OUTSAMPLE_USER"] = held.created_by
            perform(store, held)
            print("done", file=channel, flush=True)
    close_server()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
