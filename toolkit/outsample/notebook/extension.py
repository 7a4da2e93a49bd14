"""Loading and unloading the IPython extension."""

from __future__ import annotations

from typing import Any

__all__ = ["load", "unload"]

_CELLS = ("backtest", "strategy_module")
_LINES = ("backtest", "compare", "data", "jobs", "outsample", "runs")


def load(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Register the magics (again, if they are there) and start the sandbox in the background."""
    from outsample.notebook.completion import add_completion
    from outsample.notebook.displays import add_displays
    from outsample.notebook.lines import LineMagics
    from outsample.notebook.magics import OutsampleMagics
    from outsample.sandbox import start_server

    shell.register_magics(OutsampleMagics, LineMagics)
    add_completion(shell)
    add_displays(shell)
    # The server takes about a second to start; by the time a strategy is written it is there.
    start_server()


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
