"""The dashboard served by Voila, for people who write no code."""

import os
import shutil
import subprocess
import sys

import pytest

import outsample
from browser.lab import FAINT, complaints, dashboard, foreign, settled, violations, watched
from outsample.archive import Store
from outsample.golden import record_golden

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SOURCE = "fast = 20  # 5..60, days\nclose = data.get('close')\nposition = close > close.average(fast)\n"
DATA = "synthetic:8x1000?seed=7"
TABS = ["Send", "Results", "Goldens"]
BACKENDS = ["local", "rq"]
# A job is what it computes, whoever sends it where: each backend gets a strategy of its own.
OWN = {"local": SOURCE, "rq": SOURCE.replace("20", "21")}
WAIT = 90_000  # ms, for a job with its processes on a busy machine


def _prepare(folder):
    """A store with two results, and a golden result whose strategy has changed since."""
    (folder / ".home").mkdir()
    with Store.open(folder / ".home" / "store.db") as store:
        for fast in (10, 30):
            store.save(outsample.backtest(SOURCE, DATA, params={"fast": fast}, store=store, lookahead=False))
    file = folder / "cross.py"
    file.write_text(SOURCE.replace("20", "30"), encoding="utf-8")
    made = outsample.backtest(outsample.Strategy.from_file(file), DATA, store=False, lookahead=False)
    record_golden(made, "cross", reason="first", folder=folder / "golden", strategy_file=file)
    file.write_text(SOURCE, encoding="utf-8")


@pytest.fixture(scope="module")
def page(request, chromium, tmp_path_factory):
    """The dashboard over a store with two results."""
    folder = tmp_path_factory.mktemp("dashboard")
    _prepare(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_ROLE", "admin")
        patch.setenv("OUTSAMPLE_JOB_IDLE", "8")
        if shutil.which("redis-server"):
            patch.setenv("OUTSAMPLE_REDIS_URL", request.getfixturevalue("redis_server").url)
        patch.chdir(folder)
        with dashboard(folder) as (address, entrance):
            tab = watched(chromium)
            tab.address, tab.entrance, tab.folder = address, entrance, folder
            tab.goto(entrance, wait_until="domcontentloaded")
            tab.locator(".osw").first.wait_for(timeout=WAIT)
            yield tab
            tab.close()


@pytest.fixture(scope="module")
def worker(page, redis_server):
    """A worker of the queue, as somebody's server runs it."""
    environment = {
        **os.environ,
        "OUTSAMPLE_STORE": str(page.folder / ".home" / "store.db"),
        "OUTSAMPLE_REDIS_URL": redis_server.url,
    }
    with (page.folder / "worker.log").open("wb") as log:
        made = subprocess.Popen([sys.executable, "-m", "outsample", "worker"], env=environment, stdout=log, stderr=log)
        yield made
        made.terminate()
        made.wait(30)


@pytest.fixture(params=BACKENDS)
def backend(request):
    """Where a job runs: beside the dashboard, or with a worker that takes it from Redis."""
    if request.param == "rq":
        request.getfixturevalue("worker")
    return request.param


def _tab(page, name):
    tab = page.get_by_role("tab", name=name)
    tab.click()
    page.wait_for_function("tab => tab.getAttribute('aria-selected') === 'true'", arg=tab.element_handle())
    settled(page)


def _shot(page, pictures, name):
    settled(page)
    page.screenshot(path=str(pictures / name), full_page=True)


def _write(page, source, **fields):
    """Fill in the form, and wait for its findings."""
    _tab(page, "Send")
    page.locator("textarea").fill(source)
    page.get_by_text("No findings").wait_for(timeout=WAIT)
    page.wait_for_function("() => !document.querySelector('.osw form button[type=submit]').disabled", timeout=WAIT)
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).first.fill(value)


def _send(page, backend):
    page.get_by_label("Backend").select_option(backend)
    page.get_by_role("button", name="Send", exact=True).click()


def _row(page, name):
    return page.locator("tbody tr:visible", has=page.get_by_role("cell", name=name, exact=True))


