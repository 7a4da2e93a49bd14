"""Acts that a locked child must not be able to do, really tried; once per server."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["PROBES", "probe"]

PROBES = ("read_file", "write_file", "tcp", "unix_socket", "fork", "exec", "kill_parent")
_SHELL = "/bin/true"


def probe(targets: Mapping[str, object], layers: Mapping[str, str], result: int) -> None:
    """Try every forbidden act and write what happened, one JSON object a line.

    Parameters
    ----------
    targets : mapping
        "read", "write": paths; "port": a listening TCP port; "unix": path of a listening socket; "parent":
        a process id.
    layers : mapping
        What `confine` put on; passed on.
    result : int
        Descriptor to write to.
    """
    acts: dict[str, Callable[[], object]] = {
        "read_file": lambda: Path(str(targets["read"])).read_bytes(),
        "write_file": lambda: Path(str(targets["write"])).write_bytes(b"x"),
        "tcp": lambda: _connect(socket.AF_INET, ("127.0.0.1", targets["port"])),
        "unix_socket": lambda: _connect(socket.AF_UNIX, targets["unix"]),
        "fork": _fork,
        "kill_parent": lambda: os.kill(int(str(targets["parent"])), 0),
    }
    blocked = {name: _blocked(act) for name, act in acts.items()}
    _write(result, {"layers": dict(layers), "blocked": blocked})
    # Last: if it works there is nobody left to say so, and the missing line says it.
    _write(result, {"layers": {}, "blocked": {"exec": _blocked(lambda: os.execv(_SHELL, [_SHELL]))}})  # noqa: S606


def _blocked(act: Callable[[], object]) -> bool:
    try:
        act()
    except OSError as error:
        # A missing file or a missing program is not a protection.
        return isinstance(error, PermissionError) or not isinstance(error, FileNotFoundError)
    return False


def _connect(family: int, address: object) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        connection.connect(address)  # type: ignore[arg-type]


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _write(descriptor: int, said: object) -> None:
    os.write(descriptor, json.dumps(said).encode() + b"\n")
