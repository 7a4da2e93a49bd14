"""The widgets in a real JupyterLab: by mouse and by keyboard, in every theme, narrow and wide, without the kernel."""

import json
import os
import statistics
from pathlib import Path

import pytest

from browser.lab import (
    browser_path,
    complaints,
    foreign,
    jupyter_lab,
    launch,
    open_notebook,
    run_all,
    set_theme,
    watched,
    write_notebook,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = Path(os.environ.get("OUTSAMPLE_SCREENSHOTS", "build/screenshots"))
SETUP = '''
import outsample
from outsample.archive import Store
from outsample.golden import record_golden
from outsample_widgets import chart, explain_day, explore, fan, folds, golden, jobs, runs, submit
source = """
fast = 50  # 10..100, days of the fast average
slow = 200  # 100..300, days of the slow average
hang = False
close = data.get('close')
while hang:
    pass
position = close.average(fast) > close.average(slow)
"""
data = outsample.load('synthetic:20x2520?seed=7')
result = outsample.backtest(source, data, store=False, lookahead=False)
store = Store.open('widgets/store.db')
for days in (20, 30, 40):
    made = outsample.backtest(source, data, params={'fast': days}, store=store, lookahead=False)
    store.save(made)
'''
LONG = """
many = outsample.load('synthetic:2x50000?seed=1')
crossing = 'close = data.get("close")\\nposition = close.average(50) > close.average(200)\\n'
big = chart(outsample.backtest(crossing, many, store=False, lookahead=False))
big
"""
CELLS = [
    SETUP,
    "chart(result)",
    "explore(source, data, store=False, timeout=2.0)",
    "explain_day(result)",
    "fan(outsample.bootstrap(result, n_paths=1000))",
    (
        "folds(outsample.walk_forward(source, data, {'fast': [20, 40], 'slow': [100, 200]}, train='3Y', test='1Y', "
        "store=False))"
    ),
    "runs(store)",
    LONG,
    "jobs(store)",
    "record_golden(result, 'cross', reason='first', folder='golden')\ngolden(folder='golden')",
    "submit(store)",
]
CHART, EXPLORE, DAYS, FAN, FOLDS, RUNS, BIG = range(7)
# Seven with a chart, the jobs, the goldens, and the form with its jobs; the last two are one widget with one twin.
WIDGETS, TWINS, WITH_PICTURE = 11, 10, 6


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with every widget rendered."""
    if browser_path() is None:
        assert os.environ.get("CI") != "true", "no Chromium: CI must have one"
        pytest.skip("no Chromium on this machine: install the package chromium")
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("widgets")
    write_notebook(folder / "widgets.ipynb", CELLS)
    with jupyter_lab(folder) as address, sync_playwright() as play:
        browser = launch(play)
        tab = watched(browser)
        tab.address, tab.folder = address, folder
        open_notebook(tab, address, "widgets.ipynb")
        run_all(tab)
        tab.wait_for_function("() => document.querySelectorAll('.osw').length === 11", timeout=20_000)
        yield tab
        browser.close()


def _widget(page, place):
    return page.locator(".osw").nth(place)


def _stage(page, place):
    stage = _widget(page, place).locator(".osw-stage").first
    stage.scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    return stage


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
    page.wait_for_timeout(80)


def _note(name, value):
    """Keep a measured figure beside the screenshots."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / "widgets.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, name: value}, indent=1) + "\n", encoding="utf-8")


def test_every_widget_stands_alone_and_hides_its_twin(page):
    """Every widget is there; the static pictures are there and hidden while the widgets live."""
    assert page.locator(".os-twin").count() == TWINS
    page.wait_for_function(
        "() => [...document.querySelectorAll('.os-twin')].every(one => getComputedStyle(one).display === 'none')"
    )
    assert page.locator(".osw-alert:visible").count() == 0


def test_a_chart_zooms_pans_and_measures_by_mouse(page):
    """Wheel, drag, and drag with shift; the metrics of the range come from Python."""
    stage = _stage(page, CHART)
    whole = _view(stage)
    stage.focus()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    zoomed = _view(stage)
    assert zoomed[1] - zoomed[0] < 0.9 * (whole[1] - whole[0])
    _drag(page, stage, 0.6, 0.4)
    moved = _view(stage)
    assert moved[0] > zoomed[0]
    assert moved[1] - moved[0] == pytest.approx(zoomed[1] - zoomed[0])
    _drag(page, stage, 0.3, 0.7, keys=["Shift"])
    table = _widget(page, CHART).locator("table")
    table.wait_for(timeout=5000)
    assert "Sharpe ratio" in table.inner_text()
    assert "net of costs" in table.inner_text()
    assert "drawdown" in _widget(page, CHART).locator(".osw-readout").inner_text()


