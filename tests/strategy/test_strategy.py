"""Parameters and structure of strategies."""

import concurrent.futures
import json
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import outsample
from outsample.errors import ConfigError, DataMissing, ValidationError
from outsample.strategy import Strategy

SOURCE = """
fast = 20  # 5..60, days of the fast average
slow = 60
close = data.get("close")
position = close.average(fast) > close.average(slow)
"""


def parameters(source):
    return {name: parameter.value for name, parameter in Strategy.from_source(source).parameters.items()}


def test_a_comment_gives_range_and_help():
    """`# low..high, text` becomes bounds of a control and its help."""
    fast = Strategy.from_source(SOURCE).parameters["fast"]
    assert (fast.low, fast.high, fast.help, fast.line) == (5.0, 60.0, "days of the fast average", 2)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = 1", {"a": 1}),
        ("a = -1.5", {"a": -1.5}),
        ("a: int = 3", {"a": 3}),
        ("a = (1, 2)", {"a": (1, 2)}),
        ("a = [1, 'x', None, True]", {"a": [1, "x", None, True]}),
        ("a = None", {"a": None}),
        ("a = 'text'", {"a": "text"}),
        ("_a = 1", {}),
        ("position = 1", {}),
        ("signal = 1", {}),
        ("data = 1", {}),
        ("a = b = 1", {}),
        ("a = 1\na = 2", {}),
        ("a = 1\na += 1", {}),
        ("a = 1\nfor a in x: pass", {}),
        ("a = 1\nwith f() as a: pass", {}),
        ("a = 1\ndef a(): pass", {}),
        ("a = 1\nimport numpy as a", {}),
        ("a = 1\n(b := 2)\n[a := 3 for i in x]", {}),
        ("a = 1\ndef f():\n    global a\n    a = 2", {}),
        ("a = 1\ndef f():\n    a = 2", {"a": 1}),
        ("a = 1\nf = [a for a in x]", {"a": 1}),
        ("a = 1\ntry: pass\nexcept E as a: pass", {}),
        ("a = 1\nmatch x:\n    case a: pass", {}),
        ("if True:\n    a = 1", {}),
        ("a = [[1]]", {}),
        ("a = {}", {}),
        ("a = 1 + 1", {}),
        ("a = 1j", {}),
        ("a = b'x'", {}),
        ("def strategy(data, fast=20, *, slow=60, fit=None):\n    return data", {"fast": 20, "slow": 60, "fit": None}),
        ("k = 3\ndef strategy(data, n=2):\n    return data", {"k": 3, "n": 2}),
        ("def strategy(data, /, fast=f(), n=(1, 2)):\n    return data", {"n": (1, 2)}),
    ],
)
def test_what_is_a_parameter(source, expected):
    """A literal assigned once at top level, or a default of strategy(); nothing else."""
    assert parameters(source) == expected


def test_the_same_name_twice_is_an_error_with_its_line():
    """A constant and a default of one name cannot both be overridden."""
    with pytest.raises(ValidationError, match="'n' is a parameter twice") as caught:
        Strategy.from_source("n = 1\ndef strategy(data, n=2):\n    return data").parameters
    assert caught.value.line == 2


def test_overrides_keep_the_type_of_the_literal():
    """30.0 for an int is 30, 1 for a float is 1.0, a list for a tuple is a tuple."""
    strategy = Strategy.from_source("i = 1\nf = 1.0\nt = (1, 2)\nn = None\ns = 'x'\nb = True")
    values = strategy.with_params(i=30.0, f=1, t=[3], n=5, s="y", b=False).values
    assert values == {"i": 30, "f": 1.0, "t": (3,), "n": 5, "s": "y", "b": False}
    assert type(values["i"]) is int
    assert type(values["f"]) is float


@pytest.mark.parametrize("wrong", [{"i": 1.5}, {"i": "1"}, {"i": True}, {"f": "x"}, {"b": 1}, {"i": {}}, {"i": [[1]]}])
def test_a_value_of_another_type_is_refused(wrong):
    """The message names the parameter and what was got."""
    with pytest.raises(ConfigError, match="parameter"):
        Strategy.from_source("i = 1\nf = 1.0\nb = True").with_params(**wrong)


