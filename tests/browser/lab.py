"""A JupyterLab of its own on loopback, and a Chromium that looks at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SETTINGS = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": (
        '{"fetchNews": "false", "checkForUpdates": false}'
    ),
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
    "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": '{"autosave": false}',
}


def browser_path() -> str | None:
    """Return the system's Chromium, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextlib.contextmanager
def jupyter_lab(folder: Path):
    """Serve a folder; yields the address."""
    home = folder / ".home"
    settings = home / "settings"
    for name, text in SETTINGS.items():
        path = settings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "OUTSAMPLE_STORE": str(home / "store.db"),
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={folder}",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = (folder / "lab.log").open("wb")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _wait_for(address: str, server: subprocess.Popen, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        assert server.poll() is None, "JupyterLab ended at once"
        try:
            with urllib.request.urlopen(f"{address}/api/status", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("JupyterLab did not answer")


def open_notebook(page, address: str, name: str) -> None:
    """Open a notebook and wait until its kernel has answered."""
    page.goto(f"{address}/doc/tree/{name}?reset", wait_until="domcontentloaded")
    # The indicator says idle before there is a kernel, so the objects themselves are asked.
    page.wait_for_function(
        "() => window.jupyterapp && window.jupyterapp.shell.currentWidget && "
        "window.jupyterapp.shell.currentWidget.context",
        timeout=60_000,
    )
    page.evaluate(
        """async () => {
            const widget = window.jupyterapp.shell.currentWidget;
            await widget.context.ready;
            await widget.sessionContext.ready;
            while (!(widget.sessionContext.session && widget.sessionContext.session.kernel)) {
                await new Promise(resolve => setTimeout(resolve, 100));
            }
            await widget.sessionContext.session.kernel.info;
        }"""
    )


def run_all(page, seconds: float = 120.0) -> None:
    """Run all cells and wait until none is waiting."""
    page.evaluate(
        "() => { window.done = false; window.jupyterapp.commands.execute('notebook:run-all-cells')"
        ".then(() => { window.done = true; }); }"
    )
    page.wait_for_function("() => window.done === true", timeout=seconds * 1000)


def set_theme(page, name: str) -> None:
    """Switch the theme and wait until the page shows it."""
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    light = "false" if "Dark" in name else "true"
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'", timeout=20_000)
    page.wait_for_timeout(400)
