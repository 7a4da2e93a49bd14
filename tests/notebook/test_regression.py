"""The regression report against planted drift: in the strategy, the data, the engine, the costs."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outsample import backtest, check_golden, load
from outsample.cli import main
from outsample.engine import vectorised
from outsample.golden import GoldenStatus
from outsample.golden.checking import GoldenDrift

REPORT = Path(__file__).parents[2] / "notebooks" / "regression_report.ipynb"
SOURCE = "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close.average(3 * fast)\n"
# What somebody else's release does to this machine, planted where a kernel reads it at its start.
RELEASES = {
    "engine": """
import dataclasses
from outsample.engine import registry, vectorised

@dataclasses.dataclass(frozen=True)
class Next(vectorised.VectorisedEngine):
    version: str = "2"

    def solve(self, problem):
        made = super().solve(dataclasses.replace(problem, costs=dataclasses.replace(problem.costs, slippage=0.002)))
        return dataclasses.replace(made, engine_version="2")

registry._OWN["vectorised"] = Next
""",
    "costs": """
import dataclasses
from outsample import config
config.MARKETS["US"] = dataclasses.replace(config.MARKETS["US"], options={"fee_ratio": 0.003})
""",
}
pytestmark = [pytest.mark.notebook, pytest.mark.slow]


def recorded(folder):
    """A folder with a strategy, prices, and an accepted result."""
    folder.mkdir()
    rng = np.random.default_rng(11)
    steps = rng.normal(0.0004, 0.012, (300, 4))
    dates = pd.bdate_range("2020-01-01", periods=300, name="date")
    close = pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=dates, columns=list("ABCD"))
    close.to_csv(folder / "prices.csv")
    (folder / "cross.py").write_text(SOURCE)
    return folder


def plant(folder, drift):
    """Change one thing."""
    if drift == "strategy":
        (folder / "cross.py").write_text(SOURCE.replace("20", "30"))
    elif drift == "data":
        # As text: reading and writing all of it may change the last digit of other cells.
        lines = (folder / "prices.csv").read_text().splitlines()
        day, *cells = lines[201].split(",")
        cells[1] = str(float(cells[1]) * 1.05)
        lines[201] = ",".join([day, *cells])
        (folder / "prices.csv").write_text("\n".join(lines) + "\n")
    elif drift in RELEASES:
        startup = folder / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "00-release.py").write_text(RELEASES[drift])


def report(*words):
    """Run the report in the current folder: exit code and what was said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(["report", str(REPORT), "-p", "golden=cross", "-p", "n_paths=0", "-o", "out.ipynb", *words])
    return code, said.getvalue()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """One report per planted drift: exit code, what was said, the page, and the folder."""
    root = tmp_path_factory.mktemp("regression")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_STORE", str(root / "store.db"))
        accepted = recorded(root / "accepted")
        patch.chdir(accepted)
        assert main(["golden", "record", "cross.py", "--data", "prices.csv", "--reason", "first"]) == 0
        for drift in ("none", "strategy", "data", *RELEASES):
            folder = root / drift
            shutil.copytree(accepted, folder)
            plant(folder, drift)
            patch.chdir(folder)
            patch.setenv("IPYTHONDIR", str(folder / "ipython"))
            code, said = report()
            page = folder / "out.html"
            found[drift] = (code, said, page.read_text(encoding="utf-8") if page.exists() else "", folder)
        yield found


def words_of(page):
    """What a reader sees, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)))


def test_nothing_planted_nothing_found(reports):
    """Exit code 0 and the word of the golden result."""
    code, said, page, _ = reports["none"]
    assert code == 0, said
    assert "the result is what was accepted" in page
    assert "An Exception was encountered" not in page


@pytest.mark.parametrize(
    ("drift", "level", "explanation"),
    [
        ("strategy", "DRIFTED", "changed: parameters"),
        ("data", "DATA CHANGED", "changed: data"),
        ("engine", "DRIFTED", "changed: engine"),
        ("costs", "DRIFTED", "changed: configuration"),
    ],
)
def test_planted_drift_fails_the_report_and_is_explained(reports, drift, level, explanation):
    """Exit code 1, papermill's banner, the level, and the input that moved; on the page and in the shell."""
    code, said, page, _ = reports[drift]
    assert code == 1, said
    text = words_of(page)
    assert "An Exception was encountered" in text
    assert level in text
    assert explanation in text
    assert explanation in said
    assert "checking.py" not in page


