"""A source of operators alone is worked out step by step, and says what it says when it is run."""

import ast
import warnings

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outsample import load
from outsample.data import StrategyFrame
from outsample.sandbox import series, steps
from outsample.sandbox.decode import decode_answers
from outsample.sandbox.namespace import make_scene
from outsample.sandbox.payload import dataset_payload, open_payload
from outsample.sandbox.stubs import Notes
from outsample.sandbox.wire import MessageReader
from scale import SCALE

pytestmark = pytest.mark.skipif("sys.platform != 'linux'")
CROSSING = "fast = 3\nslow = 8\nc = data.get('close')\nposition = c.average(fast) > c.average(slow)\n"


@pytest.fixture(scope="module")
def data():
    return open_payload(dataset_payload(load("synthetic:3x120?seed=4")).descriptor)


def answers(source, sets, data, monkeypatch, *, stepwise):
    """Every answer of a series: the header's words and the table."""
    reader, found, count = MessageReader(1 << 24), [], []

    def send(parts):
        nonlocal reader
        for part in parts:
            message = reader.feed(bytes(part))
            if message is not None:
                found.extend(decode_answers(message))
                reader = MessageReader(1 << 24)

    plain = steps.Steps.run

    def run(self, params, caught):
        table = plain(self, params, caught) if stepwise else None
        count.append(table is not None)
        return table

    monkeypatch.setattr(steps.Steps, "run", run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        series.Series({"source": source, "name": "s", "seed": 0}, data, Notes(), send).answer(sets)
    monkeypatch.setattr(steps.Steps, "run", plain)
    return found, count


def check(source, sets, data, monkeypatch):
    """Both ways say the same; return for which sets steps were enough."""
    ours, count = answers(source, sets, data, monkeypatch, stepwise=True)
    theirs, _ = answers(source, sets, data, monkeypatch, stepwise=False)
    assert len(ours) == len(theirs) == len(sets)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.status, one.error, one.error_type, one.hint, one.line, one.warnings, one.traceback) == (
            other.status, other.error, other.error_type, other.hint, other.line, other.warnings, other.traceback,
        )  # fmt: skip
        if other.positions is not None:
            assert (one.positions.kind, one.positions.call) == (other.positions.kind, other.positions.call)
            pd.testing.assert_frame_equal(one.positions.frame, other.positions.frame)
    return count


