"""The dashboard served by Voila, for people who write no code."""

import os
from pathlib import Path

import pytest

from browser.lab import browser_path, complaints, dashboard, foreign, launch, watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = Path(os.environ.get("OUTSAMPLE_SCREENSHOTS", "build/screenshots"))
SOURCE = "fast = 20  # 5..60, days\nclose = data.get('close')\nposition = close > close.average(fast)\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The dashboard over a store with two results."""
    if browser_path() is None:
        assert os.environ.get("CI") != "true", "no Chromium: CI must have one"
        pytest.skip("no Chromium on this machine: install the package chromium")
    from playwright.sync_api import sync_playwright

    import outsample
    from outsample.archive import Store

    folder = tmp_path_factory.mktemp("dashboard")
    (folder / ".home").mkdir()
    with Store.open(folder / ".home" / "store.db") as store:
        for fast in (10, 30):
            made = outsample.backtest(
                SOURCE, "synthetic:8x1000?seed=7", params={"fast": fast}, store=store, lookahead=False
            )
            store.save(made)
    with dashboard(folder) as (address, entrance), sync_playwright() as play:
        browser = launch(play)
        tab = watched(browser)
        tab.address = address
        tab.goto(entrance, wait_until="domcontentloaded")
        tab.locator(".osw").first.wait_for(timeout=60_000)
        yield tab
        browser.close()


def _shot(page, name):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / name), full_page=True)


def _tab(page, name):
    page.get_by_role("tab", name=name).click()
    page.wait_for_timeout(300)


def test_results_are_listed_and_opened(page):
    """The table shows the store; opening a row shows its chart and its days below."""
    _tab(page, "Results")
    assert page.locator(".osw tbody tr:visible").count() == 2
    page.get_by_role("button", name="Open strategy fast=10").click()
    page.get_by_role("heading", name="what happened on a day").wait_for(timeout=20_000)
    assert page.locator(".osw-stage:visible").count() == 2
    page.wait_for_timeout(500)
    _shot(page, "dashboard-light.png")


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_sticks_out(page, width):
    """Wide and narrow."""
    page.set_viewport_size({"width": width, "height": 1400})
    page.wait_for_timeout(800)
    for widget in page.locator(".osw:visible").all():
        assert widget.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    _shot(page, f"dashboard-light-{width}.png")


def test_axe_finds_no_serious_violation(page):
    """Names, roles, contrast and focus of the widgets."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=".osw")
    serious = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_nothing_came_from_elsewhere_and_the_console_is_quiet(page):
    """Works offline: every request went to this server; no errors in the console."""
    assert foreign(page, page.address) == []
    assert complaints(page) == []
