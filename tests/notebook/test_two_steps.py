"""Where the picture takes its time, a cell shows text and tables first, and the picture then in the same output."""

import json
import os
import subprocess
import sys

import nbformat
import pytest

CELL = """%%backtest cross --no-lookahead -o r
fast = 20
close = data.get("close")
position = close.average(fast) > close.average(3 * fast)
"""
# What a kernel sends is what its publisher is given.
LISTEN = """
from IPython.core.interactiveshell import InteractiveShell
class Shell(InteractiveShell):
    KERNEL
shell = Shell.instance()
sent = []
def publish(data, *args, transient=None, update=False, **kwargs):
    sent.append((dict(data), (transient or {}).get("display_id"), update))
shell.display_pub.publish = publish
shell.run_line_magic("load_ext", "outsample")
"""


def notebook(*cells):
    """A notebook of code cells after the extension."""
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(text) for text in ("%load_ext outsample", *cells)]
    return made


def displays(kernel, lines):
    """What a fresh process sends for lines of Python: types, whether a picture is in it, display, update."""
    code = LISTEN.replace("KERNEL", "kernel = None" if kernel else "pass") + lines
    code += """
import json
told = [[sorted(data), "<img" in data.get("text/html", ""), of, update] for data, of, update in sent]
print("SENT" + json.dumps(told))
"""
    env = {**os.environ, "OUTSAMPLE_STORE": "none", "MPLBACKEND": "agg", "OUTSAMPLE_PROGRESS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120, check=True
    )
    line = next(text for text in done.stdout.splitlines() if text.startswith("SENT"))
    return [item for item in json.loads(line[4:]) if "text/html" in item[0]]


def outputs(cell):
    """The outputs of a saved cell that are displays."""
    return [output for output in cell["outputs"] if output["output_type"] == "display_data"]


@pytest.mark.slow
def test_a_kernel_gets_the_page_and_then_its_picture():
    """Two updates of one display in the first run, one in the second, when matplotlib is there."""
    run = f"shell.run_cell({CELL!r}).raise_error()\n"
    first, second, again = displays(True, run + run)
    assert (first[0], first[1]) == (["text/html", "text/plain"], False)
    assert (second[0], second[1]) == (["image/png", "text/html", "text/plain"], True)
    assert first[2] == second[2]
    assert first[3]
    assert second[3]
    assert again[1]
    assert again[2] != first[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "before"), [(False, ""), (True, "import os; os.environ['OUTSAMPLE_REPORT_DATA'] = '1'\n")]
)
def test_elsewhere_the_page_comes_once(kernel, before):
    """A terminal would print it twice; nobody watches a report."""
    (only,) = displays(kernel, f"{before}shell.run_cell({CELL!r}).raise_error()\n")
    assert only[1]


def test_who_interrupts_the_drawing_keeps_the_page(monkeypatch):
    """Text and tables stay; without them the display would say that the run was stopped."""
    from outsample.notebook import progress
    from outsample.results.shown import Shown

    class Slow(Shown):
        def text_bundle(self):
            return {"text/plain": "the page"}

    class Handle:
        shown = ()

        def update(self, value):
            if isinstance(value, Slow):
                raise KeyboardInterrupt
            self.shown = (*self.shown, value._repr_mimebundle_()["text/plain"])

    class Shell:
        kernel = None

    monkeypatch.setattr("IPython.core.getipython.get_ipython", Shell)
    monkeypatch.setattr(progress, "_first_picture", lambda: True)
    display, handle = progress.StageDisplay("cross"), Handle()
    monkeypatch.setattr("IPython.display.display", lambda *args, **kwargs: handle)
    with pytest.raises(KeyboardInterrupt), display:
        display.replace(Slow())
    assert handle.shown == ("the page",)


@pytest.mark.slow
def test_a_saved_notebook_has_one_output_with_the_picture(tmp_path, monkeypatch):
    """nbclient, which nbconvert and papermill run with, applies the updates: of what came before nothing is kept."""
    from nbclient import NotebookClient

    monkeypatch.setenv("OUTSAMPLE_STORE", "none")
    monkeypatch.setenv("OUTSAMPLE_PROGRESS", "1")
    seen = []

    class Client(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] == "update_display_data" and "text/html" in msg["content"]["data"]:
                seen.append("<img" in msg["content"]["data"]["text/html"])
            return super().process_message(msg, cell, cell_index)

    made = notebook(CELL, "r.name")
    Client(made, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert seen == [False, True]
    (output,) = outputs(made.cells[1])
    assert "image/png" in output["data"]
    assert output["data"]["text/html"].count("<img") == 1
    assert made.cells[2]["outputs"][0]["data"]["text/plain"] == "'cross'"


@pytest.mark.slow
def test_papermill_writes_one_output_with_the_picture(tmp_path, monkeypatch):
    """The file that papermill writes has the last state of the display."""
    import papermill

    monkeypatch.setenv("OUTSAMPLE_STORE", "none")
    monkeypatch.setenv("OUTSAMPLE_PROGRESS", "1")
    nbformat.write(notebook(CELL), tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), kernel_name="python3", progress_bar=False
    )
    (output,) = outputs(nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[1])
    assert "image/png" in output["data"]
    assert output["data"]["text/html"].count("<img") == 1
