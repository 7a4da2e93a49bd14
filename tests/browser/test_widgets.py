"""The widgets in a real JupyterLab: by mouse and by keyboard, in every theme, narrow and wide, without the kernel."""

import statistics

import pytest

import outsample
from browser.full_store import JOBS, RUNS, SOURCE, fill
from browser.lab import (
    FAINT,
    complaints,
    crowding,
    foreign,
    open_notebook,
    run_all,
    says,
    set_theme,
    settled,
    shut_kernel,
    stage_of,
    until,
    violations,
    watched,
    widget_at,
    write_notebook,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DATA = "synthetic:20x2520?seed=7"
SETUP = f'''
import os
from pathlib import Path
os.environ.update(OUTSAMPLE_ROLE='admin', OUTSAMPLE_JOB_IDLE='8')
import outsample
from outsample.archive import Store
from outsample.golden import record_golden
from outsample_widgets import chart, explain_day, explore, fan, folds, golden, jobs, runs, submit
source = """{SOURCE}"""
hanging = source.replace("slow = 200", "hang = False\\nslow = 200") + "while hang:\\n    pass\\n"
data = outsample.load('{DATA}')
result = outsample.backtest(outsample.Strategy.from_source(source, 'golden cross'), data, store=False, lookahead=False)
store = Store.open('widgets-store/store.db')
'''
LONG = """
many = outsample.load('synthetic:2x50000?seed=1')
crossing = 'close = data.get("close")\\nposition = close.average(50) > close.average(200)\\n'
big = chart(outsample.backtest(crossing, many, store=False, lookahead=False))
big
"""
FOLDS_CELL = """
folds(outsample.walk_forward(source, data, {'fast': [20, 40], 'slow': [100, 200]}, train='3Y', test='1Y', store=False))
"""
GOLDEN_CELL = """
file = Path('cross.py')
file.write_text(source)
accepted = outsample.backtest(outsample.Strategy.from_file(file), data, store=False, lookahead=False)
record_golden(accepted, 'cross', reason='first', folder='golden', strategy_file=file)
file.write_text(source.replace('fast = 50', 'fast = 20'))
golden(folder='golden')
"""
# One widget a cell, in this order.
CELLS = {
    "chart": "chart(result)",
    "explore": "explore(hanging, data, store=False, timeout=2.0)",
    "explain_day": "explain_day(result)",
    "fan": "fan(outsample.bootstrap(result, n_paths=1000))",
    "folds": FOLDS_CELL,
    "runs": "runs(store)",
    "long": LONG,
    "jobs": "jobs(store)",
    "golden": GOLDEN_CELL,
    "submit": "submit(store)",
}
CHART, EXPLORE, DAYS, FAN, FOLDS, RUNS_TABLE, BIG, JOBS_TABLE, GOLDEN, FORM, FORM_JOBS = range(11)
# The form has its jobs below it: two widgets with one twin.
WIDGETS, TWINS, WITH_PICTURE = 11, 10, 6
THEMES = ["JupyterLab Dark High Contrast", "JupyterLab Dark", "JupyterLab Light"]


@pytest.fixture(scope="module")
def page(chromium, lab):
    """A page with every widget rendered, over a store of some weeks."""
    folder, address = lab
    (folder / "widgets-store").mkdir()
    fill(folder / "widgets-store" / "store.db", outsample.load(DATA))
    write_notebook(folder / "widgets.ipynb", [SETUP, *CELLS.values()])
    tab = watched(chromium)
    tab.address, tab.folder = address, folder
    open_notebook(tab, address, "widgets.ipynb")
    set_theme(tab, "JupyterLab Light")
    run_all(tab)
    failed = tab.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    assert failed == []
    tab.wait_for_function(f"() => document.querySelectorAll('.osw').length === {WIDGETS}", timeout=60_000)
    settled(tab)
    yield tab
    shut_kernel(tab)
    tab.close()


def _view(stage):
    return stage.evaluate("stage => stage.osPlot.view")


def _drag(page, stage, start, end, keys=()):
    box = stage.bounding_box()
    for key in keys:
        page.keyboard.down(key)
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 60, steps=6)
    page.mouse.up()
    for key in keys:
        page.keyboard.up(key)


