"""What the documentation shows runs as it stands."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from outsample.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "howto").glob("*.md"))


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.stem)
def test_the_python_of_a_page_runs(path, tmp_path, monkeypatch, capsys):
    """Every block, in order, in one namespace and an empty folder; what a page says is printed is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    space = {}
    said = []
    for block in blocks(path, "python"):
        exec(compile(block, path.name, "exec"), space)
        said += re.findall(r"^print\(.+\)  # -> (.+)$", block, re.MULTILINE)
    printed = iter(capsys.readouterr().out.splitlines())
    for line in said:
        assert line in printed, line  # in this order: `in` uses up the iterator


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "sh")], ids=lambda p: p.stem)
def test_the_commands_of_a_page_run(path, tmp_path, monkeypatch):
    """Every `outsample` line ends with 0, notebooks found from the project's folder."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    for line in "\n".join(blocks(path, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "outsample", line
            assert main(words[1:]) == 0, line


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_yaml_of_a_page_can_be_read(path):
    """Configuration that is shown is well-formed."""
    for block in blocks(path, "yaml"):
        assert yaml.safe_load(block)


def test_every_page_is_in_the_index():
    """No page is lost."""
    index = (ROOT / "docs" / "howto" / "index.md").read_text(encoding="utf-8")
    for path in PAGES:
        assert path.stem == "index" or re.search(rf"^{path.stem}$", index, re.MULTILINE), path.stem
