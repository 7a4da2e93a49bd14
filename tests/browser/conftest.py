"""One Chromium and one JupyterLab for every test that looks at a page; servers for the dashboard."""

import json
import os
from pathlib import Path

import pytest

from browser.lab import browser_path, jupyter_lab, launch
from jobs.redis_server import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]

PICTURES = Path(os.environ.get("OUTSAMPLE_SCREENSHOTS", "build/screenshots")).resolve()


@pytest.fixture(scope="session")
def chromium():
    """The system's Chromium, without a window."""
    if browser_path() is None:
        assert os.environ.get("CI") != "true", "no Chromium: CI must have one"
        pytest.skip("no Chromium on this machine: install the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = launch(play)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The folder that a JupyterLab serves, and its address."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyter_lab(folder) as address:
        yield folder, address


@pytest.fixture(scope="session")
def pictures():
    """Where screenshots are kept; those of an earlier run are overwritten."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES


@pytest.fixture(scope="session")
def noted(pictures):
    """Keep a measured figure beside the screenshots."""

    def note(name, value):
        path = pictures / "figures.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**known, name: value}, indent=1) + "\n", encoding="utf-8")

    return note
