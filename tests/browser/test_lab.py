"""A cell in a real JupyterLab, looked at with a real browser, in light and dark."""

import pytest

from browser.lab import complaints, foreign, open_notebook, run_all, set_theme, watched, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CELLS = [
    "%load_ext outsample",
    (
        "%%backtest golden_cross -o result\nfast = 50\nslow = 200\nclose = data.get('close')\n"
        "position = close.average(fast) > close.average(slow)"
    ),
    "%%backtest broken\nfast = 50\nposition = data.get('clos') > fast",
    "result.verdict.level.name",
    "%%backtest endless --no-lookahead\nwhile True:\n    pass",
    "print('alive', 6 * 7)",
    "%%backtest cross --walk",
]


@pytest.fixture(scope="module")
def page(chromium, lab):
    """A page with the notebook run to its failing cell, and what the console said."""
    folder, address = lab
    write_notebook(folder / "cell.ipynb", CELLS)
    tab = watched(chromium)
    open_notebook(tab, address, "cell.ipynb")
    run_all(tab)
    tab.address = address
    yield tab
    tab.close()


def test_the_report_is_shown_once_with_its_picture(page):
    """One output for the cell: header, verdict, metrics, picture."""
    report = page.locator(".jp-OutputArea-output .outsample")
    assert report.count() == 1
    text = report.inner_text()
    for words in ("golden_cross", "PROFITABLE", "no look-ahead found", "Sharpe ratio", "kernel-confined"):
        assert words in text
    assert report.locator("img").evaluate("image => image.complete && image.naturalWidth > 500")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_is_readable_in_both_themes(page, pictures, theme):
    """Text has a contrast of at least 4.5:1 on its background."""
    set_theme(page, theme)
    page.screenshot(path=str(pictures / f"cell-{theme.split()[-1].lower()}.png"))
    contrast = page.locator(".jp-OutputArea-output .outsample td").first.evaluate(
        """cell => {
            const parse = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
            const light = rgb => {
                const linear = c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
                const [r, g, b] = rgb.map(c => linear(c / 255));
                return .2126 * r + .7152 * g + .0722 * b;
            };
            let node = cell, back = 'rgba(0, 0, 0, 0)';
            while (node && /, 0\\)$|transparent/.test(back)) {
                back = getComputedStyle(node).backgroundColor;
                node = node.parentElement;
            }
            const [a, b] = [light(parse(getComputedStyle(cell).color)), light(parse(back))].sort((x, y) => y - x);
            return (a + .05) / (b + .05);
        }"""
    )
    assert contrast >= 4.5


def test_an_error_points_at_the_line_of_the_cell(page):
    """Category, line and hint, without any frame of ours; the cells below did not run."""
    text = page.locator(
        ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-output"
    ).all_inner_texts()
    error = next(item for item in text if "DATA_MISSING" in item)
    assert "Cell In[3], line 3" in error
    assert "'close'" in error
    assert "outsample/notebook" not in error


def test_the_kernel_goes_on_after_the_error(page):
    """The next cell runs."""
    page.evaluate("() => { const n = window.jupyterapp.shell.currentWidget.content; n.activeCellIndex = 3; }")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    page.wait_for_function("() => document.body.innerText.includes(\"'PROFITABLE'\")", timeout=30_000)


def _run_cell(page, place):
    page.evaluate(
        """place => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = place;
            window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        place,
    )


def test_an_endless_strategy_is_interrupted_within_a_second(page, noted):
    """The stop button ends cell and process; the next cell runs at once."""
    _run_cell(page, 4)
    page.wait_for_function("() => document.body.innerText.includes('endless: sandbox')", timeout=30_000)
    seconds = page.evaluate(
        """async () => {
            const session = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
            const began = performance.now();
            await window.jupyterapp.commands.execute('notebook:interrupt-kernel');
            while (session.kernel.status !== 'idle') { await new Promise(done => setTimeout(done, 20)); }
            return (performance.now() - began) / 1000;
        }"""
    )
    noted("interrupt of an endless strategy, s", round(seconds, 3))
    assert seconds < 5.0  # the figure is 1 s on a quiet machine
    _run_cell(page, 5)
    page.wait_for_function("() => document.body.innerText.includes('alive 42')", timeout=10_000)
    text = "\n".join(page.locator(".jp-OutputArea-output").all_inner_texts())
    assert "Interrupted: endless was ended" in text
    assert "sandbox/watch.py" not in text
    assert "endless: stopped" in text


def test_tab_completes_an_option(page):
    """In the editor, from the kernel's completer."""
    page.evaluate(
        """() => {
            const content = window.jupyterapp.shell.currentWidget.content;
            content.activeCellIndex = 6;
            content.mode = 'edit';
            const editor = content.activeCell.editor;
            editor.focus();
            editor.setCursorPosition({line: 0, column: 23});
        }"""
    )
    page.wait_for_timeout(300)
    page.keyboard.press("Tab")
    page.locator(".jp-Completer-item", has_text="--walk-forward").wait_for(timeout=15_000)
    page.keyboard.press("Enter")
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()
            .includes('--walk-forward')""",
        timeout=15_000,
    )


def test_nothing_came_from_elsewhere_and_the_console_is_quiet(page):
    """Works offline: every request went to this server; no errors in the console."""
    assert foreign(page, page.address) == []
    assert complaints(page) == []
