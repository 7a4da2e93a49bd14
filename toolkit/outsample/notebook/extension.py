"""Loading and unloading the IPython extension."""

from __future__ import annotations

from typing import Any

__all__ = ["load", "unload"]

_NAMES = (("cell", "backtest"), ("line", "backtest"), ("line", "runs"), ("line", "outsample"))


def load(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Register the magics (again, if they are there) and start the sandbox in the background."""
    from outsample.notebook.magics import OutsampleMagics
    from outsample.sandbox import start_server

    shell.register_magics(OutsampleMagics)
    # The server takes about a second to start; by the time a strategy is written it is there.
    start_server()


def unload(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Remove the magics and end the sandbox server."""
    from outsample.sandbox import close_server

    for kind, name in _NAMES:
        shell.magics_manager.magics[kind].pop(name, None)
    close_server()
