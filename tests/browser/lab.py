"""A JupyterLab of its own on loopback, and a Chromium that looks at it."""

from __future__ import annotations

import contextlib
import json
import os
import re
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


def _environment(home: Path) -> dict[str, str]:
    """Folders of its own for a server, with quiet settings."""
    settings = home / "settings"
    for name, text in SETTINGS.items():
        path = settings / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {
        **os.environ,
        "HOME": str(home),
        "OUTSAMPLE_PROGRESS": "1",
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "OUTSAMPLE_STORE": str(home / "store.db"),
    }


def crowding() -> float:
    """How many processes share a core at the moment, at least one: guards of times are multiplied by it."""
    return max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def jupyter_lab(folder: Path):
    """Serve a folder; yields the address."""
    environment = _environment(folder / ".home")
    port = free_port()
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
    with _served(command, environment, folder / "lab.log", f"http://127.0.0.1:{port}", "/api/status") as address:
        yield address


@contextlib.contextmanager
def dashboard(folder: Path, *options: str):
    """Run ``outsample dashboard`` over the store of a folder; yields the address and the address with its token."""
    port = free_port()
    command = [sys.executable, "-m", "outsample", "dashboard", "--no-browser", f"--port={port}", *options]
    log = folder / "voila.log"
    with _served(command, _environment(folder / ".home"), log, f"http://127.0.0.1:{port}", "/") as address:
        found = re.search(r"http://\S+token=\w+", log.read_text(encoding="utf-8"))
        assert found, log.read_text(encoding="utf-8")
        yield address, found[0]


@contextlib.contextmanager
def plain_voila(folder: Path):
    """Serve the notebooks of a folder as Voila does that nobody has told anything; yields the address."""
    port = free_port()
    command = [sys.executable, "-m", "voila", str(folder), "--no-browser", f"--port={port}"]
    log = folder / "voila.log"
    with _served(command, _environment(folder / ".home"), log, f"http://localhost:{port}", "/api") as address:
        yield address


@contextlib.contextmanager
def _served(command, environment, log_path: Path, address: str, probe: str):
    log = log_path.open("wb")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(f"{address}{probe}", server)
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
        assert server.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server did not answer")


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


def shut_kernel(page) -> None:
    """End the kernel of the notebook that is shown, so that it takes nothing from the tests after it."""
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")


def set_theme(page, name: str) -> None:
    """Switch the theme and wait until the page shows it."""
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    light = "false" if "Dark" in name else "true"
    page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'", timeout=20_000)
    # The style sheet arrives after the attribute: until then the background is that of the theme before.
    page.wait_for_function(
        """light => {
            const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            const colour = getComputedStyle(document.body).getPropertyValue('--jp-layout-color0');
            if (!colour.trim()) return false;
            pen.fillStyle = colour;
            pen.fillRect(0, 0, 1, 1);
            return (pen.getImageData(0, 0, 1, 1).data[1] > 127) === light;
        }""",
        arg=light == "true",
        timeout=20_000,
    )
    settled(page)


# Every chart that is seen is drawn: in its width, in the colours of the theme, with nothing left to draw.
_SETTLED = """() => [...document.querySelectorAll('.osw-stage')].every(stage => {
    const plot = stage.osPlot;
    if (!stage.clientWidth) return true;
    if (!plot || !plot.width || !plot.colours || plot.asked || plot.askedOver) return false;
    plot.probe.style.color = 'var(--osw-text)';
    return plot.width === stage.clientWidth && getComputedStyle(plot.probe).color === plot.colours.text;
})"""


def settled(page, seconds: float = 20.0) -> None:
    """Wait until every chart is drawn as the page is now."""
    page.wait_for_function(_SETTLED, timeout=seconds * 1000)
    # Two frames: a change of size reaches the charts in the first and is drawn in the second.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_function(_SETTLED, timeout=seconds * 1000)


# Texts of the widgets whose contrast with what lies behind them is below 4.5:1.
FAINT = """() => {
    const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const parse = text => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = text;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const linear = c => (c / 255 <= .03928 ? c / 255 / 12.92 : ((c / 255 + .055) / 1.055) ** 2.4);
    const light = rgb => .2126 * linear(rgb[0]) + .7152 * linear(rgb[1]) + .0722 * linear(rgb[2]);
    const found = [];
    const texts = '.osw button, .osw td, .osw th, .osw p, .osw label, .osw h3, .osw small, .osw caption, .osw li';
    for (const node of document.querySelectorAll(texts)) {
        if (!node.innerText || !node.offsetWidth || node.disabled) continue;
        let behind = node, back = [0, 0, 0, 0];
        while (behind && back[3] < 250) {
            back = parse(getComputedStyle(behind).backgroundColor);
            behind = behind.parentElement;
        }
        const [a, b] = [light(parse(getComputedStyle(node).color)), light(back)].sort((x, y) => y - x);
        const contrast = (a + .05) / (b + .05);
        if (contrast < 4.5) found.push([node.tagName, node.innerText.slice(0, 30), contrast]);
    }
    return found;
}"""


def violations(page) -> list[tuple[str, str]]:
    """What axe calls serious or critical in the widgets of a page: rule and element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=".osw").response["violations"]
    return [
        (one["id"], node["html"][:200])
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"][:3]
    ]


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells."""
    made = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for n, text in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(
        json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8"
    )


def watched(browser, width: int = 1280, height: int = 1400):
    """Return a new page that remembers its console errors and every address it asked for."""
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.errors, tab.requests = [], []
    tab.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("request", lambda request: tab.requests.append(request.url))
    return tab


def complaints(page) -> list[str]:
    """Console errors that are ours: a missing favicon or a closed web socket is not."""
    known = re.compile(r"favicon|WebSocket|websocket|language ?pack|translation", re.IGNORECASE)
    return [text for text in page.errors if not known.search(text)]


def foreign(page, address: str) -> list[str]:
    """Requests that left the server."""
    return [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]


def launch(play):
    """Start the system's Chromium."""
    return play.chromium.launch(
        executable_path=browser_path(),
        args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"],
    )


def cell(page, place: int):
    """Return the outputs of a cell, by its place."""
    return page.locator(".jp-Notebook > .jp-Cell, .jp-WindowedPanel-viewport > .jp-Cell").nth(place)


def widget_at(page, place: int):
    """The widget at a place of the page."""
    return page.locator(".osw").nth(place)


def stage_of(page, place: int):
    """The drawing of the widget at a place, in view and at rest."""
    stage = widget_at(page, place).locator(".osw-stage").first
    stage.scroll_into_view_if_needed()
    settled(page)
    return stage


def until(node, condition: str, arg=None, seconds: float = 90.0) -> None:
    """Wait until `condition`, a function of the element in JavaScript, holds."""
    handle = node.element_handle()
    node.page.wait_for_function(f"([node, arg]) => ({condition})(node, arg)", arg=[handle, arg], timeout=seconds * 1000)


def says(node, text: str, seconds: float = 90.0) -> None:
    """Wait until an element contains a text."""
    until(node, "(node, text) => node.innerText.includes(text)", text, seconds)
