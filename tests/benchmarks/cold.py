"""Cold starts: importing, the first cell, and compiling everything into an empty kernel cache."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

CELL = """
import time
began = time.perf_counter()
from IPython.core.interactiveshell import InteractiveShell
class Shell(InteractiveShell):
    kernel = None  # as a kernel has: what it displays can be replaced
shell = Shell.instance()
shell.run_line_magic("load_ext", "outsample")
loaded = time.perf_counter()
text, picture = [], []
publish = shell.display_pub.publish
def note(data, *args, **kwargs):
    if "text/html" in data:  # the report, not what is being done
        (picture if "<img" in data["text/html"] else text).append(time.perf_counter() - began)
    publish(data, *args, **kwargs)
shell.display_pub.publish = note
shell.run_cell_magic("backtest", "--data sample --no-cache OPTION", '''
close = data.get("close")
position = close.average(20) > close.average(60)
''')
assert len(text) == len(picture) == 1, "text and tables first, then the picture"
print(f"TIMES {loaded - began} {text[0]} {picture[0]}")
"""


def seconds_of(code, environment=None):
    """Wall seconds of a fresh Python that runs a line."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def imports(rounds=7):
    """Median seconds of a Python that imports pandas, and of one that imports outsample, interleaved."""
    pandas, ours = [], []
    for _ in range(rounds):
        pandas.append(seconds_of("import pandas"))
        ours.append(seconds_of("import outsample"))
    return statistics.median(pandas), statistics.median(ours)


def first_cell(option="", rounds=3):
    """Median seconds until the extension is loaded, text and tables of a cell stand there, and its picture too."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", CELL.replace("OPTION", option)], check=True, capture_output=True, text=True,
                env=os.environ | {"OUTSAMPLE_STORE": f"{folder}/store.db", "MPLBACKEND": "agg"},
            )  # fmt: skip
        line = next(text for text in done.stdout.splitlines() if text.startswith("TIMES"))
        found.append([float(value) for value in line.split()[1:]])
    return [statistics.median(column) for column in zip(*found, strict=True)]


def warm():
    """Seconds of `outsample warm` in an empty kernel cache, and again in the cache that it made."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        times = []
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "outsample", "warm"], check=True, capture_output=True, env=environment
            )
            times.append(time.perf_counter() - start)
        return times


def lines(slow):
    """The rows of the report."""
    pandas, ours = imports()
    loaded, text, picture = first_cell()
    _, bare, bare_picture = first_cell("--no-lookahead")
    empty, again = warm()
    return [
        "| cold start | measured | target | |",
        "| --- | ---: | ---: | --- |",
        f"| `import pandas` | {pandas * 1e3:.0f} ms | | |",
        _row("`import outsample`, over pandas", (ours - pandas) * 1e3 / slow, 100, "ms / f"),
        f"| `%load_ext outsample` in a new process | {loaded * 1e3:.0f} ms | | |",
        _row("first `%%backtest`, from the start of IPython: text and tables", text / pandas, 5, "x import pandas"),
        f"| its picture, in the same output | {picture / pandas:.3g} x import pandas | | |",
        _row("text and tables with `--no-lookahead`", bare / pandas, 5, "x import pandas"),
        f"| its picture | {bare_picture / pandas:.3g} x import pandas | | |",
        _row("`outsample warm`, empty kernel cache", empty / slow, 60, "s / f"),
        f"| `outsample warm` again | {again / slow:.1f} s / f | | |",
    ]


def _row(what, value, target, unit):
    mark = "met" if value <= target else "missed"
    return f"| {what} | {value:.3g} {unit} | <= {target} {unit} | {mark} |"