def _becomes(row, status):
    row.get_by_role("cell", name=status, exact=True).first.wait_for(timeout=WAIT)


def test_results_are_listed_and_opened(page):
    """The table shows the store; opening a row shows its chart and its days below."""
    _tab(page, "Results")
    assert page.locator(".osw tbody tr:visible").count() == 2
    page.get_by_role("button", name="Open strategy fast=10").click()
    page.get_by_role("heading", name="what happened on a day").wait_for(timeout=WAIT)
    settled(page)
    assert page.locator(".osw-stage:visible").count() == 2


def test_findings_keep_a_strategy_from_being_sent(page):
    """The line and the rule are shown while it is written, and the button waits until they are mended."""
    _tab(page, "Send")
    page.locator("textarea").fill("import os\n" + SOURCE)
    page.locator("li", has_text="Line 1, error").first.wait_for(timeout=WAIT)
    assert page.get_by_role("button", name="Send", exact=True).is_disabled()
    _write(page, SOURCE)
    assert page.get_by_role("button", name="Send", exact=True).is_enabled()


def test_parameters_follow_the_source_until_they_are_typed(page):
    """A new value in the source reaches its field; a typed one stays while the source says the same."""
    field = page.locator("input[data-name=fast]")
    _write(page, SOURCE.replace("20", "22"))
    page.wait_for_function("node => node.value === '22'", arg=field.element_handle(), timeout=WAIT)
    field.fill("33")
    _write(page, SOURCE.replace("20", "22") + "other = 1\n")
    page.locator("input[data-name=other]").wait_for(timeout=WAIT)
    assert field.input_value() == "33"
    _write(page, SOURCE)
    page.locator("input[data-name=other]").wait_for(state="detached", timeout=WAIT)
    assert field.input_value() == "20"


def test_a_form_is_sent_and_its_result_opened(page, pictures, backend):
    """Fill in the form, send it, watch its row, read report and chart of the result."""
    name = f"by form, {backend}"
    _write(page, OWN[backend], Name=name, Dataset=DATA)
    page.locator("input[data-name=fast]").fill("25" if backend == "local" else "26")
    _send(page, backend)
    page.get_by_text("Sent: job").wait_for(timeout=WAIT)
    _becomes(_row(page, name), "completed")
    page.get_by_role("heading", name=f"{name}: equity").wait_for(timeout=WAIT)
    assert page.locator(".outsample", has_text="Sharpe ratio").count() == 1
    assert page.locator(".osw-stage:visible").count() == 1
    _shot(page, pictures, f"dashboard-form-{backend}.png")


def test_a_sweep_is_sent_and_its_table_opened(page):
    """What to run brings its own fields; the finished job shows its table."""
    _write(page, SOURCE, Name="two averages")
    page.get_by_label("What to run").select_option("walk_forward")
    assert page.get_by_label("Train on").is_visible()
    page.get_by_label("What to run").select_option("sweep")
    assert page.get_by_label("Train on").is_hidden()
    page.get_by_label("Values of parameters to try").fill("fast=10,25")
    _send(page, "local")
    row = _row(page, "two averages")
    _becomes(row, "completed")
    row.get_by_role("button", name="Open").click()
    page.locator("caption", has_text="two averages: sweep").wait_for(timeout=WAIT)
    page.get_by_label("What to run").select_option("backtest")


def test_a_running_job_is_cancelled(page, backend):
    """A strategy that never ends: its progress is shown, its button ends it, and it is seen to be cancelled."""
    name = f"endless, {backend}"
    _write(page, "while True:\n    pass\n" + OWN[backend], Name=name)
    _send(page, backend)
    row = _row(page, name)
    _becomes(row, "running")
    assert row.get_by_role("progressbar").count() == 1
    row.get_by_role("button", name="Cancel").click()
    _becomes(row, "cancelled")
    assert row.get_by_role("button", name="Run again").is_visible()


