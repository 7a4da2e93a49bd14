"""The page of the public interface has every public name."""

import re
from pathlib import Path

import pytest

import outsample

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
MODULES = re.findall(r"automodule:: ([\w.]+)", PAGE)


@pytest.mark.parametrize("name", outsample.__all__)
def test_a_public_name_is_on_the_page(name):
    """By itself, in a module that is there as a whole, or in a sentence."""
    module = getattr(getattr(outsample, name), "__module__", "") or ""
    assert re.search(rf"\b{name}\b", PAGE) or any(module == own or module.startswith(f"{own}.") for own in MODULES)
