"""The runs of a store by what ``# meta:`` said of them."""

import json

import pytest

from outsample import Store
from outsample.cli import main
from outsample.notebook.failure import CellFailed

STRATEGY = """# meta: iteration={iteration} model='a b'
position = data.get('close') > data.get('close').average({days})
"""


@pytest.fixture
def runs(shell, store_url, tmp_path):
    """Two recorded runs of files with meta, made by `outsample run`."""
    for iteration, days in ((1, 20), (2, 30)):
        path = tmp_path / f"s{iteration}.py"
        path.write_text(STRATEGY.format(iteration=iteration, days=days))
        assert main(["run", str(path), "--data", "synthetic:3x300?seed=1", "--no-lookahead"]) == 0
    with Store.open(store_url) as store:
        yield store, shell


def names(capsys, *words):
    capsys.readouterr()
    assert main(["runs", "--json", *words]) == 0
    return sorted(row["name"] for row in json.loads(capsys.readouterr().out))


@pytest.mark.slow
def test_runs_by_meta(runs, capsys):
    """All values must match, one option or several; values are text; what nothing says gives nothing."""
    assert names(capsys) == ["s1", "s2"]
    assert names(capsys, "--meta", "iteration=2") == ["s2"]
    assert names(capsys, "--meta", "model=a b") == ["s1", "s2"]
    assert names(capsys, "--meta", "iteration=1", "model=a b") == ["s1"]
    assert names(capsys, "--meta", "iteration=1", "--meta", "model=a b") == ["s1"]
    assert names(capsys, "s2", "--meta", "iteration=1") == []
    assert names(capsys, "--meta", "unheard=of") == []
    assert main(["runs", "--meta", "iteration"]) == 2
    assert "key=value" in capsys.readouterr().err
    shell = runs[1]
    assert shell.run_line_magic("runs", "--meta iteration=2")["name"].tolist() == ["s2"]
    with pytest.raises(CellFailed, match="key=value"):
        shell.run_line_magic("runs", "--meta =2")
