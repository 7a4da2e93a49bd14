"""A series of parameter sets answers what each set answers alone, whatever happens to one of them."""

import statistics
import threading

import pandas as pd
import pytest

from outsample import load
from outsample.model import Status
from outsample.sandbox import SandboxSession, run_sandboxed
from outsample.sandbox.decode import decode_answers
from outsample.sandbox.payload import dataset_payload, open_payload
from outsample.sandbox.series import Series, Template
from outsample.sandbox.stubs import Notes
from outsample.sandbox.wire import Labels, Message, MessageReader, encode_batch, packed

pytestmark = pytest.mark.skipif("sys.platform != 'linux'")
PLAIN = "fast = 10\nslow = 50\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x300?seed=2")


def same(a, b):
    assert (a.status, a.error, a.error_type, a.line, a.traceback, a.warnings, a.stdout) == (
        b.status, b.error, b.error_type, b.line, b.traceback, b.warnings, b.stdout,
    )  # fmt: skip
    if a.positions is None or b.positions is None:
        assert a.positions is b.positions
    else:
        assert (a.positions.kind, a.positions.call) == (b.positions.kind, b.positions.call)
        pd.testing.assert_frame_equal(a.positions.frame, b.positions.frame)


SOURCES = {
    "plain": (PLAIN, [{"fast": f, "slow": s} for f in (3, 5, 8) for s in (20, 40)]),
    "function": ("def strategy(data, n=5, *, k=2.0):\n    c = data.get('close')\n    return (c > c.average(n)) * k\n",
                 [{"n": n, "k": k} for n in (3, 9) for k in (1.0, 0.5)]),
    "text, truth, none": (("key = 'close'\nup = True\nodd = None\nc = data.get(key)\n"
        "position = (c > 20) if up else (c < 20)\n"),
                          [{"key": k, "up": u, "odd": o} for k in ("close", "open") for u in (True, False)
                           for o in (None, 3)]),
    "lists": ("ns = [3, 4]\nns.append(7)\nposition = data.get('close').average(sum(ns)) > 20\n",
        [{"ns": [2, 3]}, {"ns": [5]}, {"ns": [2, 3]}]),
    "signs": ("a = -5\nposition = data.get('close') * a < -100.0\n", [{"a": a} for a in (-3, 4, -9)]),
    "errors": ("n = 1\nassert n != 3, f'three {n}'\nposition = data.get('close') > n\n", [{"n": n} for n in range(6)]),
    "prints": ("n = 1\nif n == 3: print('three')\nposition = data.get('close') > n\n", [{"n": n} for n in range(6)]),
    "other dates": ("n = 1\nposition = (data.get('close') > 20).iloc[n:]\n", [{"n": n} for n in (0, 0, 5, 5, 0)]),
    "truth and numbers": ("n = 1\nc = data.get('close') > 20\nposition = c * 0.5 if n % 3 else c\n",
        [{"n": n} for n in (1, 2, 3, 4, 6, 9, 1)]),
    "calls": ("n = 0.1\nsim(data.get('close') > 20, stop_loss=n)\n", [{"n": n} for n in (0.1, 0.1, 0.2)]),
    "warnings": ("n = 1\nimport warnings\nif n == 2: warnings.warn('two')\nposition = data.get('close') > n\n",
        [{"n": n} for n in (1, 2, 3)]),
    "random": ("n = 1\nposition = data.get('close') * 0 + np.random.rand() * n > 0.2\n", [{"n": n} for n in (1, 2, 1)]),
    "scores": ("n = 3\nsignal = data.get('close').average(n)\n", [{"n": n} for n in (3, 4)]),
    "a name it does not have": ("n = 3\nposition = data.get('close') > n\n", [{"n": 1}, {"m": 2}]),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_it_answers_what_each_set_answers_alone(data, name):
    """Status, positions, call, warnings, printed text and error of every set, in the order of the sets."""
    source, sets = SOURCES[name]
    with SandboxSession(source, data) as session:
        found = session.series(sets)
    assert len(found) == len(sets)
    for params, one in zip(sets, found, strict=True):
        same(one, run_sandboxed(source, data, params=params, validate=False))


@pytest.mark.parametrize(
    ("line", "status"),
    [("while n == 4: pass", Status.TIMEOUT), ("if n == 4: import os; os._exit(3)", Status.CRASHED),
     ("if n == 4: x = np.ones(10**9)", Status.MEMORY)],
)  # fmt: skip
def test_a_set_that_ends_the_child_is_told_by_itself(data, line, status):
    """A set that never ends, leaves or takes too much memory has its own status; those before and after are well."""
    from outsample.config import SandboxPolicy

    source = f"n = 1\n{line}\nposition = data.get('close') > n\n"
    with SandboxSession(source, data, policy=SandboxPolicy(timeout=1.0)) as session:
        found = session.series([{"n": n} for n in range(8)])
    assert [one.status for one in found] == [status if n == 4 else Status.OK for n in range(8)]


def test_many_sets_need_several_commands(data):
    """Commands have at most 65,536 bytes: longer series are sent in parts."""
    source = "text = ''\nposition = data.get('close') > len(text)\n"
    sets = [{"text": "x" * (1000 + k)} for k in range(150)]
    with SandboxSession(source, data) as session:
        found = session.series(sets)
    close = data.get("close")
    for params, one in zip(sets, found, strict=True):
        assert one.positions.frame.equals(pd.DataFrame(close > len(params["text"])))


def answered(source, sets, data):
    """What the messages of a series say, read one by one: a session would ask again for what cannot be read."""
    answers = []

    def keep(parts):
        answers.extend(decode_answers(MessageReader(1 << 20).feed(b"".join(parts))))

    dataset = open_payload(dataset_payload(data).descriptor)
    Series({"source": source, "name": "told", "seed": 0}, dataset, Notes(), keep).answer(sets)
    return answers


def test_a_message_holds_tables_of_one_type(data):
    """Bits and numbers never share one."""
    source, sets = SOURCES["truth and numbers"]
    close = data.get("close") > 20
    for params, one in zip(sets, answered(source, sets, data), strict=True):
        expected = pd.DataFrame(close * 0.5 if params["n"] % 3 else close)
        pd.testing.assert_frame_equal(one.positions.frame, expected, check_freq=False)


def test_a_template_is_the_program_that_a_compiler_makes():
    """The constants of each filled program are those of the source with the values written in it."""
    template = Template("a = 1\ndef strategy(data, b=2.5, *, c='x'):\n    return a, b, c\n", "t")
    for values in ({"a": 7, "b": -1.5, "c": "y"}, {"a": 8, "b": float("inf"), "c": "z"}):
        names: dict = {}
        exec(template.fill(values).code, names)
        assert names["strategy"](None) == tuple(values.values())


@pytest.mark.parametrize("wrong", [0, -1, 3, True, "2", 10**9, None])
def test_a_batch_that_lies_is_refused(wrong):
    """The number of answers is checked against the length of what came."""
    import json

    from outsample.errors import ResultInvalid

    frame = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2))
    labels, tables = Labels.of(frame.index, frame.columns), [packed(frame.to_numpy())] * 2
    parts = encode_batch({"status": "ok", "kind": "position", "call": None}, labels, frame["A"].dtype, tables)
    length = int.from_bytes(parts[0][4:8], "little")
    header, body = json.loads(parts[0][16 : 16 + length]), b"".join(parts[1:])

    def read(header):
        return decode_answers(Message(header=json.dumps(header).encode(), body=bytearray(body), limit=1 << 20))

    assert len(read(header)) == 2
    with pytest.raises(ResultInvalid):
        decode_answers(
            Message(header=json.dumps({**header, "batch": wrong}).encode(), body=bytearray(body), limit=1 << 20)
        )