def test_every_widget_stands_alone_and_hides_its_twin(page):
    """Every widget is there; the static pictures are there and hidden while the widgets live."""
    assert page.locator(".os-twin").count() == TWINS
    page.wait_for_function(
        "() => [...document.querySelectorAll('.os-twin')].every(one => getComputedStyle(one).display === 'none')"
    )
    assert page.locator(".osw-alert:visible").count() == 0
    assert widget_at(page, RUNS_TABLE).locator("tbody tr").count() == RUNS
    assert widget_at(page, JOBS_TABLE).locator("tbody tr").count() == JOBS


def test_a_chart_zooms_pans_and_measures_by_mouse(page):
    """Wheel, drag, and drag with shift; the metrics of the range come from Python."""
    stage = stage_of(page, CHART)
    whole = _view(stage)
    stage.focus()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.wheel(0, -300)
    span = "stage.osPlot.view[1] - stage.osPlot.view[0]"
    until(stage, f"(stage, whole) => {span} < 0.9 * (whole[1] - whole[0])", whole)
    zoomed = _view(stage)
    _drag(page, stage, 0.6, 0.4)
    until(stage, "(stage, before) => stage.osPlot.view[0] > before[0]", zoomed)
    moved = _view(stage)
    assert moved[1] - moved[0] == pytest.approx(zoomed[1] - zoomed[0])
    _drag(page, stage, 0.3, 0.7, keys=["Shift"])
    table = widget_at(page, CHART).locator("table")
    table.wait_for(timeout=10_000)
    assert "Sharpe ratio" in table.inner_text()
    assert "net of costs" in table.inner_text()
    assert "drawdown" in widget_at(page, CHART).locator(".osw-readout").inner_text()


def test_a_chart_is_used_by_keyboard(page):
    """Reset, crosshair with spoken values, zoom, range, log scale, clear."""
    stage = stage_of(page, CHART)
    widget = widget_at(page, CHART)
    stage.focus()
    for key in ("0", "Home", "ArrowRight"):
        page.keyboard.press(key)
    assert "growth 1.000" in widget.locator("[aria-live]").first.inner_text()
    before = _view(stage)
    for key in ("+", "+", "End"):
        page.keyboard.press(key)
    until(stage, "(stage, old) => stage.osPlot.view[1] - stage.osPlot.view[0] < 0.6 * (old[1] - old[0])", before)
    page.keyboard.press("Escape")
    until(widget, "node => !node.querySelector('table')")
    for _ in range(5):
        page.keyboard.press("Control+Shift+ArrowLeft")
    widget.locator("table caption", has_text="bars, net of costs").wait_for(timeout=10_000)
    pressed = widget.get_by_role("button", name="Log scale")
    was = pressed.get_attribute("aria-pressed")
    stage.focus()
    page.keyboard.press("l")
    assert pressed.get_attribute("aria-pressed") != was
    page.keyboard.press("l")
    page.keyboard.press("Escape")
    until(widget, "node => !node.querySelector('table')")
    page.keyboard.press("0")
    widget.get_by_label("Price of").select_option(index=2)
    symbol = widget.get_by_label("Price of").input_value()
    until(stage, "(stage, name) => stage.osPlot.panels[3].title.startsWith(`Price of ${name}`)", symbol)


def test_fifty_thousand_bars_are_drawn_with_two_points_per_pixel(page, noted):
    """Five lines: at most two points per pixel and line; the median redraw is kept and guarded."""
    stage = stage_of(page, BIG)
    stage.focus()
    page.keyboard.press("0")
    settled(page)
    found = stage.evaluate(
        """async stage => {
            const plot = stage.osPlot;
            const frames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            plot.times = [];
            for (let k = 0; k < 40; k++) {
                k % 2 ? plot.reset() : plot.zoom(0.995);
                await frames();
            }
            plot.reset();
            await frames();
            const lines = plot.panels.flatMap(panel => panel.lines).length;
            return { bars: plot.x.length, lines, points: plot.points, pixels: plot.inner, times: plot.times };
        }"""
    )
    assert found["bars"] >= 49_000
    assert found["lines"] == 5
    assert found["points"] <= 2 * found["pixels"] + 4
    median = statistics.median(found["times"])
    noted("redraw of 50,000 bars x 5 lines, median ms", median)
    assert median <= 5 * 8.0 * crowding()


