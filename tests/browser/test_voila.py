"""The widgets and the dashboard in a Voila that nobody has configured: by mouse, by keyboard, in every theme."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

import outsample
from browser.full_store import JOBS, RUNS, SOURCE, fill
from browser.lab import (
    FAINT,
    complaints,
    foreign,
    plain_voila,
    says,
    settled,
    stage_of,
    until,
    violations,
    watched,
    widget_at,
    write_notebook,
)
from outsample.golden import record_golden

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DASHBOARD = Path(__file__).parents[2] / "notebooks" / "dashboard.ipynb"
DATA = "synthetic:8x1000?seed=7"
WAIT = 90_000  # ms, on a busy machine
SETUP = f'''
import outsample
from IPython.display import display
from outsample.archive import Store
from outsample_widgets import chart, explain_day, explore, fan, folds, golden, jobs, runs, submit
source = """{SOURCE}"""
data = outsample.load('{DATA}')
store = Store.open()
result = store.load(store.runs().query('result_path.notna()')['result_key'].iloc[0])
gone = Store.open('gone/store.db')
'''
CELLS = {
    "chart": "chart(result)",
    "explore": "explore(source, data, store=False)",
    "explain-day": "explain_day(result)",
    "fan": "fan(outsample.bootstrap(result, n_paths=200))",
    "folds": "folds(outsample.walk_forward(source, data, {'fast': [20, 40]}, train='2Y', test='1Y', store=False))",
    "runs": "runs(store)",
    "jobs": "jobs(store)",
    "golden": "golden(folder='golden')",
    "gone": "display(runs(gone))\ndisplay(jobs(gone))\ngone.close()",
}
# Outputs that are higher than their place on the page: what is in them is cut off.
CUT = """() => [...document.querySelectorAll('.jp-OutputArea-output')].filter(one => one.offsetHeight
    && one.scrollHeight > one.offsetHeight + 1).map(one => one.innerText.slice(0, 40))"""
CHART, EXPLORE, DAYS, FAN, FOLDS, RUNS_TABLE, JOBS_TABLE, GOLDEN, GONE_RUNS, GONE_JOBS = range(10)
WIDGETS = 10


def _prepare(folder):
    """A store of some weeks, two goldens whose strategies have changed since, and the two notebooks."""
    (folder / ".home").mkdir()
    fill(folder / ".home" / "store.db", outsample.load(DATA))
    for name in ("cross", "taken"):
        file = folder / f"{name}.py"
        file.write_text(SOURCE, encoding="utf-8")
        made = outsample.backtest(outsample.Strategy.from_file(file), DATA, store=False, lookahead=False)
        record_golden(made, name, reason="first", folder=folder / "golden", strategy_file=file)
        file.write_text(SOURCE.replace("fast = 50", "fast = 20"), encoding="utf-8")
    shutil.copy(DASHBOARD, folder / "dashboard.ipynb")
    write_notebook(folder / "widgets.ipynb", [SETUP, *CELLS.values()])
    made = json.loads((folder / "widgets.ipynb").read_text(encoding="utf-8"))
    made["metadata"]["voila"] = {"template": "outsample"}
    (folder / "widgets.ipynb").write_text(json.dumps(made), encoding="utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The folder, and the address of a Voila that serves it."""
    folder = tmp_path_factory.mktemp("voila")
    _prepare(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_ROLE", "admin")
        with plain_voila(folder) as address:
            yield folder, address


def _opened(chromium, served, name, **options):
    tab = watched(chromium, height=2400)
    tab.folder, tab.address = served
    tab.emulate_media(**options)
    tab.goto(f"{tab.address}/voila/render/{name}", wait_until="commit", timeout=WAIT)
    return tab


@pytest.fixture(scope="module")
def page(chromium, served):
    """A page with every widget rendered."""
    tab = _opened(chromium, served, "widgets.ipynb")
    tab.wait_for_function(f"() => document.querySelectorAll('.osw').length === {WIDGETS}", timeout=WAIT)
    settled(tab)
    yield tab
    tab.close()


def _changes(widget, place, act):
    """Do something, and wait until the text at a place of the widget is another; returns it."""
    before = widget.locator(place).inner_text()
    act()
    # The element itself may be another by then.
    until(
        widget,
        "(node, [place, before]) => ![undefined, before].includes(node.querySelector(place)?.innerText)",
        [place, before],
    )
    return widget.locator(place).inner_text()


def test_every_widget_is_rendered_in_voila(page):
    """Each alone in its cell, over 200 runs and 50 jobs; the twins are hidden and nothing is wrong."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.os-twin')].every(one => getComputedStyle(one).display === 'none')"
    )
    assert page.locator(".os-twin").count() == WIDGETS
    assert page.evaluate(CUT) == []
    assert widget_at(page, RUNS_TABLE).locator("tbody tr").count() == RUNS
    assert widget_at(page, JOBS_TABLE).locator("tbody tr").count() == JOBS
    for place in range(GONE_RUNS):
        assert widget_at(page, place).locator(".osw-alert:visible").count() == 0


def test_widgets_are_driven_by_mouse_in_voila(page):
    """Zoom, select a range, drag a slider, click a day, choose a distribution and a window."""
    stage = stage_of(page, CHART)
    stage.focus()  # which may scroll
    box, whole = stage.bounding_box(), stage.evaluate("stage => stage.osPlot.view")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.wheel(0, -300)
    until(stage, "(stage, old) => stage.osPlot.view[1] - stage.osPlot.view[0] < 0.9 * (old[1] - old[0])", whole)
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 60, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    says(widget_at(page, CHART), "bars, net of costs")

    widget, stage = widget_at(page, EXPLORE), stage_of(page, EXPLORE)
    last = "stage => Array.from(stage.osPlot.panels[0].lines.at(-1).y.slice(-1))"
    equity, metrics = stage.evaluate(last), widget.locator("table").inner_text()
    slider = widget.locator("input[type=range]").first
    box = slider.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.45 * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], height, steps=8)
    page.mouse.up()
    says(widget.locator("[role=status]").first, f"fast={slider.input_value()},")
    assert stage.evaluate(last) != equity
    assert widget.locator("table").inner_text() != metrics

    widget, stage = widget_at(page, DAYS), stage_of(page, DAYS)
    box = stage.bounding_box()
    first = _changes(widget, "caption", lambda: page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 60))
    assert _changes(widget, "caption", widget.get_by_role("button", name="Day after").click) > first

    stage = stage_of(page, FAN)
    stage.hover(position={"x": 300, "y": 60})
    says(widget_at(page, FAN).locator(".osw-readout"), "median")
    widget_at(page, FOLDS).locator("g[role=button]").first.click()
    says(widget_at(page, FOLDS), "Window 1: chose")


def test_widgets_are_driven_by_keyboard_in_voila(page):
    """The same without a mouse; and a waiting job among fifty is cancelled."""
    widget, stage = widget_at(page, CHART), stage_of(page, CHART)
    stage.focus()
    for key in ("0", "Home", "ArrowRight"):
        page.keyboard.press(key)
    assert "growth 1.000" in widget.locator("[aria-live]").first.inner_text()

    widget = widget_at(page, EXPLORE)
    widget.get_by_role("button", name="Pin this").focus()
    page.keyboard.press("Enter")
    slider = widget.locator("input[type=range]").nth(1)
    old = int(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowLeft")
    says(widget.locator("[role=status]").first, f"slow={old - 1}")
    assert widget.locator("thead th").count() == 3

    stage_of(page, DAYS).focus()
    page.keyboard.press("Home")
    _changes(widget_at(page, DAYS), "caption", lambda: page.keyboard.press("Enter"))

    widget = widget_at(page, FAN)
    log = widget.get_by_role("button", name="Log scale")
    stage_of(page, FAN).focus()
    page.keyboard.press("l")
    assert log.get_attribute("aria-pressed") == "true"
    widget.get_by_role("combobox", name="Statistic").focus()
    _changes(widget, "figcaption", lambda: page.keyboard.press("ArrowDown"))

    bar = widget_at(page, FOLDS).locator("g[role=button]").last
    bar.focus()
    page.keyboard.press("Enter")
    until(bar, "node => node.getAttribute('aria-pressed') === 'true'")
    assert widget_at(page, FOLDS).locator("td", has_text="(chosen)").count() == 2

    widget = widget_at(page, JOBS_TABLE)
    widget.get_by_label("Status").select_option("pending")
    row = widget.locator("tbody tr").first
    name = row.locator("td").nth(1).inner_text()
    row.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    says(widget.locator("[role=status]").last, f"{name}, backtest")
    widget.get_by_label("Status").select_option("")
    row = widget.locator("tbody tr", has_text=name)
    row.get_by_text("cancelled", exact=True).first.wait_for(timeout=WAIT)


def test_runs_are_sorted_filtered_and_compared_by_keyboard(page):
    """By header, by text; two are selected and laid over each other."""
    widget = widget_at(page, RUNS_TABLE)
    header = widget.locator("th", has_text="Sharpe")
    header.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    widget.get_by_label("Filter").focus()
    page.keyboard.type("strategy")
    boxes = widget.locator("tbody input[type=checkbox]")
    assert boxes.count() == 3
    for place in (0, 2):
        boxes.nth(place).focus()
        page.keyboard.press("Space")
    widget.get_by_role("button", name="Compare selected (2)").focus()
    page.keyboard.press("Enter")
    says(widget, "paired block bootstrap")
    assert widget.locator(".osw-stage").count() == 1


def test_a_golden_result_is_accepted_with_a_reason_by_keyboard(page):
    """Checked, its reason typed, accepted; then it is the same."""
    widget = widget_at(page, GOLDEN)
    check = widget.get_by_role("button", name="Check cross")
    check.focus()
    page.keyboard.press("Enter")
    says(widget, "cross: DRIFTED")
    widget.get_by_label("Reason").focus()
    page.keyboard.type("a shorter average")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(widget, "is accepted by")
    check.focus()
    page.keyboard.press("Enter")
    says(widget, "cross: SAME")


def test_what_goes_wrong_is_read_in_the_widget(page):
    """A date without a bar, a golden that was removed, a store that is gone: text where it happened."""
    days = widget_at(page, DAYS)
    days.get_by_label("Day", exact=True).fill("1990-01-01")
    says(days.locator(".osw-alert"), "The first bar is")
    days.get_by_role("button", name="Day after").click()
    days.locator(".osw-alert").wait_for(state="hidden", timeout=WAIT)
    goldens = widget_at(page, GOLDEN)
    goldens.get_by_role("button", name="Check taken").click()
    says(goldens, "taken: DRIFTED")
    (page.folder / "golden" / "taken.json").unlink()
    goldens.get_by_label("Reason").fill("too late")
    goldens.get_by_role("button", name="Accept as the new golden").click()
    says(goldens.locator(".osw-alert"), "taken.json cannot be read")
    table = widget_at(page, GONE_RUNS)
    table.get_by_role("button", name="Refresh").click()
    says(table.locator(".osw-alert"), "is closed")
    says(widget_at(page, GONE_JOBS).locator(".osw-alert"), "is closed")


# A model that answers when told to, and the errors that a widget would show.
TOLD = """async source => {
    const { Line } = await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
    let hear = null, shown = null;
    const line = new Line({ on: (_, listener) => { hear = listener; }, send() {} }, problem => { shown = problem; });
    const after = [];
    const answered = (kind, error) => {
        line.ask(kind);
        hear({ id: line.next - 1, error });
        after.push(shown && shown.error);
    };
    answered('cancel', 'it has ended');
    answered('list');
    answered('list', 'no store');
    answered('retry');
    answered('list', 'no store');
    answered('list');
    return after;
}"""


def test_the_error_of_a_button_outlives_the_next_list(chromium):
    """A table that fetches itself every second neither wipes away nor replaces why a job was not cancelled."""
    tab = chromium.new_page()
    source = files("outsample_widgets").joinpath("static", "dom.js").read_text(encoding="utf-8")
    assert tab.evaluate(TOLD, source) == ["it has ended"] * 3 + [None, "no store", None]
    tab.close()


def _looked_at(page, pictures, theme):
    """Every widget, wide and narrow: nothing sticks out, text is readable."""
    for width, height in ((1280, 2600), (800, 4200)):  # from the chart to the windows
        page.set_viewport_size({"width": width, "height": height})
        settled(page)
        assert page.evaluate(CUT) == []
        for place, widget in enumerate(page.locator(".osw").all()):
            assert widget.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), (theme, width, place)
        widget_at(page, CHART).scroll_into_view_if_needed()
        page.screenshot(path=str(pictures / f"voila-{theme}-{width}.png"))
        if theme != "high-contrast":  # there the system puts its colours behind the text
            assert page.evaluate(FAINT) == []


def test_widgets_are_readable_light_and_in_high_contrast_in_voila(page, pictures):
    """Wide and narrow; in the second the page follows the colours of the system."""
    _looked_at(page, pictures, "light")
    page.emulate_media(forced_colors="active", contrast="more")
    _looked_at(page, pictures, "high-contrast")
    page.emulate_media(forced_colors="null", contrast="null")
    page.set_viewport_size({"width": 1280, "height": 2400})


def test_axe_finds_no_serious_violation_in_voila(page):
    """Names, roles, contrast and focus of every widget."""
    assert violations(page) == []


def test_nothing_came_from_elsewhere_and_the_console_is_quiet(page):
    """Every request went to this server; no errors in the console."""
    assert foreign(page, page.address) == []
    assert complaints(page) == []


def test_widgets_are_readable_in_the_dark_theme_of_voila(chromium, served, pictures):
    """A page of its own, since Voila has a theme from the start; quiet and served from here too."""
    tab = _opened(chromium, served, "widgets.ipynb?theme=dark")
    tab.wait_for_function(f"() => document.querySelectorAll('.osw').length === {WIDGETS}", timeout=WAIT)
    assert tab.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    settled(tab)
    _looked_at(tab, pictures, "dark")
    assert foreign(tab, tab.address) == []
    assert complaints(tab) == []
    tab.close()


def test_the_dashboard_in_a_plain_voila_asks_no_other_server(chromium, served):
    """`voila notebooks/dashboard.ipynb`: its notebook names the template that was installed with outsample."""
    tab = _opened(chromium, served, "dashboard.ipynb")
    tab.get_by_role("tab", name="Results").click(timeout=WAIT)
    tab.locator(".osw tbody tr:visible").first.wait_for(timeout=WAIT)
    tab.wait_for_load_state("networkidle", timeout=WAIT)
    assert tab.locator(".osw tbody tr:visible").count() == RUNS
    assert foreign(tab, tab.address) == []
    assert complaints(tab) == []
    tab.close()