def test_batches_come_while_the_child_goes_on(data):
    """Each batch is told in its turn; together they are the results, also where a set is run by itself."""
    source, sets = SOURCES["prints"]
    told = []
    with SandboxSession(source, data) as session:
        session.batches([sets], told.append)
        found = [one for batch in told for one in batch]
        assert len(told) > 1
        for one, again in zip(found, session.series(sets), strict=True):
            same(one, again)
    assert [one.status for one in found] == [Status.OK] * len(sets)
    with SandboxSession(source, data) as session, pytest.raises(ZeroDivisionError):
        session.batches([sets], lambda _: 1 / 0)


def test_time_counts_from_answer_to_answer(data):
    """What the child used while the caller was busy with the batch before belongs to the batches after it."""
    import time

    source = (
        "n = 1\nimport time\nt = time.process_time()\n"
        "while time.process_time() < t + 0.03: pass\nposition = data.get('close') > n\n"
    )
    with SandboxSession(source, data) as session:
        found = []
        session.batches([[{"n": n} for n in range(10)]], lambda batch: (found.extend(batch), time.sleep(0.05)))
    assert sum(one.cpu_seconds for one in found) > 0.9 * 10 * 0.03
    assert sum(one.wall_seconds for one in found) > 0.9 * 10 * 0.03


