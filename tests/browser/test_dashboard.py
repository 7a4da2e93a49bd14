"""The dashboard served by Voila, for people who write no code."""

import os
from pathlib import Path

import pytest

from browser.lab import browser_path, complaints, dashboard, foreign, launch, watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = Path(os.environ.get("OUTSAMPLE_SCREENSHOTS", "build/screenshots")).resolve()
SOURCE = "fast = 20  # 5..60, days\nclose = data.get('close')\nposition = close > close.average(fast)\n"
DATA = "synthetic:8x1000?seed=7"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The dashboard over a store with two results."""
    if browser_path() is None:
        assert os.environ.get("CI") != "true", "no Chromium: CI must have one"
        pytest.skip("no Chromium on this machine: install the package chromium")
    from playwright.sync_api import sync_playwright

    import outsample
    from outsample.archive import Store
    from outsample.golden import record_golden

    folder = tmp_path_factory.mktemp("dashboard")
    (folder / ".home").mkdir()
    with Store.open(folder / ".home" / "store.db") as store:
        for fast in (10, 30):
            store.save(outsample.backtest(SOURCE, DATA, params={"fast": fast}, store=store, lookahead=False))
    file = folder / "cross.py"
    file.write_text(SOURCE.replace("20", "30"), encoding="utf-8")
    made = outsample.backtest(outsample.Strategy.from_file(file), DATA, store=False, lookahead=False)
    record_golden(made, "cross", reason="first", folder=folder / "golden", strategy_file=file)
    file.write_text(SOURCE, encoding="utf-8")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("OUTSAMPLE_ROLE", "admin")
    monkeypatch.setenv("OUTSAMPLE_JOB_IDLE", "8")
    monkeypatch.chdir(folder)
    with dashboard(folder) as (address, entrance), sync_playwright() as play:
        browser = launch(play)
        tab = watched(browser)
        tab.address = address
        tab.goto(entrance, wait_until="domcontentloaded")
        tab.locator(".osw").first.wait_for(timeout=60_000)
        yield tab
        browser.close()
    monkeypatch.undo()


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
    page.get_by_role("heading", name="what happened on a day").wait_for(timeout=60_000)
    assert page.locator(".osw-stage:visible").count() == 2
    page.wait_for_timeout(500)
    _shot(page, "dashboard-light.png")


def test_a_form_shows_findings_sends_and_opens_the_result(page):
    """Paste a strategy, see its findings, mend it, send it, watch it, read its report and chart."""
    _tab(page, "Send")
    source = page.locator("textarea")
    source.fill("import os\n" + SOURCE)
    page.locator("li", has_text="Line 1, error").first.wait_for(timeout=5000)
    assert page.get_by_role("button", name="Send", exact=True).is_disabled()
    source.fill(SOURCE)
    page.get_by_text("No findings").wait_for(timeout=5000)
    page.get_by_label("Name", exact=True).fill("from the form")
    page.locator("input[data-name=fast]").fill("25")
    page.get_by_label("Dataset").first.fill("synthetic:8x1000?seed=7")
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Sent: job").wait_for(timeout=10_000)
    row = page.locator("tr", has_text="from the form")
    row.get_by_text("completed", exact=True).first.wait_for(timeout=90_000)
    page.get_by_role("heading", name="from the form: equity").wait_for(timeout=60_000)
    assert page.locator(".outsample", has_text="Sharpe ratio").count() == 1
    page.wait_for_timeout(500)
    _shot(page, "dashboard-form.png")


def test_a_sweep_is_sent_and_its_table_opened(page):
    """What to run brings its own fields; the finished job shows its table."""
    page.get_by_label("What to run").select_option("walk_forward")
    assert page.get_by_label("Train on").is_visible()
    page.get_by_label("What to run").select_option("sweep")
    assert page.get_by_label("Train on").is_hidden()
    page.get_by_label("Values of parameters to try").fill("fast=10,25")
    page.get_by_label("Name", exact=True).fill("two averages")
    page.get_by_role("button", name="Send", exact=True).click()
    row = page.locator("tr", has_text="two averages")
    row.get_by_text("completed", exact=True).first.wait_for(timeout=90_000)
    row.get_by_role("button", name="Open").click()
    page.locator("caption", has_text="two averages: sweep").wait_for(timeout=10_000)
    page.get_by_label("What to run").select_option("backtest")


def test_a_running_job_is_cancelled(page):
    """A strategy that never ends: cancel, and see it cancelled."""
    page.locator("textarea").fill("close = data.get('close')\nwhile True:\n    pass\n" + SOURCE)
    page.get_by_text("No findings").wait_for(timeout=5000)
    page.get_by_label("Name", exact=True).fill("endless")
    page.get_by_role("button", name="Send", exact=True).click()
    row = page.locator("tr", has_text="endless")
    row.get_by_text("running", exact=True).first.wait_for(timeout=60_000)
    assert row.get_by_role("progressbar").count() == 1
    row.get_by_role("button", name="Cancel").click()
    row.get_by_text("cancelled", exact=True).first.wait_for(timeout=60_000)
    assert row.get_by_role("button", name="Run again").is_visible()


def test_a_job_that_fails_for_memory_says_so_and_is_sent_again(page):
    """The row names memory; sent again with more of it, it completes."""
    hungry = "import numpy as np\nheap = np.ones(30_000_000)\n" + SOURCE
    page.locator("textarea").fill(hungry)
    page.get_by_text("No findings").wait_for(timeout=5000)
    page.get_by_label("Name", exact=True).fill("hungry")
    page.get_by_label("Memory, MB").fill("100")
    page.get_by_role("button", name="Send", exact=True).click()
    row = page.locator("tr", has_text="hungry")
    row.get_by_text("failed", exact=True).first.wait_for(timeout=90_000)
    assert "MEMORY" in row.inner_text()
    page.get_by_label("Memory, MB").fill("1000")
    page.get_by_role("button", name="Send", exact=True).click()
    row.get_by_text("completed", exact=True).first.wait_for(timeout=90_000)
    assert row.locator("td", has_text="2").count() >= 1


def test_a_golden_result_is_checked_and_accepted_with_a_reason(page):
    """The file changed since: the drift is shown, and accepted once a reason is given."""
    _tab(page, "Goldens")
    page.get_by_role("button", name="Check cross").click()
    page.get_by_role("heading", name="cross: DRIFTED").wait_for(timeout=60_000)
    accept = page.get_by_role("button", name="Accept as the new golden")
    assert accept.is_disabled()
    _shot(page, "dashboard-golden.png")
    page.get_by_label("Reason").fill("a shorter average")
    accept.click()
    page.get_by_text("is accepted by").wait_for(timeout=60_000)
    page.get_by_role("button", name="Check cross").click()
    page.get_by_role("heading", name="cross: SAME").wait_for(timeout=60_000)


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_sticks_out(page, width):
    """Wide and narrow."""
    page.set_viewport_size({"width": width, "height": 1400})
    page.wait_for_timeout(800)
    for widget in page.locator(".osw:visible").all():
        assert widget.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    _shot(page, f"dashboard-light-{width}.png")


@pytest.mark.parametrize("tab", ["Send", "Results", "Goldens"])
def test_axe_finds_no_serious_violation(page, tab):
    """Names, roles, contrast and focus of the widgets."""
    from axe_playwright_python.sync_playwright import Axe

    _tab(page, tab)
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


def test_it_is_readable_in_the_dark_theme(page):
    """The page asks for the dark theme; charts and tables follow it."""
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.goto(f"{page.address}/?theme=dark", wait_until="domcontentloaded")
    page.locator(".osw").first.wait_for(timeout=60_000)
    assert page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    _tab(page, "Results")
    page.get_by_role("button", name="Open strategy fast=10").click()
    page.get_by_role("heading", name="what happened on a day").wait_for(timeout=60_000)
    page.wait_for_timeout(700)
    light = "one => getComputedStyle(one).color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, c) => sum + Number(c), 0)"
    assert page.locator(".osw td:visible").first.evaluate(light) > 600
    _shot(page, "dashboard-dark.png")
