"""``outsample dashboard``: the widgets as an application, served by Voila on this machine."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from outsample.cli.common import DONE

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add", "command_line"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser(
        "dashboard",
        help="submit, watch and compare runs in the browser",
        description="Serve the dashboard with Voila on the loopback address, with a token that is printed.",
        epilog="Example: outsample dashboard --store team.db --theme dark. Exit codes: 0 ended, 2 could not start "
        "(Voila is not installed: pip install 'outsample[lab]').",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=8866, help="port on 127.0.0.1 (default 8866; the next free one)")
    parser.add_argument("--store", metavar="URL", help="the store to show (default: the configured one)")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.set_defaults(command=_dashboard)


def command_line(parsed: argparse.Namespace, notebook: str) -> list[str]:
    """Return the command that serves a notebook: loopback only, a token, no tracebacks to the page."""
    import sys

    command = [sys.executable, "-m", "voila", notebook, f"--port={parsed.port}", f"--theme={parsed.theme}"]
    command += ["--template=outsample", "--Voila.ip=127.0.0.1", "--Voila.auto_token=True", "--show_tracebacks=False"]
    return [*command, "--no-browser"] if parsed.no_browser else command


def _dashboard(parsed: argparse.Namespace) -> int:
    import signal
    import subprocess
    from importlib.resources import as_file, files
    from importlib.util import find_spec

    from outsample.errors import ConfigError, MissingExtra

    if find_spec("voila") is None:
        raise MissingExtra("voila", "lab")
    if not 0 < parsed.port < 65536:
        raise ConfigError(f"--port must be in 1..65535. Got {parsed.port}.")
    # The kernel starts in the notebook's folder; strategies and goldens are found from the user's.
    environment = {**os.environ, "OUTSAMPLE_DASHBOARD_FOLDER": os.getcwd()}  # noqa: PTH109 - as text
    if parsed.store:
        environment["OUTSAMPLE_STORE"] = parsed.store
    with as_file(files("outsample_widgets")) as folder:
        # The template that needs no network lies in the package.
        paths = [str(folder / "jupyter"), *filter(None, [environment.get("JUPYTER_PATH")])]
        environment["JUPYTER_PATH"] = os.pathsep.join(paths)
        # Not in this process: Voila reads its own command line and installs its own signal handlers.
        command = command_line(parsed, str(folder / "dashboard.ipynb"))
        server = subprocess.Popen(command, env=environment)  # noqa: S603 - our own
        asked: list[int] = []

        def stop(number: int, _frame: object) -> None:
            """Pass the request on: whoever ends this process means the server."""
            asked.append(number)
            server.terminate()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        code = server.wait()
        return DONE if asked else code
