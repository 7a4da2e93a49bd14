"""The pages that are written to files: a report and a result, opened from the disk without a network."""

import re
from pathlib import Path

import pytest

from browser.lab import watched
from outsample import Strategy, backtest, load
from outsample.report.notebook import run_notebook

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REPORT = Path(__file__).parents[2] / "notebooks" / "regression_report.ipynb"
SOURCE = "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close.average(3 * fast)\n"
LEAK = "close = data.get('close')\nposition = close.shift(-5) > close\n"
DATA = "synthetic:4x600?seed=5"
KINDS = ("report", "result", "leak")
# The ratio of the luminances of a text and what is behind it.
CONTRAST = """node => {
    const parse = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const light = rgb => {
        const [r, g, b] = rgb.map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    let back = 'rgba(0, 0, 0, 0)', behind = node;
    while (behind && /, 0\\)$|transparent/.test(back)) {
        back = getComputedStyle(behind).backgroundColor;
        behind = behind.parentElement;
    }
    if (/, 0\\)$|transparent/.test(back)) back = 'rgb(255, 255, 255)';
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(parse(back))].sort((x, y) => y - x);
    return (a + .05) / (b + .05);
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report of a notebook, a result, and a result that must not be believed, as files."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_STORE", str(folder / "store.db"))
        patch.chdir(folder)
        run_notebook(REPORT, folder / "report.ipynb", parameters={"dataset": DATA, "n_paths": 0})
        data = load(DATA)
        for name, source in (("result", SOURCE), ("leak", LEAK)):
            backtest(Strategy.from_source(source, name), data, lookahead=True).to_html(folder / f"{name}.html")
    return {kind: folder / f"{kind}.html" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_the_network_for_nothing(chromium, pages, kind):
    """The file itself is the only request; no script is in it, and the console is silent."""
    tab = watched(chromium)
    tab.goto(pages[kind].as_uri(), wait_until="networkidle")
    assert [url for url in tab.requests if not url.startswith("data:")] == [pages[kind].as_uri()]
    assert tab.locator("script").count() == 0
    assert tab.errors == []
    assert tab.evaluate("() => [...document.images].every(image => image.complete && image.naturalWidth > 500)")
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_readable_in_any_width_and_scheme(chromium, pages, pictures, kind, width, scheme):
    """Nothing runs out of the window sideways, and text has a contrast of at least 4.5:1."""
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.goto(pages[kind].as_uri())
    tab.screenshot(path=str(pictures / f"page-{kind}-{width}-{scheme}.png"), full_page=True)
    assert tab.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    for choice in ("td", "dt", "dd", ".os-badge", ".os-verdict li", ".os-note"):
        assert tab.locator(f".outsample {choice}").first.evaluate(CONTRAST) >= 4.5, choice
    tab.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_reads_well_without_styles_and_scripts(chromium, pages, kind):
    """With every style stripped and scripts off: name, verdict, facts, metrics, one below the other, in words."""
    bare = re.sub(
        r"<style.*?</style>|<link[^>]*>| style=\"[^\"]*\"", "", pages[kind].read_text("utf-8"), flags=re.DOTALL
    )
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.set_content(bare)
    parts = ["h2", ".os-badge", ".os-verdict li", "dl dt", "table", "img"]
    tops = [tab.locator(f".outsample {part}").first.bounding_box()["y"] for part in parts]
    assert tops == sorted(tops)
    text = tab.locator(".outsample").first.inner_text()
    for words in (
        "Costs",
        "Out of sample",
        "Trials",
        "Look-ahead",
        "Sharpe ratio",
        "95 % interval",
        "Maximum drawdown",
    ):
        assert words in text
    # Labels belong to their texts, columns to their heads, and the picture has words.
    assert tab.locator(".outsample dl dt").count() == tab.locator(".outsample dl dd").count()
    assert tab.locator(".outsample th:not([scope])").count() == 0
    assert "total return" in tab.locator(".outsample img").first.get_attribute("alt")
    context.close()


def test_what_must_not_be_believed_is_struck(chromium, pages):
    """The alarm stands before the numbers, which are struck through; the benchmark's are not."""
    tab = chromium.new_page()
    tab.goto(pages["leak"].as_uri())
    alarm, table = tab.locator("[role=alert]").first, tab.locator(".os-table").first
    assert "use the future" in alarm.inner_text()
    assert alarm.bounding_box()["y"] < table.bounding_box()["y"]
    struck = "cell => getComputedStyle(cell).textDecorationLine"
    row = table.locator("tbody tr").first.locator("td")
    assert row.nth(1).evaluate(struck) == "line-through"
    assert row.nth(3).evaluate(struck) == "none"
    tab.close()