def test_a_job_that_fails_for_memory_says_so_and_is_sent_again(page, backend):
    """The row names memory; sent again with more of it, it is the second attempt and completes."""
    name = f"hungry, {backend}"
    _write(page, "import numpy as np\nheap = np.ones(30_000_000)\n" + OWN[backend], Name=name)
    page.get_by_label("Memory, MB").fill("100")
    _send(page, backend)
    row = _row(page, name)
    _becomes(row, "failed")
    assert "MEMORY" in row.inner_text()
    page.get_by_label("Memory, MB").fill("1000")
    page.get_by_role("button", name="Send", exact=True).click()
    _becomes(row, "completed")
    assert row.get_by_role("cell", name="2", exact=True).count() == 1
    page.get_by_label("Memory, MB").fill("500")


def test_a_failed_job_is_run_again_by_its_button(page):
    """A key that is missing: the row says which; its button makes the next attempt."""
    _write(page, "position = data.get('clos')\n", Name="misspelt")
    _send(page, "local")
    row = _row(page, "misspelt")
    _becomes(row, "failed")
    assert "DATA_MISSING" in row.inner_text()
    row.get_by_role("button", name="Run again").click()
    row.get_by_role("cell", name="2", exact=True).wait_for(timeout=WAIT)
    _becomes(row, "failed")


def test_what_was_sent_is_among_the_results(page):
    """The table of results is fetched again when its tab is opened."""
    _tab(page, "Results")
    _row(page, "by form, local").wait_for(timeout=WAIT)


def test_a_golden_result_is_checked_and_accepted_with_a_reason(page, pictures):
    """The file changed since: the drift is shown, and accepted once a reason is given."""
    _tab(page, "Goldens")
    page.get_by_role("button", name="Check cross").click()
    page.get_by_role("heading", name="cross: DRIFTED").wait_for(timeout=WAIT)
    accept = page.get_by_role("button", name="Accept as the new golden")
    assert accept.is_disabled()
    _shot(page, pictures, "dashboard-golden.png")
    page.get_by_label("Reason").fill("a shorter average")
    accept.click()
    page.get_by_text("is accepted by").wait_for(timeout=WAIT)
    page.get_by_role("button", name="Check cross").click()
    page.get_by_role("heading", name="cross: SAME").wait_for(timeout=WAIT)


def _looked_at(page, pictures, theme):
    """Every tab, wide and narrow: nothing sticks out, text is readable."""
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 1400})
        for name in TABS:
            _tab(page, name)
            for widget in page.locator(".osw:visible").all():
                assert widget.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), (theme, width, name)
            _shot(page, pictures, f"dashboard-{name.lower()}-{theme}-{width}.png")
            if theme != "high-contrast":  # there the system puts its colours behind the text
                assert page.evaluate(FAINT) == []
    page.set_viewport_size({"width": 1280, "height": 1400})


def test_it_is_readable_light_and_in_high_contrast(page, pictures):
    """Wide and narrow; in the second the page follows the colours of the system."""
    _looked_at(page, pictures, "light")
    page.emulate_media(forced_colors="active", contrast="more")
    _looked_at(page, pictures, "high-contrast")
    page.emulate_media(forced_colors="null", contrast="null")


def test_axe_finds_no_serious_violation(page):
    """Names, roles, contrast and focus of the widgets of each tab."""
    for name in TABS:
        _tab(page, name)
        assert violations(page) == []


def test_nothing_came_from_elsewhere_and_the_console_is_quiet(page):
    """Works offline: every request went to this server; no errors in the console."""
    assert foreign(page, page.address) == []
    assert complaints(page) == []


def test_it_is_readable_in_the_dark_theme(page, pictures):
    """The page asks for the dark theme; charts and tables follow it."""
    page.goto(f"{page.address}/?theme=dark", wait_until="domcontentloaded")
    page.locator(".osw").first.wait_for(timeout=WAIT)
    assert page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    _tab(page, "Results")
    page.get_by_role("button", name="Open strategy fast=10").click()
    page.get_by_role("heading", name="what happened on a day").wait_for(timeout=WAIT)
    _looked_at(page, pictures, "dark")
