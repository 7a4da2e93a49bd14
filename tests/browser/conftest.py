"""One JupyterLab for every test that looks at a page; servers for the dashboard."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from browser.lab import jupyter_lab
from jobs.redis_server import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]

PICTURES = Path(os.environ.get("OUTSAMPLE_SCREENSHOTS", "build/screenshots")).resolve()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep a picture of the page that a test failed on."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.failed and hasattr(page, "screenshot"):
        from playwright.sync_api import Error

        PICTURES.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Error):  # of a page that is gone
            page.screenshot(path=str(PICTURES / f"failed-{item.name}.png".replace("/", "-")), full_page=True)
    return report