STEPS = {
    "crossing": (CROSSING, [{"fast": f, "slow": s} for f in (2, 3, 5) for s in (8, 13)]),
    "one parameter": ("n = 3\nposition = data.get('close').average(n=n).is_largest(1)\n",
                      [{"n": n} for n in (2, 5, 2)]),
    "a score": ("n = 3\nsignal = data.get('close').average(n)\n", [{"n": n} for n in (3, 4)]),
    "chosen key": ("key = 'close'\nposition = data.get(key) > 20\n", [{"key": k} for k in ("close", "open", "close")]),
    "scalars": ("n = 3\nk = 2\nm = n * k + 1\nposition = -data.get('close').average(m) < -20.0 / k\n",
                [{"n": n, "k": k} for n in (2, 3) for k in (1, 2)]),
    "a name twice": ("n = 3\nc = data.get('close')\nposition = c > c.average(n)\nposition = position & ~c.fall(n)\n",
                     [{"n": n} for n in (2, 3)]),
    "a function": (("'Says what it is.'\nedge = 1.0\ndef strategy(d, n=5, k=2.0):\n    'And more.'\n"
                    "    c = d.get('close')\n    return (c > c.average(n) * edge) * k\n"),
                   [{"edge": e, "n": n, "k": k} for e in (1.0, 1.1) for n in (3, 5) for k in (0.5, 1.0)]),
    "both zeros": (
        "x = 1.0\nn = 0\nposition = 1.0 / (data.get('close') * x) > n\n",
        [{"x": x, "n": n} for x in (0.0, -0.0, 2.0) for n in (0, 1)],
    ),
    "aligned": ("n = 9\nc = data.get('close')\nposition = c.bars('W', how='last').average(2) > c.average(n)\n",
                [{"n": n} for n in (3, 9)]),
    "held": ("n = 9\nc = data.get('close')\nm = c.average(n)\nposition = (c > m).hold_until(c < m, stop_loss=0.1)\n",
             [{"n": n} for n in (3, 9)]),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_steps_say_what_a_run_says(data, monkeypatch, name):
    """The answer of every set is that of the ordinary way, and all of them were made by steps."""
    source, sets = STEPS[name]
    assert check(source, sets, data, monkeypatch) == [True] * len(sets)


OTHERS = {
    "a call": "n = 3\nposition = abs(data.get('close') - n) > 2\n",
    "a module": "n = 3\nimport numpy as np\nposition = np.log(data.get('close')) > n\n",
    "a condition": "n = 3\nif n > 2: n2 = 5\nposition = data.get('close') > n\n",
    "sim": "n = 3\nsim(data.get('close') > n)\n",
    "a slice": "n = 3\nposition = data.get('close').iloc[n:] > 3\n",
    "pandas": "n = 3\nposition = data.get('close').rolling(n).mean() > 20\n",
    "an attribute": "n = 3\nposition = data.get('close').T.T > n\n",
    "a list": "n = [3]\nposition = data.get('close') > sum(n)\n",
    "two targets": "n = 3\na = b = data.get('close')\nposition = a > n\n",
    "data of another name": "n = 3\ndata = data.get('close')\nposition = data > n\n",
    "a chain": "n = 3\nposition = 1 < data.get('close') > n\n",
    "unpacking": "n = 3\nc = data.get('close')\nposition = c.average(*(n,)) > c.average(**{'n': n})\n",
    "random": "n = 3\nposition = data.get('close') * np.random.rand() > n\n",
    "a decorator": "@staticmethod\ndef strategy(data, n=3):\n    return data.get('close') > n\n",
    "a local of another's name": (
        "edge = 1.0\ndef strategy(data, n=3):\n    c = data.get('close') * edge\n    edge = 2.0\n    return c > n\n"
    ),
    "data before the function": "c = data.get('close')\ndef strategy(data, n=3):\n    return c > n\n",
    "nothing": "n = 3\nresult = data.get('close') > n\n",
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_sources_are_run(data, monkeypatch, name):
    """Whatever might do more than give a value goes the ordinary way from the start."""
    source = OTHERS[name]
    sets = [{"n": [2]}, {"n": [4]}] if name == "a list" else [{"n": 2}, {"n": 4}]
    assert check(source, sets, data, monkeypatch) == []


FAILING = {
    "an error": ("n = 3\nposition = data.get('close').average(n) > 20\n", [2, 0, 3]),
    "a line nobody reads": ("n = 3\nc = data.get('close')\nunused = c.average(n)\nposition = c > 20\n", [2, 0, 3]),
    "a key that is not there": ("n = 'close'\nposition = data.get(n) > 20\n", ["open", "nothing", "close"]),
    "no table": ("n = 3\nc = data.get('close')\nposition = c.quantile_row(0.5)\n", [2, 3]),
    "a number": ("n = 3\nposition = n + 1\n", [2, 3]),
    "another type": ("n = 3\nposition = data.get('close') > n\n", [2, 3.0, 4]),
    "division": ("n = 1\nk = 4 / n\nposition = data.get('close') > k\n", [1, 0, 2]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_is_run_and_says_so(data, monkeypatch, name):
    """A set that fails step by step fails in its own words, with its line; the sets around it are well."""
    source, values = FAILING[name]
    check(source, [{"n": value} for value in values], data, monkeypatch)


def test_a_warning_is_told(data, monkeypatch):
    """A step that warns is run the ordinary way, which names the line."""
    plain = StrategyFrame.average

    def average(self, n):
        if n == 3:
            warnings.warn("three", RuntimeWarning, stacklevel=2)
        return plain(self, n)

    monkeypatch.setattr(StrategyFrame, "average", average)
    count = check(
        "n = 2\nposition = data.get('close').average(n) > 20\n", [{"n": n} for n in (2, 3, 4)], data, monkeypatch
    )
    assert count[:2] == [True, False]


def test_a_step_is_worked_out_once_for_all_sets_that_share_it(data, monkeypatch):
    """Six sets of two and three values take five averages; what all parameters are in is made for each set, once."""
    asked = []
    plain = StrategyFrame.average
    monkeypatch.setattr(StrategyFrame, "average", lambda self, n: asked.append(n) or plain(self, n))
    source = (
        "a = 2\nb = 5\nc = data.get('close')\nposition = c.average(a) > c.average(b)\nposition = position & position\n"
    )
    sets = [{"a": a, "b": b} for a in (2, 3) for b in (5, 6, 7)]
    answers(source, sets, data, monkeypatch, stepwise=True)
    assert sorted(asked) == [2, 3, 5, 6, 7]
    del asked[:]
    answers("a = 2\nb = 5\nposition = data.get('close').average(a + b) > 20\nagain = position & position\n",
            sets, data, monkeypatch, stepwise=True)  # fmt: skip
    assert asked == [7, 8, 9, 8, 9, 10]


def test_kept_values_have_a_limit(data, monkeypatch):
    """Where there is no room values are worked out again: the same answers."""
    source, sets = STEPS["crossing"]
    monkeypatch.setattr(steps, "KEPT_BYTES", 4_000)
    assert all(check(source, sets, data, monkeypatch))
    monkeypatch.setattr(steps, "KEPT_BYTES", 0)
    assert all(check(source, sets, data, monkeypatch))


@pytest.mark.parametrize("method", sorted(steps._METHODS))
def test_methods_leave_their_frame_alone(data, method):
    """A method that is taken for a step changes neither its frame nor what it is given."""
    close = data.get("close")
    frame = (
        close > close.average(3) if method in {"sustain", "is_entry", "is_exit", "hold_until", "exit_when"} else close
    )
    before, answered = pd.DataFrame(frame, copy=True), 0
    for given_ in ((), (2,), (0.5,), ("W",), (~(close > 20),), (close,)):
        try:
            getattr(frame, method)(*given_)
        except Exception:  # noqa: BLE001 - not its arguments
            continue
        answered += 1
    assert answered
    pd.testing.assert_frame_equal(pd.DataFrame(frame), before)
    pd.testing.assert_frame_equal(pd.DataFrame(close), pd.DataFrame(data.frame("close")))


LEAVES = st.sampled_from(["a", "b", "2", "0.5", "c", "o", "True"])


def larger(inner):
    pair = st.tuples(
        inner, st.sampled_from(["+", "-", "*", "/", ">", "<", ">=", "==", "&", "|", "^", "%", "//"]), inner
    )
    call = st.tuples(
        inner, st.sampled_from(["average", "rise", "shift", "is_largest", "sustain", "rank", "zscore_row"]), inner
    )
    return (
        pair.map(lambda of: f"({of[0]} {of[1]} {of[2]})")
        | call.map(lambda of: f"({of[0]}).{of[1]}({of[2]})")
        | inner.map(lambda of: f"(-{of})")
        | inner.map(lambda of: f"(~{of})")
    )


@settings(max_examples=100 * SCALE)
@given(lines=st.lists(st.recursive(LEAVES, larger, max_leaves=6), min_size=1, max_size=4), shift=st.integers(0, 2))
def test_any_lines_say_what_a_run_says(data, lines, shift):
    """Lines of random operators, most of which fail somewhere: the same tables, errors and warnings."""
    body = "".join(f"x{k} = {line}\n" for k, line in enumerate(lines))
    last = f"position = x{len(lines) - 1} > x{shift % len(lines)}\n"
    source = f"a = 3\nb = 5\nc = data.get('close')\no = data.get('open')\n{body}{last}"
    try:
        ast.parse(source)
    except SyntaxError:
        return
    with pytest.MonkeyPatch.context() as patch:
        check(source, [{"a": a, "b": b} for a in (2, 3) for b in (4, 0)], data, patch)


WHOLE = st.sampled_from(["a", "b", "2", "(a + b)"])
FLOATS = st.recursive(
    st.sampled_from(["c", "o", "x"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner | WHOLE).map(lambda of: f"({of[0]} {of[1]} {of[2]})")
        | st.tuples(inner, st.sampled_from(["average", "shift", "pct_change"]), WHOLE).map(
            lambda of: f"{of[0]}.{of[1]}({of[2]})"
        )
        | inner.map(lambda of: f"(-{of})")
        | inner.map(lambda of: f"{of}.zscore_row()")
    ),
    max_leaves=4,
)
TRUTHS = st.recursive(
    st.tuples(FLOATS, st.sampled_from([">", "<", ">=", "=="]), FLOATS | WHOLE).map(
        lambda of: f"({of[0]} {of[1]} {of[2]})"
    )
    | st.tuples(FLOATS, st.sampled_from(["rise", "fall", "is_largest"]), WHOLE).map(
        lambda of: f"{of[0]}.{of[1]}({of[2]})"
    ),
    lambda inner: (
        st.tuples(inner, st.sampled_from("&|^"), inner).map(lambda of: f"({of[0]} {of[1]} {of[2]})")
        | inner.map(lambda of: f"(~{of})")
        | st.tuples(inner, WHOLE).map(lambda of: f"{of[0]}.sustain({of[1]})")
    ),
    max_leaves=3,
)


@settings(max_examples=100 * SCALE)
@given(first=FLOATS, second=FLOATS, last=TRUTHS | FLOATS)
def test_any_strategy_of_operators_says_what_a_run_says(data, first, second, last):
    """Frames in, a table out: every set is answered by steps, with the table of a run."""
    source = (
        "a = 3\nb = 5\nc = data.get('close')\no = data.get('open')\nx = c\n"
        f"x = {first}\nx = {second}\nposition = {last}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        count = check(source, [{"a": a, "b": b} for a in (2, 3) for b in (4, 7)], data, patch)
    infinite = "/" in first + second + last  # refused outside of the child
    assert all(count) or infinite


def test_too_deep_a_source_is_run(data):
    """An expression that Python can hardly nest is no source of steps."""
    tree = ast.parse("position = data.get('close')")
    for _ in range(5_000):
        tree.body[0].value = ast.UnaryOp(ast.USub(), tree.body[0].value)
    assert steps.find_steps(tree, {}, "script", make_scene(data, Notes())) is None