def test_dragging_a_slider_redraws_equity_and_metrics(page, noted):
    """Answers come while the slider moves; the last one shown is the slider's value, never an older one."""
    widget = widget_at(page, EXPLORE)
    stage = stage_of(page, EXPLORE)
    before = stage.evaluate("stage => Array.from(stage.osPlot.panels[0].lines.at(-1).y.slice(-1))")
    metrics = widget.locator("table").inner_text()
    slider = widget.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    # What is shown, each time it changes: the setting asked for, and the setting answered.
    widget.evaluate(
        """node => {
            const status = node.querySelector('[role=status]'), slider = node.querySelector('input[type=range]');
            window.shown = [];
            new MutationObserver(() => {
                const found = /fast=(\\d+),.*\\((\\d+) ms\\)/.exec(status.innerText);
                if (found) window.shown.push([Number(found[1]), Number(found[2]), Number(slider.value)]);
            }).observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )
    box = slider.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.45 * box["width"], height)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(box["x"] + (0.45 + 0.008 * step) * box["width"], height)
        page.wait_for_timeout(30)  # the pace of a hand
    during = page.evaluate("() => window.shown.length")
    page.mouse.up()
    says(widget.locator("[role=status]").first, f"fast={slider.input_value()},")
    shown = page.evaluate("() => window.shown")
    settings = [one[0] for one in shown]
    assert during >= 5
    assert settings == sorted(settings)  # the hand only went up: an older answer would go down
    assert shown[-1][0] == shown[-1][2]
    assert stage.evaluate("stage => Array.from(stage.osPlot.panels[0].lines.at(-1).y.slice(-1))") != before
    assert widget.locator("table").inner_text() != metrics
    median = statistics.median(one[1] for one in shown)
    noted("answer of explore while dragging, median ms", median)
    assert median <= 5 * 100 * crowding()


def test_an_explorer_is_used_by_keyboard_and_pins(page):
    """Arrow keys move the slider and not the notebook; a pinned variant stays; the parameters can be taken."""
    widget = widget_at(page, EXPLORE)
    slider = widget.locator("input[type=range]").nth(1)
    slider.focus()
    old = int(slider.input_value())
    widget.get_by_role("button", name="Pin this").click()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert int(slider.input_value()) == old - 10
    says(widget.locator("[role=status]").first, f"slow={old - 10}")
    assert widget.locator("thead th").count() == 3
    widget.get_by_role("button", name="Use these").focus()
    page.keyboard.press("Enter")
    says(widget.locator("output"), f"slow={old - 10}")


def test_an_explorer_survives_a_strategy_that_hangs(page):
    """The limit ends it, the widget says so, and the next setting is answered."""
    widget = widget_at(page, EXPLORE)
    box = widget.locator("input[type=checkbox]")
    box.check()
    widget.locator(".osw-alert").wait_for(state="visible", timeout=20_000)
    assert "limit is 2 s" in widget.locator(".osw-alert").inner_text()
    box.uncheck()
    widget.locator(".osw-alert").wait_for(state="hidden", timeout=20_000)
    says(widget.locator("[role=status]").first, "hang=False")


def test_a_day_is_explained_by_click_and_by_key(page):
    """The click asks for that date; the button and enter go on from there."""
    widget = widget_at(page, DAYS)
    stage = stage_of(page, DAYS)
    caption = widget.locator("caption")

    def next_caption(act):
        old = caption.inner_text()
        act()
        until(widget, "(node, old) => node.querySelector('caption').innerText !== old", old)
        return caption.inner_text()

    box = stage.bounding_box()
    first = next_caption(lambda: page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 60))
    assert "names" in first
    assert "is in force" in widget.inner_text() or "is filled on this day" in widget.inner_text()
    later = next_caption(widget.get_by_role("button", name="Day after").click)
    assert later > first
    stage.focus()
    page.keyboard.press("Home")
    assert next_caption(lambda: page.keyboard.press("Enter")) < first


def test_distributions_and_windows_are_chosen_by_keyboard(page):
    """Another statistic is drawn; another window shows its two heat maps with the chosen cell."""
    pick = widget_at(page, FAN).get_by_role("combobox", name="Statistic")
    pick.focus()
    pick.select_option("Maximum drawdown")
    says(widget_at(page, FAN).locator("figcaption"), "Maximum drawdown: actual")
    widget = widget_at(page, FOLDS)
    bar = widget.locator("g[role=button]").first
    bar.focus()
    page.keyboard.press("Enter")
    widget.locator("h4", has_text="Window 1:").wait_for(timeout=10_000)
    assert bar.get_attribute("aria-pressed") == "true"
    assert widget.locator("td", has_text="(chosen)").count() == 2


def test_runs_are_sorted_filtered_and_compared(page):
    """By header, by text, and two of them laid over each other."""
    widget = widget_at(page, RUNS_TABLE)
    widget.scroll_into_view_if_needed()
    header = widget.locator("th", has_text="Sharpe")
    header.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    column = [float(text) for text in widget.locator("tbody tr td:nth-child(6)").all_inner_texts()]
    assert column == sorted(column, reverse=True)
    search = widget.get_by_label("Filter")
    search.fill("momentum 003")
    assert widget.locator("tbody tr").count() == 1
    search.fill("strategy")
    boxes = widget.locator("tbody input[type=checkbox]")
    assert boxes.count() == 3
    boxes.nth(0).check()
    boxes.nth(2).focus()
    page.keyboard.press("Space")
    widget.get_by_role("button", name="Compare selected (2)").click()
    widget.locator(".osw-stage").wait_for(timeout=20_000)
    assert "paired block bootstrap" in widget.inner_text()
    assert "first differ on" in widget.inner_text()
    assert widget.locator("caption", has_text="Trades only in").count() == 2


def test_errors_are_text_in_the_widget(page):
    """A range without bars, runs without files, a dataset that there is not: each is said where it happened."""
    chart = widget_at(page, CHART)
    chart.get_by_label("Range from").fill("1990-01-01")
    chart.get_by_label("to", exact=True).fill("1990-02-01")
    says(chart.locator(".osw-alert"), "two are needed")
    chart.get_by_role("button", name="Clear range").click()
    chart.locator(".osw-alert").wait_for(state="hidden", timeout=10_000)
    table = widget_at(page, RUNS_TABLE)
    table.get_by_label("Filter").fill("momentum 00")
    for place in range(2):
        table.locator("tbody input[type=checkbox]").nth(place).check()
    table.get_by_role("button", name="Compare selected").click()
    table.locator(".osw-alert").wait_for(state="visible", timeout=10_000)
    for place in range(2):
        table.locator("tbody input[type=checkbox]").nth(place).uncheck()
    table.get_by_label("Filter").fill("strategy")
    for place in (0, 2):
        table.locator("tbody input[type=checkbox]").nth(place).check()
    table.get_by_role("button", name="Compare selected").click()
    table.locator(".osw-alert").wait_for(state="hidden", timeout=20_000)
    form = widget_at(page, FORM)
    form.get_by_text("No findings").wait_for(timeout=10_000)
    form.get_by_label("Dataset").fill("no such data")
    form.get_by_role("button", name="Send", exact=True).click()
    says(form.locator(".osw-alert"), "no such data")
    says(form.locator("[role=status]"), "Not sent.")


def test_a_waiting_job_is_cancelled_among_fifty(page):
    """The filter finds the waiting ones; the row says cancelled after its button was pressed."""
    widget = widget_at(page, JOBS_TABLE)
    widget.get_by_label("Status").select_option("pending")
    row = widget.locator("tbody tr").first
    name = row.locator("td").nth(1).inner_text()
    row.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    says(widget.locator("[role=status]").last, f"{name}, backtest")
    widget.get_by_label("Status").select_option("")
    row = widget.locator("tbody tr", has_text=name)
    row.get_by_text("cancelled", exact=True).first.wait_for(timeout=10_000)


def test_a_running_job_is_cancelled_by_keyboard(page):
    """Sent by the form, seen to run, asked to stop, seen to be cancelled."""
    form, table = widget_at(page, FORM), widget_at(page, FORM_JOBS)
    form.locator("textarea").fill("close = data.get('close')\nwhile True:\n    pass\nposition = close > 0\n")
    form.get_by_text("No findings").wait_for(timeout=10_000)
    until(form, "node => !node.querySelector('button[type=submit]').disabled")
    form.get_by_label("Name", exact=True).fill("endless")
    form.get_by_label("Dataset").fill("synthetic:4x300?seed=1")
    form.get_by_label("Backend").select_option("local")
    form.get_by_role("button", name="Send", exact=True).focus()
    page.keyboard.press("Enter")
    row = table.locator("tbody tr", has=page.get_by_role("cell", name="endless", exact=True))
    row.get_by_role("cell", name="running", exact=True).wait_for(timeout=60_000)
    row.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    row.get_by_role("cell", name="cancelled", exact=True).wait_for(timeout=60_000)


def test_a_golden_result_is_accepted_with_a_reason(page):
    """Its strategy has changed: the drift is shown, and accepted when a reason was typed."""
    widget = widget_at(page, GOLDEN)
    widget.get_by_role("button", name="Check cross").click()
    says(widget, "cross: DRIFTED", 30.0)
    assert widget.get_by_role("button", name="Accept as the new golden").is_disabled()
    widget.get_by_label("Reason").focus()
    page.keyboard.type("a shorter average")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(widget, "is accepted by", 30.0)


@pytest.mark.parametrize("theme", THEMES)
def test_every_theme_is_readable_wide_and_narrow(page, pictures, theme):
    """At 1,280 and 800 pixels: text has a contrast of 4.5, charts fill their width, nothing sticks out."""
    set_theme(page, theme)
    name = theme.split("Lab ")[1].replace(" ", "-").lower()
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 2400})  # the tallest widget fits
        settled(page)
        for place, widget in enumerate(page.locator(".osw").all()):
            assert widget.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), (theme, width, place)
            for stage in widget.locator(".osw-stage").all():
                assert stage.evaluate("one => Math.abs(one.querySelector('canvas').clientWidth - one.clientWidth) <= 1")
        assert page.evaluate(FAINT) == []
        for widget, title in zip(page.locator(".osw").all(), CELLS, strict=False):
            widget.screenshot(path=str(pictures / f"{title.replace('_', '-')}-{name}-{width}.png"))


def test_axe_finds_no_serious_violation(page):
    """Names, roles, contrast and focus of every widget."""
    assert violations(page) == []


def test_nothing_came_from_elsewhere_and_the_console_is_quiet(page):
    """Every request went to this server; no errors in the console."""
    assert foreign(page, page.address) == []
    assert complaints(page) == []


def test_the_static_picture_stays_without_the_kernel(page, pictures):
    """After a restart of the kernel and a reload: pictures and tables, and no word of a missing model."""
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty", timeout=20_000)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info")
    readable = page.locator(".osw:visible").count() or page.locator(".os-twin:visible").count()
    assert readable in {WIDGETS, TWINS}
    open_notebook(page, page.address, "widgets.ipynb")
    page.wait_for_function(f"() => document.querySelectorAll('.os-twin').length === {TWINS}", timeout=60_000)
    page.wait_for_function(
        "count => [...document.querySelectorAll('.os-twin')].filter(one => one.offsetHeight > 0).length === count",
        arg=TWINS,
        timeout=20_000,
    )
    assert page.locator(".osw").count() == 0
    assert page.locator(".os-twin img").evaluate_all("all => all.every(one => one.naturalWidth > 500)")
    assert page.get_by_text("Error displaying widget").locator("visible=true").count() == 0
    page.screenshot(path=str(pictures / "widgets-static.png"))


def test_exported_html_shows_the_twins_without_scripts(page):
    """The saved notebook as HTML, in a browser that runs no scripts."""
    from outsample.report.notebook import to_html

    target = page.folder / "exported.html"
    target.write_text(to_html(page.folder / "widgets.ipynb"), encoding="utf-8")
    context = page.context.browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(target.as_uri())
    assert plain.locator(".os-twin:visible").count() == TWINS
    assert plain.locator(".os-twin img:visible").count() == WITH_PICTURE
    context.close()