def test_a_session_that_was_started_answers_as_any_other(data):
    """`start` runs nothing; the server has its next child ready after a pause."""
    import time

    import psutil

    from outsample.sandbox.client import get_server

    server = psutil.Process(get_server("base").process)
    with SandboxSession(PLAIN, data) as session:
        session.start()
        limit = time.monotonic() + 10.0
        while len(server.children()) < 2 and time.monotonic() < limit:
            time.sleep(0.02)
        assert len(server.children()) >= 2
        same(session.run({"fast": 3}), run_sandboxed(PLAIN, data, params={"fast": 3}, validate=False))


def test_more_answers_than_sets_are_not_believed(data, monkeypatch):
    """A child that answers too often, be it one set at a time, is ended, and each set runs by itself."""
    from outsample.sandbox import session as module

    plain = module.finish_batch
    monkeypatch.setattr(module, "finish_batch", lambda *given: [*plain(*given)] * 4)
    sets = [{"fast": f} for f in (3, 4, 5)]
    with SandboxSession(PLAIN, data) as session:
        found = session.series(sets)
    assert len(found) == 3
    for params, one in zip(sets, found, strict=True):
        same(one, run_sandboxed(PLAIN, data, params=params, validate=False))


def asked(shares, room=100):
    """Shares of letters as parts of a series, and the commands that were sent."""
    from outsample.sandbox.session import _Asked

    sent = []
    return _Asked(((share, share.encode()) for share in shares), sent.append, room), sent


def test_a_fast_child_is_asked_for_more_before_it_is_done():
    """Several answers at once, and no more than that to come: the next part waits for the child already."""
    parts, sent = asked(["abcdef", "gh", "ij"])
    parts.ask()
    for count, expected in [(2, 1), (2, 2), (2, 3), (2, 3)]:
        parts.ask_ahead(count)
        parts.answered(count)
        assert len(sent) == expected
    assert parts.left() == ["i", "j"]
    parts.ask_ahead(2)
    parts.answered(2)
    assert not parts
    assert parts.left() == []


def test_a_slow_child_is_asked_when_it_is_done():
    """Another session may be free sooner."""
    parts, sent = asked(["abc", "d"])
    parts.ask()
    for expected in (1, 1, 2):
        parts.ask_ahead(1)
        parts.answered(1)
        assert len(sent) == expected


def test_a_command_that_finds_no_room_waits():
    """Both sides would wait for each other: it is sent when the child has nothing to do, and not forgotten."""
    parts, sent = asked(["abcd", "efghijkl", "m"], room=5)
    parts.ask()
    parts.ask_ahead(2)
    parts.answered(2)
    assert sent == [b"abcd"]
    assert "".join(parts.left()) == "cdefghijkl"
    parts.ask_ahead(2)
    parts.answered(2)
    assert not parts
    parts.ask()
    assert sent == [b"abcd", b"efghijkl"]


