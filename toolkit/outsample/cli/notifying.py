"""``--notify CMD``: a command of the user's is told the outcome; its own failure changes nothing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping

__all__ = ["tell"]

_SECONDS = 60


def tell(command: str, outcome: Mapping[str, object]) -> None:
    """Run a command with the outcome as JSON on its input; what goes wrong with it is said on stderr.

    Parameters
    ----------
    command : str
        Program and arguments; there is no shell.
    outcome : mapping
    """
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            shlex.split(command),
            input=json.dumps(outcome).encode(),
            timeout=_SECONDS,
            stdout=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"outsample: --notify {command!r} failed: {error}", file=sys.stderr)
        return
    if done.returncode != 0:
        print(f"outsample: --notify {command!r} ended with exit code {done.returncode}", file=sys.stderr)