def test_an_unknown_parameter_names_the_nearest():
    """A typo in --params is an error, with the right name."""
    with pytest.raises(ConfigError, match=r"'fats'.*'fast'"):
        Strategy.from_source(SOURCE).with_params(fats=3)


@pytest.mark.parametrize("value", [7, -3, (1,), math.inf])
def test_the_tree_holds_the_values_on_the_lines_of_the_source(value):
    """Line numbers of errors stay those of the author."""
    source = "\n\na = 1.5\nb = a\n" if isinstance(value, float) else "\n\na = 1\nb = a\n"
    source = source.replace("1\n", "(9, 9)\n", 1) if isinstance(value, tuple) else source
    space = {}
    tree = Strategy.from_source(source).with_params(a=value).syntax_tree()
    exec(compile(tree, "x", "exec"), space)
    assert space["b"] == value
    assert tree.body[0].lineno == 3


def test_editing_a_literal_and_overriding_it_are_the_same():
    """Structure and values are equal, so the key will be."""
    edited = Strategy.from_source(SOURCE.replace("fast = 20", "fast = 30"))
    overridden = Strategy.from_source(SOURCE).with_params(fast=30)
    assert edited.sha == overridden.sha
    assert edited.values == overridden.values


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s + "\n\n# a comment\n",
        lambda s: s.replace("fast = 20  # 5..60, days of the fast average", "fast=20"),
        lambda s: '"""A docstring."""\n' + s,
        lambda s: s.replace('"close"', "'close'"),
        lambda s: s.replace("close.average(fast)", "(close\n  .average( fast ))"),
        lambda s: s.replace("slow = 60", "slow = 90"),
    ],
)
def test_comments_layout_and_parameter_values_do_not_change_the_structure(change):
    """What cannot change a number for given parameters is not in the structure."""
    assert Strategy.from_source(change(SOURCE)).sha == Strategy.from_source(SOURCE).sha


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.replace(">", ">="),
        lambda s: s.replace("average", "rise"),
        lambda s: s.replace('"close"', '"open"'),
        lambda s: s.replace("slow = 60", "slow = int(60)"),
        lambda s: s.replace("slow", "slower"),
        lambda s: s.replace("average(fast)", "average(fast, 1)"),
        lambda s: s.replace("average(fast)", "average(fast, 1.0)"),
        lambda s: s.replace("average(fast)", "average(fast, True)"),
        lambda s: s.replace("average(fast)", "average(fast, '1')"),
        lambda s: s.replace("average(fast)", "average(fast, b'1')"),
    ],
)
def test_anything_else_changes_the_structure(change):
    """Different code has a different structure, also 1, 1.0, True and '1'."""
    shas = {Strategy.from_source(other(SOURCE)).sha for other in (change, lambda s: s)}
    assert len(shas) == 2


def test_structures_of_one_are_distinct_by_type():
    """1, 1.0, True, '1' and b'1' are five constants."""
    assert len({Strategy.from_source(f"f({text})").sha for text in ("1", "1.0", "True", "'1'", "b'1'", "1j")}) == 6


def test_a_syntax_error_has_its_line():
    """The line is that of the source."""
    with pytest.raises(ValidationError, match="SyntaxError") as caught:
        Strategy.from_source("a = 1\nb = = 2\n").sha
    assert caught.value.line == 2


FSTRINGS = r'''
a = 3
b = f"{a}" "tail" f"{a!r:>{a}} {{x}}"
c = f"{a=}" + f'{b:%Y-%m}' + """multi
line"""
def f[T](x): return x
'''
PORTABLE = (
    SOURCE
    + FSTRINGS.replace("def f[T](x): return x\n", "")
    + """
class A:
    "doc"
    x: int = 10**400
    def m(self, *a, k=-0.0, **kw):
        "doc"
        return lambda y: (yield y)
async def g(): return [i async for i in x if i]
match a:
    case {"k": [1, *rest], **kw} | A(x=1) if rest: pass
try: pass
except* ValueError: pass
"""
)