@pytest.mark.parametrize(("room", "expected"), [(3, 2), (4, 3)])
def test_commands_that_wait_to_be_read_share_the_room(room, expected):
    """One that comes on top of another, unread one would not return while the child waits to be read itself."""
    parts, sent = asked(["abcdefgh", "ij", "kl"], room)
    parts.ask()
    for _ in range(2):
        parts.ask_ahead(4)
        parts.answered(4)
    assert len(sent) == expected
    assert parts.left() == list("ijkl")
    for _ in range(2):
        parts.ask_ahead(2)
        parts.answered(2)
    assert len(sent) == 3
    assert not parts


def test_the_next_share_is_asked_for_before_the_last_one_is_read(data, monkeypatch):
    """What a set took is told first, for the size of a share depends on it; the child goes on meanwhile."""
    from outsample.sandbox import session as module

    told, plain = [], module.finish_batch
    monkeypatch.setattr(module, "finish_batch", lambda *given: told.append("read") or plain(*given))

    def shares():
        for first in range(0, 60, 20):
            told.append("share")
            yield [{"fast": 2 + first + k} for k in range(20)]

    with SandboxSession(PLAIN, data) as session:
        session.batches(shares(), lambda batch: told.append(len(batch)), pace=lambda _: told.append("pace"))
    used = [one for one in told if isinstance(one, int)]
    assert sum(used) == 60
    assert told.count("pace") == len(used)
    second = told.index("share", 1)
    assert told[second - 1] == "pace"
    assert told[second + 1] == "read"
    assert sum(one for one in told[:second] if isinstance(one, int)) < 20


def test_no_share_is_lost_where_pipes_are_small(data, monkeypatch):
    """A command that finds no room is sent when the child has nothing to do."""
    from outsample.sandbox import session as module

    def launched(*given):
        found, server = plain(*given)
        found.room = 10
        return found, server

    plain = module.launch
    monkeypatch.setattr(module, "launch", launched)
    found, sets = [], [{"fast": 2 + k} for k in range(30)]
    with SandboxSession(PLAIN, data) as session:
        session.batches([sets[:10], sets[10:20], sets[20:]], found.extend)
    assert [one.status for one in found] == [Status.OK] * 30


def test_the_pace_is_that_of_the_strategy(data):
    """Neither the start of the child nor what the caller does meanwhile counts, nor the first set of several."""
    import time

    line = "import time\nt = time.process_time()\nwhile time.process_time() < t + 0.02: pass\n"
    source = f"n = 1\n{line}position = data.get('close') > n\n"
    found = []
    with SandboxSession(source, data) as session:
        sets = [{"n": n} for n in range(12)]
        session.batches([sets[:6], sets[6:]], lambda _: time.sleep(0.2), pace=found.append)
    assert len(found) >= 2
    assert 0.015 < statistics.median(found) < 0.15


def test_sets_that_run_by_themselves_have_a_pace_too(data):
    """After a set that prints."""
    source = "n = 1\nif n == 2:\n    print(n)\nposition = data.get('close') > n\n"
    found, sets = [], []
    with SandboxSession(source, data) as session:
        session.batches([[{"n": n} for n in range(6)]], sets.extend, pace=found.append)
    assert len(sets) == 6
    assert all(one > 0.0 for one in found)
    assert len(found) >= 4


def test_a_child_that_lies_about_its_pace_is_not_believed_to_be_slow(data, monkeypatch):
    """The time that passed is the most that it can have been."""
    from outsample.sandbox import session as module

    monkeypatch.setattr(module, "pace_of", lambda message: (message.said["batch"], 1e9))
    found = []
    with SandboxSession(PLAIN, data) as session:
        session.batches([[{"fast": 3}, {"fast": 4}]], lambda _: None, pace=found.append)
    assert 0.0 < max(found) < 60.0


