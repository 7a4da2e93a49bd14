"""What the README shows runs as it stands."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_of_the_readme_runs(monkeypatch):
    """Every plain Python block, in order, in one namespace."""
    monkeypatch.setenv("OUTSAMPLE_STORE", "none")
    blocks = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if not block.startswith("%")]
    assert blocks
    space = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), space)
    assert space["walk"].windows.shape[0] >= 9


def test_every_file_that_is_named_is_there():
    """Paths in the README exist (what make demo writes aside)."""
    for name in re.findall(r"`((?:docs|notebooks|toolkit|tests|binder)/[\w./-]*|[A-Z]+\.md)`", README):
        assert (Path(__file__).parents[1] / name).exists(), name


def test_the_commands_are_targets():
    """`make demo` and `make test` are there."""
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
