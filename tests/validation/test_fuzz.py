"""Whatever the text, validate answers with findings: no exception, no hang."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from outsample.validation import Finding, look_ahead_lint, validate
from outsample.validation.catalogue import RULES
from scale import SCALE

FOLDER = Path(__file__).parent
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((FOLDER.parent / "benign").glob("*.py"))]
BYPASSES = re.split(r"^### .*\n", (FOLDER / "bypasses.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
TOKENS = sorted(set(re.findall(r"\w+|[^\w\s]|\s+", "\n".join([*SOURCES, *BYPASSES]))))
quiet = settings(derandomize=True, deadline=None, max_examples=150 * SCALE, suppress_health_check=list(HealthCheck))


def well_formed(source: str) -> None:
    found = validate(source)
    look_ahead_lint(source)
    lines = re.split(r"\r\n|\r|\n", source)
    for item in found:
        assert isinstance(item, Finding)
        assert RULES[item.rule][0] == item.severity
        assert 1 <= item.line <= max(len(lines), 1)
        assert 1 <= item.column <= len(lines[item.line - 1]) + 1
        assert (item.end_line, item.end_column) >= (item.line, item.column)
    assert found == sorted(found, key=lambda item: (item.line, item.column, item.severity, item.rule))
    assert len(set(found)) == len(found)


@quiet
@given(st.text(max_size=300))
@example("\x00")
@example("\ud800")
@example("\ufeffx = 1")
@example("\\")
@example("x = '\\N{'")
@example("f'{'")
@example("f'{x!z}'")
@example("0777")
@example("1" * 5000)
@example("def f(:")
@example("\x0c\nx=1\r\ry")
@example("# coding: rot13\nx")
@example("match 1:\n case {**__x}: pass")
@example("x = '''" + "a" * 1000)
def test_any_text(source):
    """Any text at all gives well-formed findings."""
    well_formed(source)


@quiet
@given(st.lists(st.sampled_from(TOKENS), max_size=60))
def test_any_tokens(tokens):
    """Any sequence of tokens of real sources gives well-formed findings."""
    well_formed("".join(tokens))


@quiet
@given(st.sampled_from(SOURCES + BYPASSES), st.integers(0, 2**32))
def test_mutated_sources(source, seed):
    """A real source with pieces cut, doubled, swapped and replaced gives well-formed findings."""
    rng = random.Random(seed)
    parts = re.findall(r"\w+|[^\w\s]|\s+", source)
    for _ in range(rng.randint(1, 8)):
        if not parts:
            break
        place = rng.randrange(len(parts))
        action = rng.randrange(4)
        if action == 0:
            del parts[place : place + rng.randint(1, 3)]
        elif action == 1:
            parts[place:place] = parts[place : place + 2]
        elif action == 2:
            parts[place] = rng.choice(TOKENS)
        else:
            other = rng.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
    well_formed("".join(parts))


DEEP = {
    "parentheses": "x = " + "(" * 5000 + ")" * 5000,
    "brackets": "x = " + "[" * 150 + "]" * 150,
    "minus": "x = " + "-" * 50_000 + "1",
    "sum": "x = " + "+".join(["1"] * 20_000),
    "attributes": "x = data" + ".a" * 30_000,
    "calls": "x = f" + "()" * 30_000,
    "subscripts": "x = a" + "[0]" * 25_000,
    "lambdas": "x = " + "lambda: " * 3000 + "1",
    "nots": "x = " + "not " * 20_000 + "1",
    "powers": "x = " + "2**" * 20_000 + "1",
    "ternaries": "x = " + "1 if 1 else " * 5000 + "1",
    "elif": "if x:\n pass\n" + "elif x:\n pass\n" * 3000,
    "blocks": "".join("  " * i + "if x:\n" for i in range(90)) + "  " * 90 + "x\n",
    "functions": "".join(" " * i + "def f():\n" for i in range(90)) + " " * 90 + "x\n",
    "f-strings": "x = " + "f'{" * 100 + "1" + "}'" * 100,
    "statements": "x = 1\n" * 16_000,
    "names": "\n".join(f"a{i} = a{i + 1}" for i in range(5000)),
    "chain of tables": "a0 = data.get('close')\n"
    + "".join(f"a{i + 1} = a{i} + 1\n" for i in range(900))
    + "a900.mean()",
    "one name": "x = 1\n" + "x = x + 1\n" * 9000,
    "unknown names": "\n".join(f"f(unknown{i})" for i in range(5000)),
    "unknown attributes": "\n".join(f"np.unknown{i}" for i in range(5000)),
    "unknown imports": "\n".join(f"import unknown{i}" for i in range(5000)),
    "one import": "import numpy as n\n" * 5000 + "n.load\n" * 50,
    "null": "\x00" * 1000,
    "binary": bytes(range(256)).decode("latin-1") * 50,
    "huge": "x" * 10_000_000,
}


@pytest.mark.parametrize("kind", DEEP)
def test_deep_and_long_sources(kind):
    """Nesting and length of every kind end in findings, not in an exception of the interpreter."""
    well_formed(DEEP[kind])


def test_forty_elif_and_thirty_methods_are_ordinary():
    """Long chains as people write them are not too deep."""
    chain = "x = data.get('close')" + ".abs()" * 30
    branches = "if x is None:\n    pass\n" + "elif x is None:\n    pass\n" * 40
    assert validate(f"{chain}\n{branches}") == []