@pytest.mark.slow
def test_structure_is_equal_on_every_python(tmp_path):
    """The digest of the structure is the same on the Pythons of this machine (at least this one)."""
    source = tmp_path / "s.py"
    source.write_text(PORTABLE, encoding="utf-8")
    root = Path(outsample.__file__).parent
    # canonical.py needs numpy and pandas; another Python may have neither, so the JSON text is compared.
    program = (
        "import ast, json, sys, types\n"
        f"text = open({str(root / 'strategy' / 'structure.py')!r}).read()\n"
        "space = {}\nexec(text, space)\n"
        f"tree = ast.parse(open({str(source)!r}, encoding='utf-8').read())\n"
        "print(json.dumps(space['structure_of'](tree, {}), sort_keys=True))\n"
    )
    outputs = {}
    for python in (sys.executable, *_other_pythons()):
        done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        outputs[python] = json.loads(done.stdout)
    first = outputs.pop(sys.executable)
    for python, other in outputs.items():
        assert other == first, python


def _other_pythons():
    for version in ("3.11", "3.12", "3.13"):
        folders = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        yield from map(str, folders[-1:])
        system = Path(f"/usr/bin/python{version}")
        if system.exists():
            yield str(system)


def test_files_are_read_as_python_reads_them(tmp_path):
    """Encoding cookies and BOMs count; a missing file and a folder are named."""
    path = tmp_path / "momentum.py"
    path.write_bytes("\ufeffa = 1  # 參數\n".encode())
    strategy = Strategy.from_file(path)
    assert strategy.name == "momentum"
    assert strategy.values == {"a": 1}
    with pytest.raises(DataMissing, match="no file"):
        Strategy.from_file(tmp_path / "nothing.py")
    with pytest.raises(DataMissing, match="folder"):
        Strategy.from_file(tmp_path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(ValidationError):
        Strategy.from_file(path)


def test_cells_of_a_notebook(tmp_path):
    """Cells are found by name, by place, or because there is one."""

    def cell(text):
        return {"cell_type": "code", "source": text.splitlines(keepends=True)}

    path = tmp_path / "nb.ipynb"
    cells = [cell("x = 1"), cell("%%backtest first --data sample\na = 1"), cell("%%backtest -q\nb = 2")]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert Strategy.from_notebook(path, "first").values == {"a": 1}
    assert Strategy.from_notebook(path, 1).values == {"b": 2}
    with pytest.raises(ConfigError, match="2 %%backtest cells"):
        Strategy.from_notebook(path)
    with pytest.raises(DataMissing, match="no %%backtest cell 'third'"):
        Strategy.from_notebook(path, "third")
    path.write_text("not json", encoding="utf-8")
    with pytest.raises(ValidationError, match="no notebook"):
        Strategy.from_notebook(path)


def test_what_a_caller_changes_stays_with_its_strategy():
    """Strategies of one text share what follows from it; lists and structures are handed out as copies."""
    text = "w = [3, 5]\nposition = data.get('close').average(w[0]) > data.get('close').average(w[1])\n"
    one = Strategy.from_source(text)
    sha = one.sha
    one.parameters["w"].value.append(7)
    one.parameters["w"].default[0] = 99
    one.structure.clear()
    again = Strategy.from_source(text)
    assert again.values == {"w": [3, 5]}
    assert again.parameters["w"].default == [3, 5]
    assert again.with_params(w=[1, 2]).sha == again.sha == sha
    assert again.structure


def test_threads_agree_on_the_structure_of_a_new_source():
    """Parameters are known by the nodes of one tree, whoever is first to read the text."""
    lines = "".join(f"a{k} = {k} * 2 + len('x{k}')\n" for k in range(200))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for n in range(20):
            text = f"n = {n}\nm = 3\n{lines}position = data.get('close') > n + m + {n}\n"
            gate = threading.Barrier(8)

            def sha(_, text=text, gate=gate):
                gate.wait()
                return Strategy.from_source(text).sha

            found = set(pool.map(sha, range(8)))
            edited = Strategy.from_source(text.replace("m = 3", "m = 4"))
            assert found == {edited.sha}