@pytest.mark.parametrize(
    ("drift", "detail"),
    [
        ("strategy", "fast: 20 -&gt; 30"),
        ("data", "close: 1 cell differs, on 2020-10-07, in B"),
        ("engine", "vectorised version 1 -&gt; vectorised version 2"),
        ("costs", "fee_ratio: 0.0005 -&gt; 0.003"),
    ],
)
def test_the_explanation_names_what_exactly_moved(reports, drift, detail):
    """The parameter, the line, the cell of the table, the version, the rate: from what to what."""
    assert detail in reports[drift][2]


def test_only_what_was_planted_is_blamed(reports):
    """No other input is named beside it."""
    factors = {"strategy": "parameters", "data": "data", "engine": "engine", "costs": "configuration"}
    for drift, factor in factors.items():
        assert set(re.findall(r"changed: (\w+)", reports[drift][2])) == {factor}, drift


def test_the_bar_from_which_the_curves_differ_is_named(reports):
    """The day that comparing the two equity curves gives, which is not before the price that changed."""
    found = re.search(r"First differing bar\D*(\d{4}-\d\d-\d\d)", words_of(reports["data"][2]))
    assert found
    files = (reports["none"][3] / "prices.csv", reports["data"][3] / "prices.csv")
    before, after = (backtest(SOURCE, load(str(file)), store=False, lookahead=False).equity for file in files)
    assert pd.Timestamp(found[1]) == before.index[(before - after).abs() > 1e-9][0]
    assert pd.Timestamp(found[1]) >= pd.Timestamp("2020-10-07")


def test_nothing_runs_when_a_parameter_is_mistyped(reports, monkeypatch):
    """A wrong name or a wrong value is exit code 2 before any kernel; the report of yesterday stays as it is."""
    _, _, page, folder = reports["none"]
    monkeypatch.chdir(folder)
    monkeypatch.setattr("papermill.execute_notebook", lambda *_, **__: pytest.fail("a kernel was started"))
    for words, expected in ((("-p", "goldn=cross"), "'golden'"), (("-p", "n_trials=many"), "whole number")):
        code, said = report(*words)
        assert code == 2
        assert expected in said
        assert (folder / "out.html").read_text(encoding="utf-8") == page


def test_an_engine_that_changed_under_its_version_is_told(reports, monkeypatch):
    """All inputs are the same and the numbers are not: drifted, and what computes them is blamed."""
    monkeypatch.chdir(reports["none"][3])
    before = vectorised.run_kernel

    def after(problem):
        record = before(problem)
        record.curve[0, -1] *= 1.001
        return record

    monkeypatch.setattr(vectorised, "run_kernel", after)
    found = check_golden("cross")
    assert found.status is GoldenStatus.DRIFTED
    assert found.explanation.factors == ()
    assert "no input changed: the code of the engine" in str(found)
    with pytest.raises(GoldenDrift, match="no input changed"):
        found.raise_for_status()


def test_data_in_a_file_that_is_gone_are_the_recorded_ones(reports, monkeypatch):
    """The pinned snapshot is run, and the check says so."""
    folder = reports["none"][3]
    monkeypatch.chdir(folder)
    (folder / "prices.csv").rename(folder / "elsewhere.csv")
    found = check_golden("cross")
    (folder / "elsewhere.csv").rename(folder / "prices.csv")
    assert found.status is GoldenStatus.SAME
    assert "prices.csv is not here" in " ".join(found.notes)
