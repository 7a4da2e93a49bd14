"""Make the pictures of `docs/howto/widgets.md`: every widget in a real JupyterLab, light, as small PNG files.

Run it from the repository, after `tests/setup_system.sh`: ``python docs/scripts/screenshots.py``.
"""

import io
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
WIDTH = 1100
COLOURS = 64  # of the palette: a picture of lines and text needs no more
LARGEST = 150_000  # bytes
SOURCE = """
fast = 50  # 10..100, days of the fast average
slow = 200  # 100..300, days of the slow average
close = data.get("close")
position = close.average(fast) > close.average(slow)
"""
SETUP = f'''
import outsample
from outsample.archive import Store
from outsample_widgets import chart, explain_day, explore, fan, folds, golden, jobs, runs, submit
data = outsample.load("synthetic:20x2520?seed=7")
strategy = outsample.Strategy.from_source("""{SOURCE}""", "golden cross")
store = Store.open("store.db")
result = outsample.backtest(strategy, data, store=store, lookahead=False)
store.save(result)
for fast, name in ((20, "quick cross"), (80, "slow cross")):
    changed = outsample.Strategy.from_source(strategy.source, name).with_params(fast=fast)
    store.save(outsample.backtest(changed, data, store=store, lookahead=False))
outsample.record_golden(result, "golden_cross", reason="first version", folder="golden")
for days in (25, 35, 45):
    job = outsample.submit(strategy.with_params(fast=days), data, store=store, lookahead=False)
outsample.submit("while True:\\n    pass\\n" + strategy.source, data, store=store, lookahead=False)
job.wait(120)
'''
FOLDS = (
    'folds(outsample.walk_forward(strategy, data, {"fast": [20, 40, 60], "slow": [100, 150, 200]}, '
    'train="3Y", test="1Y", store=False))'
)
# Name of the picture, cell that shows the widget.
CELLS = {
    "chart": "chart(result)",
    "explore": "explore(strategy, data, store=False)",
    "explain-day": "explain_day(result)",
    "fan": "fan(outsample.bootstrap(result, n_paths=10_000))",
    "folds": FOLDS,
    "runs": "runs(store)",
    "jobs": "jobs(store)",
    "golden": 'golden(folder="golden")',
    "submit": "submit(store)",
}


def prepare(widgets):
    """Bring some widgets into a state worth a picture."""
    day = widgets["explain-day"]
    day.locator("input[type=date]").fill("2006-03-01")
    day.locator("caption", has_text="2006-03-01").wait_for()
    widgets["explore"].get_by_role("button", name="Pin this").click()
    slider = widgets["explore"].locator("input[type=range]").first
    slider.fill("20")
    widgets["explore"].locator("[role=status]", has_text="fast=20,").wait_for()
    boxes = widgets["runs"].locator("tbody input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    widgets["runs"].get_by_role("button", name="Compare selected (2)").click()
    widgets["runs"].locator(".osw-stage").wait_for()
    widgets["golden"].get_by_role("button", name="Check").click()
    widgets["golden"].locator("h4").wait_for(timeout=60_000)
    widgets["jobs"].get_by_role("progressbar").first.wait_for(timeout=60_000)


def small(picture):
    """Return a PNG with a palette: a fifth of the bytes, the same to the eye."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    target = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, "PNG", optimize=True)
    made = target.getvalue()
    if len(made) > LARGEST:
        raise SystemExit(f"A picture has {len(made)} bytes; at most {LARGEST} are allowed.")
    return made


def main():
    """Run the notebook, look at every widget, write its picture."""
    sys.path.insert(0, str(ROOT / "tests"))
    from playwright.sync_api import sync_playwright

    from browser.lab import jupyter_lab, launch, open_notebook, run_all, settled, watched, write_notebook

    folder = Path(tempfile.mkdtemp(prefix="outsample-screenshots-"))
    write_notebook(folder / "widgets.ipynb", [SETUP, *CELLS.values()])
    with jupyter_lab(folder) as address, sync_playwright() as play:
        page = watched(launch(play), width=WIDTH + 170, height=2400)
        open_notebook(page, address, "widgets.ipynb")
        run_all(page, 300.0)
        failed = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
        if failed:
            raise SystemExit("\n".join(failed))
        page.wait_for_function("count => document.querySelectorAll('.osw').length > count", arg=len(CELLS) - 1)
        widgets = dict(zip(CELLS, page.locator(".osw").all(), strict=False))
        prepare(widgets)
        for name, widget in widgets.items():
            widget.scroll_into_view_if_needed()
            settled(page)
            clip = widget.bounding_box()
            clip["height"] = min(clip["height"], 1100)
            (IMAGES / f"widget-{name}.png").write_bytes(small(page.screenshot(clip=clip)))
        running = widgets["jobs"].get_by_role("button", name="Cancel")
        for button in running.all():
            button.click()
        page.get_by_role("cell", name="cancelled", exact=True).first.wait_for(timeout=60_000)


if __name__ == "__main__":
    main()
