"""What the workers of a cluster are given to do in tests; they import it by its name."""

import os
import signal


def deadly(item):
    """Kill the process that works on the item 1."""
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item
