"""Loading and unloading the IPython extension."""

from __future__ import annotations

import sys
import threading
from typing import Any

from outsample.jit import preload

__all__ = ["load", "unload"]

_CELLS = ("backtest", "strategy_module")
_LINES = ("backtest", "compare", "data", "jobs", "outsample", "runs")


def load(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Register the magics (again, if they are there) and start the sandbox in the background."""
    from outsample.sandbox.spawn import spawn_ahead

    # The server takes longer to start than all that follows here, so it comes first; by the time a strategy is
    # written it is there.
    if sys.platform.startswith("linux"):
        spawn_ahead()

    from outsample.sandbox import start_server

    start_server()
    from outsample.notebook.completion import add_completion
    from outsample.notebook.displays import add_displays
    from outsample.notebook.lines import LineMagics
    from outsample.notebook.magics import OutsampleMagics

    shell.register_magics(OutsampleMagics, LineMagics)
    add_completion(shell)
    add_displays(shell)
    # While the first strategy is written, or while its cell waits for the server.
    threading.Thread(target=preload, name="outsample-preload").start()


def unload(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Remove the magics and end the sandbox server."""
    from outsample.notebook.completion import remove_completion
    from outsample.notebook.displays import remove_displays
    from outsample.sandbox import close_server

    for kind, names in (("cell", _CELLS), ("line", _LINES)):
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    remove_completion(shell)
    remove_displays(shell)
    close_server()
