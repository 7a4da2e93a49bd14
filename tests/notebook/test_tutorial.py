"""The tutorial, executed in a real kernel, and what the notebooks of the project look like in version control."""

import json
import re
from pathlib import Path

import pytest

from outsample import Store
from outsample.report.notebook import run_notebook

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TUTORIAL = next(path for path in NOTEBOOKS if path.stem == "tutorial")


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Text of every cell's outputs, by the cell's first line, and the store that was used."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTSAMPLE_STORE", str(folder / "store.db"))
        patch.chdir(folder)
        made = run_notebook(TUTORIAL, folder / "out.ipynb")
    found = {}
    for cell in json.loads(made.read_text(encoding="utf-8"))["cells"]:
        texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", ())]
        found["".join(cell["source"]).partition("\n")[0]] = "\n".join("".join(text) for text in texts)
    return found, folder


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%backtest golden_cross --data sample -o result", "[PROFITABLE]"),
        ("%%backtest golden_cross --data sample -o result", "no look-ahead found"),
        ("%compare result quicker", "Sharpe"),
        ("walk =", "best combination, with hindsight"),
        ("luck =", "the Sharpe ratio is between -0.13 and 0.98 (95 %): it cannot be told from 0"),
        ("%%backtest next_week", "These numbers use the future"),
        ("leaking.verdict", "look-ahead found on"),
        ("%runs golden_cross", "completed"),
        ("import tempfile", "'SAME'"),
        ("changed =", "fast: 50 -> 60"),
    ],
)
def test_the_tutorial_shows_what_it_says(executed, cell, words):
    """Each step has its result: report, comparison, walk-forward, bootstrap, a caught leak, trials, golden, drift."""
    (text,) = (text for first, text in executed[0].items() if first.startswith(cell))
    assert words in text


@pytest.mark.slow
@pytest.mark.notebook
def test_every_configuration_of_the_tutorial_is_a_trial(executed):
    """Nine combinations, among which are the two variants, and the leak."""
    with Store.open(str(executed[1] / "store.db")) as store:
        assert store.count("dataset", "sample").n == 9 + 1
        assert (executed[1] / "out.html").is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_clean(path):
    """No outputs, no counts, stable ids, one line of JSON per line of source: a diff shows what was changed."""
    text = path.read_text(encoding="utf-8")
    made = json.loads(text)
    assert text.endswith("}\n")
    identities = [cell["id"] for cell in made["cells"]]
    assert len(set(identities)) == len(identities)
    for cell in made["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
        assert isinstance(cell["source"], list)
    assert set(made["metadata"]) <= {"kernelspec", "language_info", "title", "voila"}
    assert not re.search(r"/home/|/root/|/tmp/|C:\\\\", text)