def test_a_chart_is_used_by_keyboard(page):
    """Reset, crosshair with spoken values, zoom, range, log scale, clear."""
    stage = _stage(page, CHART)
    widget = _widget(page, CHART)
    stage.focus()
    page.keyboard.press("0")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert "growth 1.000" in widget.locator("[aria-live]").first.inner_text()
    before = _view(stage)
    for key in ("+", "+", "End"):
        page.keyboard.press(key)
    page.wait_for_timeout(100)
    after = _view(stage)
    assert after[1] - after[0] < 0.6 * (before[1] - before[0])
    for _ in range(5):
        page.keyboard.press("Control+Shift+ArrowLeft")
    page.wait_for_timeout(500)
    assert "bars, net of costs" in widget.locator("table caption").inner_text()
    pressed = widget.get_by_role("button", name="Log scale")
    was = pressed.get_attribute("aria-pressed")
    stage.focus()
    page.keyboard.press("l")
    assert pressed.get_attribute("aria-pressed") != was
    page.keyboard.press("Escape")
    page.wait_for_timeout(100)
    assert widget.locator("table").count() == 0
    page.keyboard.press("0")
    widget.get_by_label("Price of").select_option(index=2)
    page.wait_for_timeout(300)
    symbol = widget.get_by_label("Price of").input_value()
    assert stage.evaluate("stage => stage.osPlot.panels[3].title").startswith(f"Price of {symbol}")


def test_fifty_thousand_bars_are_drawn_with_two_points_per_pixel(page):
    """Five lines: at most two points per pixel and line; the median redraw is kept and guarded."""
    stage = _stage(page, BIG)
    stage.focus()
    page.keyboard.press("0")
    page.wait_for_timeout(100)
    stage.evaluate("stage => { stage.osPlot.times = []; }")
    found = stage.evaluate(
        """async stage => {
            const plot = stage.osPlot;
            for (let k = 0; k < 40; k++) {
                k % 2 ? plot.reset() : plot.zoom(0.995);
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            }
            plot.reset();
            await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            const lines = plot.panels.flatMap(panel => panel.lines).length;
            return { bars: plot.x.length, lines, points: plot.points, pixels: plot.inner, times: plot.times };
        }"""
    )
    assert found["bars"] >= 49_000
    assert found["lines"] == 5
    assert found["points"] <= 2 * found["pixels"] + 4
    median = statistics.median(found["times"])
    _note("redraw of 50,000 bars x 5 lines, median ms", median)
    assert median <= 5 * 8.0


def test_dragging_a_slider_redraws_equity_and_metrics(page):
    """Answers come while the slider moves; the last one shown is the slider's value, never an older one."""
    widget = _widget(page, EXPLORE)
    stage = _stage(page, EXPLORE)
    before = stage.evaluate("stage => Array.from(stage.osPlot.panels[0].lines.at(-1).y.slice(-1))")
    metrics = widget.locator("table").inner_text()
    slider = widget.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.45 * box["width"], height)
    page.mouse.down()
    took = []
    for step in range(40):
        page.mouse.move(box["x"] + (0.45 + 0.0125 * step) * box["width"], height)
        page.wait_for_timeout(40)
        took.append(widget.locator("[data-took]").first.get_attribute("data-took") if step > 5 else None)
    page.mouse.up()
    value = slider.input_value()
    page.wait_for_function(
        "value => document.querySelectorAll('.osw')[1].querySelector('[role=status]')"
        ".innerText.includes(`fast=${value},`)",
        arg=value,
        timeout=3000,
    )
    assert stage.evaluate("stage => Array.from(stage.osPlot.panels[0].lines.at(-1).y.slice(-1))") != before
    assert widget.locator("table").inner_text() != metrics
    median = statistics.median(int(one) for one in took if one)
    _note("answer of explore while dragging, median ms", median)
    assert median <= 5 * 100


def test_an_explorer_is_used_by_keyboard_and_pins(page):
    """Arrow keys move the slider and not the notebook; a pinned variant stays; the parameters can be taken."""
    widget = _widget(page, EXPLORE)
    slider = widget.locator("input[type=range]").nth(1)
    slider.focus()
    old = int(slider.input_value())
    widget.get_by_role("button", name="Pin this").click()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert int(slider.input_value()) == old - 10
    page.wait_for_timeout(400)
    assert widget.locator("thead th").count() == 3
    widget.get_by_role("button", name="Use these").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert f"slow={old - 10}" in widget.locator("output").inner_text()


def test_an_explorer_survives_a_strategy_that_hangs(page):
    """The limit ends it, the widget says so, and the next setting is answered."""
    widget = _widget(page, EXPLORE)
    box = widget.locator("input[type=checkbox]")
    box.check()
    widget.locator(".osw-alert").wait_for(state="visible", timeout=10_000)
    assert "limit is 2 s" in widget.locator(".osw-alert").inner_text()
    box.uncheck()
    widget.locator(".osw-alert").wait_for(state="hidden", timeout=10_000)


