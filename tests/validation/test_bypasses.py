"""Known ways around a validator: each must be refused, and for more than a slip of syntax."""

import re
from pathlib import Path

import pytest

from outsample.validation import validate

TEXT = Path(__file__).with_name("bypasses.txt").read_text(encoding="utf-8")
PARTS = re.split(r"^### (\w+)\n", TEXT, flags=re.MULTILINE)[1:]
BYPASSES = dict(zip(PARTS[::2], PARTS[1::2], strict=True))


def test_names_are_distinct_and_many():
    """Every bypass has a name of its own, and there are many more than sixty."""
    assert len(BYPASSES) == len(PARTS) // 2 > 200


@pytest.mark.parametrize("name", BYPASSES)
def test_bypass_is_refused(name):
    """The bypass meets a rule of severity error."""
    errors = {item.rule for item in validate(BYPASSES[name]) if item.severity == "error"}
    assert errors - {"syntax"}


# What is not the same inside a function: imports of the top only, and names that are local there, so that
# they are an UnboundLocalError and never the builtin or the module.
ONLY_TOP = {
    name
    for name, body in BYPASSES.items()
    if re.search(r"import \*|^from __future__", body, re.MULTILINE)
    or re.search(r"open\b", body)
    or name in {"module_conditional", "swap_modules", "format_global_changed"}
}


@pytest.mark.parametrize("name", [name for name in BYPASSES if name not in ONLY_TOP])
def test_bypass_is_refused_inside_a_strategy(name):
    """The same bypass is found in the body of a function."""
    indented = "\n".join(f"    {line}" for line in BYPASSES[name].splitlines())
    source = f"def strategy(data):\n    close = data.get('close')\n{indented}\n    return close\n"
    errors = {item.rule for item in validate(source) if item.severity == "error"}
    assert errors - {"syntax"}