LABELS = (
    "kind = 'all'\nposition = data.get('close') > 20\n"
    "if kind == 'zone': position.index = position.index.tz_localize('UTC')\n"
    "if kind == 'late': position = position.iloc[5:]\n"
    "if kind == 'moved': position.index = position.index + pd.Timedelta(days=1)\n"
    "if kind == 'few': position = position.iloc[:, :2]\n"
    "if kind == 'named': position.columns = ['X', 'Y', 'Z']\n"
)


def test_a_message_holds_tables_with_the_same_labels(data):
    """Others begin a message of their own, also where their values would fit."""
    kinds = ["all", "all", "moved", "named", "named", "all", "zone", "few"]
    for kind, one in zip(kinds, answered(LABELS, [{"kind": kind} for kind in kinds], data), strict=True):
        alone = run_sandboxed(LABELS, data, params={"kind": kind}, validate=False)
        pd.testing.assert_frame_equal(one.positions.frame, alone.positions.frame)


def test_tables_with_other_labels_are_read_anew(data):
    """A session reads dates and symbols once for messages that have the same ones, and only for those."""
    kinds = ["all", "zone", "all", "late", "moved", "moved", "few", "all", "named", "few", "zone"]
    with SandboxSession(LABELS, data) as session:
        found = session.series([{"kind": kind} for kind in kinds]) + session.series([{"kind": "all"}] * 2)
    for kind, one in zip([*kinds, "all", "all"], found, strict=True):
        same(one, run_sandboxed(LABELS, data, params={"kind": kind}, validate=False))
    assert found[-1].positions.frame.index is found[-2].positions.frame.index


@pytest.mark.parametrize("size", [1, 3, 50, 400])
def test_shares_give_what_one_series_gives(data, size):
    """In order, in any shares, also where one set prints and the sets behind it were asked for already."""
    source = "n = 3\nif n == 170:\n    print(n)\nposition = data.get('close').average(n % 40 + 1) > n % 7\n"
    sets, found = [{"n": n} for n in range(400)], []
    with SandboxSession(source, data) as session:
        session.batches((sets[first : first + size] for first in range(0, 400, size)), found.extend)
    assert [one.stdout for one in found] == ["170\n" if n == 170 else "" for n in range(400)]
    for params, one in zip(sets[::57], found[::57], strict=True):
        same(one, run_sandboxed(source, data, params=params, validate=False))


@pytest.fixture
def launches(monkeypatch):
    """A list that grows with each child that is started."""
    from outsample.sandbox import session as module

    plain, found = module.launch, []
    monkeypatch.setattr(module, "launch", lambda *given: found.append(1) or plain(*given))
    return found


def test_no_child_is_started_for_nothing(data, launches):
    """After the last set, whatever it did, nor for shares that were empty or behind a cancelled one."""
    source = "n = 1\nif n == 20:\n    print(n)\nposition = data.get('close') > n\n"
    with SandboxSession(source, data) as session:
        session.batches([], None)
        assert not launches
        found = session.series([{"n": n} for n in range(21)])
    assert len(found) == 21
    assert len(launches) == 2
    cancel = threading.Event()
    del launches[:]

    def add(batch):
        found.extend(batch)
        if len(found) >= 30:
            cancel.set()

    del found[:]
    with SandboxSession(source, data) as session:
        session.batches(([{"n": n} for n in range(50)] for _ in range(20)), add, cancel=cancel)
    assert len(found) == 1000
    assert found[-1].status is Status.CANCELLED
    assert len(launches) <= 2


def test_a_child_that_cannot_be_started_again_is_said_of_each_set(data, launches, monkeypatch):
    """Sets behind one that printed are run one by one; what became of them is told like that."""
    from outsample.errors import SandboxCrashed
    from outsample.sandbox import session as module

    plain = module.launch

    def once(*given):
        if launches:
            raise SandboxCrashed("No more.")
        return plain(*given)

    monkeypatch.setattr(module, "launch", once)
    source = "n = 1\nif n == 5:\n    print(n)\nposition = data.get('close') > n\n"
    with SandboxSession(source, data) as session:
        found = session.series([{"n": n} for n in range(9)])
    assert len(found) == 9
    assert found[5].status is found[8].status is Status.CRASHED
