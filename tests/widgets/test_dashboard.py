"""`dashboard` and ``outsample dashboard``: the application, and the command that serves it."""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest

import outsample_widgets
from outsample.archive import Store
from outsample.cli.dashboard import add, command_line
from outsample.errors import MissingExtra
from outsample_widgets import dashboard

ROOT = Path(__file__).parents[2]


def _parsed(*words):
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers())
    return parser.parse_args(["dashboard", *words])


def test_it_listens_on_loopback_with_a_token():
    """Nobody else on the network, and nobody else on the machine, may run strategies through it."""
    words = command_line(_parsed("--port", "8999", "--no-browser"), "x.ipynb")
    assert "--Voila.ip=127.0.0.1" in words
    assert "--Voila.auto_token=True" in words
    assert "--port=8999" in words
    assert "--no-browser" in words


def test_a_missing_voila_names_its_extra(monkeypatch):
    """The message says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    parsed = _parsed()
    with pytest.raises(MissingExtra) as found:
        parsed.command(parsed)
    assert "outsample[lab]" in found.value.hint


def test_the_notebook_of_the_package_is_that_of_the_repository():
    """`voila notebooks/dashboard.ipynb` and `outsample dashboard` serve the same."""
    ours = Path(outsample_widgets.__file__).with_name("dashboard.ipynb")
    assert ours.read_bytes() == (ROOT / "notebooks" / "dashboard.ipynb").read_bytes()


def test_the_template_of_the_notebook_is_installed_where_voila_looks():
    """A plain Voila knows the folders of Jupyter's data, not the package: the wheel puts the template there."""
    shown = json.loads((ROOT / "notebooks" / "dashboard.ipynb").read_text(encoding="utf-8"))
    name = shown["metadata"]["voila"]["template"]
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    (source,) = [ours for ours, place in wheel["wheel"]["shared-data"].items() if place == "share/jupyter"]
    folder = Path(outsample_widgets.__file__).parent / Path(source).relative_to("widgets/outsample_widgets")
    assert (folder / "voila" / "templates" / name / "index.html.j2").is_file()


def test_a_result_is_opened_below_the_table(tmp_path, result, asked):
    """Chart and days of the saved result; opening another replaces them."""
    with Store.open(tmp_path / "store.db") as store:
        store.save(result)
        made = dashboard(store, folder=tmp_path)
        for _ in range(2):
            asked(made._runs, "open", key=result.key)
            assert len(made._opened.children) == 2


def test_relative_names_begin_where_the_command_was_called(tmp_path, monkeypatch):
    """The kernel starts in the folder of the notebook, which is not the user's."""
    before = Path.cwd()
    monkeypatch.setenv("OUTSAMPLE_DASHBOARD_FOLDER", str(tmp_path))
    monkeypatch.chdir(before)
    with Store.open(tmp_path / "store.db") as store:
        dashboard(store)
        assert Path.cwd() == tmp_path


def test_every_widget_is_public():
    """Those of the documentation, and no others."""
    names = {"chart", "dashboard", "explain_day", "explore", "fan", "folds", "golden", "jobs", "runs", "submit"}
    assert set(outsample_widgets.__all__) == names
    assert all(callable(getattr(outsample_widgets, name)) for name in names)


@pytest.mark.slow
def test_ending_the_command_ends_the_server(tmp_path):
    """SIGTERM to `outsample dashboard` reaches the server that it started; nothing stays behind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "outsample", "dashboard", "--no-browser", f"--port={port}"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, "the server did not start"
            assert process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        (server,) = psutil.Process(process.pid).children()
        process.terminate()
        assert process.wait(20) == 0
        assert not server.is_running()
    finally:
        process.kill()
        process.wait()