def test_a_day_is_explained_by_click_and_by_key(page):
    """The click asks for that date; the button and enter go on from there."""
    widget = _widget(page, DAYS)
    stage = _stage(page, DAYS)
    box = stage.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 60)
    page.wait_for_timeout(300)
    first = widget.locator("caption").inner_text()
    assert "names" in first
    assert "is in force" in widget.inner_text() or "is filled on this day" in widget.inner_text()
    widget.get_by_role("button", name="Day after").click()
    page.wait_for_timeout(300)
    assert widget.locator("caption").inner_text() > first
    stage.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert widget.locator("caption").inner_text() < first


def test_distributions_and_windows_are_chosen_by_keyboard(page):
    """Another statistic is drawn; another window shows its two heat maps with the chosen cell."""
    _widget(page, FAN).get_by_role("combobox", name="Statistic").select_option("Maximum drawdown")
    assert "Maximum drawdown: actual" in _widget(page, FAN).locator("figcaption").inner_text()
    widget = _widget(page, FOLDS)
    bar = widget.locator("g[role=button]").first
    bar.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(400)
    assert widget.locator("h4", has_text="Window 1").count() == 1
    assert bar.get_attribute("aria-pressed") == "true"
    assert widget.locator("td", has_text="(chosen)").count() == 2


def test_runs_are_sorted_filtered_and_compared(page):
    """By header, by text, and two of them laid over each other."""
    widget = _widget(page, RUNS)
    widget.scroll_into_view_if_needed()
    header = widget.locator("th", has_text="Sharpe")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    column = [float(text) for text in widget.locator("tbody tr td:nth-child(6)").all_inner_texts()]
    assert column == sorted(column, reverse=True)
    search = widget.get_by_label("Filter")
    search.fill("fast=30")
    assert widget.locator("tbody tr").count() == 1
    search.fill("")
    boxes = widget.locator("tbody input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(2).focus()
    page.keyboard.press("Space")
    widget.get_by_role("button", name="Compare selected (2)").click()
    widget.locator(".osw-stage").wait_for(timeout=10_000)
    assert "paired block bootstrap" in widget.inner_text()
    assert "first differ on" in widget.inner_text()
    assert widget.locator("caption", has_text="Trades only in").count() == 2


@pytest.mark.parametrize("theme", ["JupyterLab Dark High Contrast", "JupyterLab Dark", "JupyterLab Light"])
def test_every_theme_is_readable_wide_and_narrow(page, theme):
    """At 1,280 and 800 pixels: text has a contrast of 4.5, charts fill their width, nothing sticks out."""
    set_theme(page, theme)
    for width in (1280, 800):
        page.set_viewport_size({"width": width, "height": 2400})
        page.wait_for_timeout(700)
        for place in range(WIDGETS):
            widget = _widget(page, place)
            assert widget.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), (theme, width, place)
            for stage in widget.locator(".osw-stage").all():
                assert stage.evaluate("one => Math.abs(one.querySelector('canvas').clientWidth - one.clientWidth) <= 1")
        assert page.evaluate(CONTRAST) == []
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.locator(".jp-Cell").first.scroll_into_view_if_needed()
        page.wait_for_timeout(200)
        page.screenshot(path=str(PICTURES / f"widgets-{theme.split('Lab ')[1].replace(' ', '-').lower()}-{width}.png"))
    page.set_viewport_size({"width": 1280, "height": 1400})


# Texts of the widgets whose contrast with what lies behind them is below 4.5:1.
CONTRAST = """() => {
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
    const texts = '.osw button, .osw td, .osw th, .osw p, .osw label, .osw h3, .osw small';
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


def test_axe_finds_no_serious_violation(page):
    """Names, roles, contrast and focus of every widget."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=".osw")
    serious = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []


def test_nothing_came_from_elsewhere_and_the_console_is_quiet(page):
    """Every request went to this server; no errors in the console."""
    assert foreign(page, page.address) == []
    assert complaints(page) == []


def test_the_static_picture_stays_without_the_kernel(page):
    """After a restart of the kernel and a reload: pictures and tables, and no word of a missing model."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(800)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_timeout(1500)
    assert page.locator(".osw").count() == WIDGETS
    open_notebook(page, page.address, "widgets.ipynb")
    page.wait_for_function("() => document.querySelectorAll('.os-twin').length === 10", timeout=20_000)
    page.wait_for_timeout(1500)
    assert page.locator(".osw").count() == 0
    assert page.locator(".os-twin:visible").count() == TWINS
    assert page.locator(".os-twin img").evaluate_all("all => all.every(one => one.naturalWidth > 500)")
    assert page.get_by_text("Error displaying widget").locator("visible=true").count() == 0
    page.screenshot(path=str(PICTURES / "widgets-static.png"))


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
