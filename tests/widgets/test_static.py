"""What is left of the widgets where no script runs: papermill, nbconvert, a page that keeps no style."""

import base64
import html.parser
import re

import nbformat
import pytest

from browser.lab import write_notebook

pytestmark = [pytest.mark.slow, pytest.mark.notebook]
CELLS = [
    """
import outsample
from outsample.archive import Store
from outsample_widgets import chart, explain_day, explore, fan, folds, golden, jobs, runs, submit
source = "fast = 20  # 5..60, days\\nclose = data.get('close')\\nposition = close > close.average(fast)\\n"
data = outsample.load('synthetic:4x600?seed=7')
store = Store.open('store.db')
result = outsample.backtest(source, data, store=store, lookahead=False)
outsample.record_golden(result, 'cross', reason='first')
windows = outsample.walk_forward(source, data, {'fast': [10, 20]}, train=300, test=100, store=False)
""",
    "chart(result)",
    "explore(source, data, store=False)",
    "explain_day(result)",
    "fan(outsample.bootstrap(result, n_paths=100))",
    "folds(windows)",
    "runs(store)",
    "jobs(store)",
    "golden()",
    "submit(store)",
]
WITH_PICTURE = 5


class _Plain(html.parser.HTMLParser):
    """What a site shows that keeps neither scripts nor styles: the text, and how many pictures have words."""

    def __init__(self, page):
        super().__init__()
        self.words, self.pictures, self._hidden = [], 0, 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._hidden += tag in {"script", "style"}
        self.pictures += tag == "img" and bool(dict(attrs).get("alt"))

    def handle_endtag(self, tag):
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook as papermill left it, read again from its file."""
    from outsample.report.notebook import run_notebook

    folder = tmp_path_factory.mktemp("static")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OUTSAMPLE_STORE", str(folder / "store.db"))
        write_notebook(folder / "cells.ipynb", CELLS)
        run_notebook(folder / "cells.ipynb", folder / "done.ipynb", html=False, folder=folder)
    return folder / "done.ipynb"


def test_papermill_keeps_a_twin_of_every_widget(executed):
    """The first output of each cell is a table or a picture of its own, whose text and HTML need no script."""
    cells = [cell for cell in nbformat.read(executed, 4).cells if cell.cell_type == "code"][-len(CELLS) + 1 :]
    assert len(cells) == len(CELLS) - 1
    pictures = 0
    for cell in cells:
        data = cell.outputs[0]["data"]
        assert "application/vnd.jupyter.widget-view+json" not in data
        assert "<script" not in data["text/html"]
        assert len(data["text/plain"]) > 20
        pictures += "image/png" in data and base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert pictures == WITH_PICTURE


def test_nbconvert_shows_the_twins(executed):
    """As any nbconvert makes it: without scripts and styles the page still has the words and the pictures."""
    from nbconvert import HTMLExporter

    page = _Plain(HTMLExporter(template_name="basic").from_filename(str(executed))[0])
    for words in ("Sharpe ratio", "Background jobs", "Golden results", "Results in the store", "Send a strategy"):
        assert words in page.text
    assert page.pictures == WITH_PICTURE
    assert "widget-view" not in page.text
