"""The catalogue of rules, its page in the reference, and what validate really says, agree."""

import re
from pathlib import Path

import pytest

from installed import NUMPY_1
from outsample.validation import validate
from outsample.validation.catalogue import RULES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^### `([\w-]+)`\n\n.+?\n```python\n(.+?)```\n\n(.+?)\n", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = {rule: example for rule, example, _ in SECTIONS}
# What a page cannot show as it is: text too long, too deep, or with characters that nobody can see.
UNSHOWN = {
    "source-size": "x = 1\n" + "#" * (100 * 1024),
    "source-character": "x = '\x07'",
    "source-bidi": "x = '\u202e'",
    "nesting": "x = " + "-" * 200 + "1",
}


def _corpora():
    folder = Path(__file__).parent
    for name in ("bypasses.txt", "snippets.txt"):
        yield from re.split(r"^### .*\n", (folder / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


def test_every_rule_has_a_section():
    """The reference explains every rule, with an example and a hint, and no other."""
    assert list(EXAMPLES) == list(RULES)


@pytest.mark.parametrize("rule", sorted(RULES.keys() - {"import-missing"}))
def test_example_meets_its_rule(rule):
    """The example on the page meets the rule it explains, with the severity of the catalogue."""
    if rule == "attribute-unknown" and NUMPY_1:
        pytest.skip("numpy 1 has what numpy 2 took away")
    found = [item for item in validate(UNSHOWN.get(rule, EXAMPLES[rule])) if item.rule == rule]
    assert found
    assert {item.severity for item in found} == {RULES[rule][0]}


def test_missing_module_is_named(monkeypatch):
    """An allowed module that is not installed is a finding that says what to install."""
    from outsample.validation import resolve

    monkeypatch.setattr(resolve, "_module", lambda path: None if path.startswith("sklearn") else __import__(path))
    (finding,) = validate("import sklearn.linear_model")
    assert finding.rule == "import-missing"
    assert "scikit-learn" in finding.hint


def test_only_rules_of_the_catalogue():
    """Over all corpora no finding carries a rule or a severity that the catalogue does not know."""
    for source in _corpora():
        for item in validate(source):
            assert RULES[item.rule][0] == item.severity
