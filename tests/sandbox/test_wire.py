"""The format of answers: round trips, and a fuzz target for its reader."""

import contextlib
import json
import struct

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outsample.errors import ResultInvalid
from outsample.sandbox.decode import KnownLabels, decode_answer, decode_answers, plain_text
from outsample.sandbox.wire import MessageReader, encode_answer
from scale import SCALE

LIMIT = 1 << 20
PREFIX = struct.Struct("<4sIQ")
SETTINGS = settings(max_examples=150 * SCALE, deadline=None, derandomize=True)


def read(data, *, limit=LIMIT, piece=None):
    reader = MessageReader(limit)
    size = piece or max(len(data), 1)
    message = None
    for start in range(0, len(data), size):
        message = reader.feed(data[start : start + size])
    return None if message is None else decode_answer(message)


def pack(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return PREFIX.pack(b"OSR1", len(text), len(body)) + text + body


def good(frame, **header):
    return b"".join(encode_answer({"status": "ok", "kind": "position", "call": None, **header}, frame))


def small(dtype=float, rows=3, columns=("A", "B")):
    index = pd.date_range("2024-01-01", periods=rows)
    return pd.DataFrame(np.ones((rows, len(columns)), dtype), index=index, columns=list(columns))


@SETTINGS
@given(
    values=hnp.arrays(
        st.sampled_from([np.dtype(bool), np.dtype(float)]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=7),
        elements={"allow_infinity": False},
    ),
    zone=st.sampled_from([None, "UTC", "Asia/Taipei"]),
    piece=st.integers(1, 300),
)
def test_frames_survive(values, zone, piece):
    """A table of booleans or floats arrives as it was sent, in pieces of any size."""
    index = pd.date_range("2020-01-01", periods=len(values), tz=zone).as_unit("ns")
    frame = pd.DataFrame(values, index=index, columns=[f"台{n}" for n in range(values.shape[1])])
    answer = read(good(frame), piece=piece)
    received = answer.positions.frame
    pd.testing.assert_frame_equal(received, frame, check_freq=False, check_column_type=False)
    assert list(received.columns) == list(frame.columns)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), "2", None, True, 1, [0.1]])
def test_a_time_that_is_none_is_refused(wrong):
    """What a child says of its time is a number of seconds."""
    with pytest.raises(ResultInvalid, match="time"):
        read(pack({"status": "strategy_error", "seconds": wrong}))


def test_labels_that_are_refused_are_refused_again():
    """After a good message, too, and it does not change what is known."""
    labels, message = KnownLabels(), MessageReader(LIMIT).feed(good(small()))
    first = decode_answers(message, labels)
    twice = MessageReader(LIMIT).feed(good(small(columns=("A", "A"))))
    for _ in range(2):
        with pytest.raises(ResultInvalid, match="more than once"):
            decode_answers(twice, labels)
    again = decode_answers(message, labels)
    assert again.positions.dates is first.positions.dates
    assert again.positions.symbols is first.positions.symbols


@SETTINGS
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_incomplete(data):
    """No bytes crash the reader: they are refused, or more are waited for."""
    with contextlib.suppress(ResultInvalid):
        assert read(data) is None


@SETTINGS
@given(st.data())
def test_changed_messages_are_refused_or_plain(data):
    """A message with changed, missing or added bytes is refused, incomplete, or positions that obey the rules."""
    message = bytearray(good(small(), warnings=["w"]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        change = data.draw(st.sampled_from(["set", "cut", "add"]))
        if change == "set":
            message[place] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del message[place:]
            if not message:
                return
        else:
            message[place:place] = data.draw(st.binary(min_size=1, max_size=8))
    try:
        answer = read(bytes(message))
    except ResultInvalid:
        return
    if answer is not None and answer.positions is not None:
        check_rules(answer.positions.frame)


def check_rules(frame):
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert frame.index.is_unique
    assert frame.columns.is_unique
    assert {str(dtype) for dtype in frame.dtypes} <= {"bool", "float64"}
    assert not np.isinf(frame.to_numpy(dtype=float)).any()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    "status",
    "kind",
    "call",
    "frame",
    "warnings",
    "line",
    "error",
    "hint",
    "traceback",
    "error_type",
    "code",
    "batch",
    "seconds",
]


@SETTINGS
@given(header=st.dictionaries(st.sampled_from(NAMES), JSON), body=st.binary(max_size=64))
def test_any_header_is_refused_or_plain(header, body):
    """Any JSON as a header is refused, or becomes text and numbers of the promised kinds."""
    header.setdefault("status", "strategy_error")
    try:
        answer = read(pack(header, body))
    except ResultInvalid:
        return
    assert answer.status in ("ok", "strategy_error", "memory")
    assert all(isinstance(text, str) for text in (answer.error, answer.hint, answer.traceback, answer.error_type))
    assert answer.line is None or type(answer.line) is int


@SETTINGS
@given(frame=st.fixed_dictionaries({}, optional={
    "rows": st.integers(-5, 10**20) | JSON,
    "columns": st.lists(st.text(max_size=3) | st.integers(), max_size=4) | JSON,
    "dtype": st.sampled_from(["bool", "float64", "object", "<M8[ns]"]) | JSON,
    "tz": st.sampled_from([None, "UTC", "../../etc/passwd", "No/Such"]) | JSON,
}), body=st.binary(max_size=64))  # fmt: skip
def test_any_frame_header_is_refused_or_plain(frame, body):
    """Any description of a table is refused, or its table obeys the rules."""
    try:
        answer = read(pack({"status": "ok", "kind": "position", "call": None, "frame": frame}, body))
    except ResultInvalid:
        return
    check_rules(answer.positions.frame)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (small().assign(A=np.inf), "infinite"),
        (small().assign(A=-np.inf), "infinite"),
        (pd.concat([small(), small()]), "more than once"),
        (pd.concat([small(), small()], axis=1), "more than once"),
        (small(columns=("A", "B\x1b[2J")), "control characters"),
        (small(columns=("A", "")), "symbols"),
        (small(columns=("A", "x" * 121)), "symbols"),
        (small().set_axis(pd.DatetimeIndex(["2024-01-01", pd.NaT, "2024-01-03"]), axis=0), "NaT"),
    ],
    ids=["inf", "-inf", "date twice", "symbol twice", "control", "empty", "long", "NaT"],
)
def test_bad_tables_are_refused(frame, words):
    """Infinite values, a date or symbol twice, NaT and odd names are refused in words that say which."""
    with pytest.raises(ResultInvalid, match=words):
        read(good(frame))


def test_size_is_refused_before_it_is_read():
    """A body above the limit is refused at its announcement, not after it was received."""
    with pytest.raises(ResultInvalid, match="larger than allowed"):
        MessageReader(1000).feed(PREFIX.pack(b"OSR1", 2, 1001))
    with pytest.raises(ResultInvalid, match="larger than allowed"):
        MessageReader(1000).feed(PREFIX.pack(b"OSR1", 1 << 30, 0))


def test_a_length_that_does_not_fit_is_refused():
    """Rows x columns must be exactly the bytes that came."""
    frame = {"rows": 2, "columns": ["A"], "dtype": "float64", "tz": None}
    for size in (0, 31, 33, 64):
        with pytest.raises(ResultInvalid, match="length"):
            read(pack({"status": "ok", "kind": "position", "call": None, "frame": frame}, bytes(size)))


def test_booleans_are_bits():
    """The first is the highest bit of the first byte; bits after the last are not read."""
    frame = {"rows": 1, "columns": ["A", "B", "C"], "dtype": "bool", "tz": None}
    answer = read(pack({"status": "ok", "kind": "position", "call": None, "frame": frame}, bytes(8) + b"\xbf"))
    assert answer.positions.frame.to_numpy().tolist() == [[True, False, True]]


@pytest.mark.parametrize("count", [1, 4])
def test_bits_may_not_unpack_to_more_than_is_allowed(count):
    """Eight cells come in a byte: what all tables of a message take when they are unpacked has the same limit."""
    frame = {"rows": 100, "columns": [str(k) for k in range(20)], "dtype": "bool", "tz": None}
    header = {"status": "ok", "kind": "position", "call": None, "frame": frame}
    text = json.dumps(header if count == 1 else {**header, "batch": count}).encode()
    body, cells = bytes(8 * 100 + count * 250), count * 2_000
    for limit, allowed in ((cells - 1, False), (cells, True)):
        message = MessageReader(limit).feed(PREFIX.pack(b"OSR1", len(text), len(body)) + text + body)
        with pytest.raises(ResultInvalid) as raised:
            decode_answers(message)
        # All dates are 1970: that is said only of a message that is not too large.
        said = "more than once" if allowed else f"{cells:,} cells, at most {cells - 1:,}"
        assert said in str(raised.value)


def test_deep_json_is_refused():
    """JSON nested beyond the reader's depth is refused, not a crash."""
    with pytest.raises(ResultInvalid, match="cannot be read"):
        read(pack(b"[" * 200_000))


def test_statuses_of_the_parent_cannot_be_claimed():
    """A child cannot say that it was rejected, cancelled or refused."""
    for status in ("rejected", "cancelled", "refused", "timeout", "killed", "", None, 1, ["ok"]):
        with pytest.raises(ResultInvalid, match="status"):
            read(pack({"status": status}))


@pytest.mark.parametrize(
    "options",
    [{"x y": 1}, {"a": {}}, {"a": [1]}, {"a": 10**30}, {"a": "x" * 501}, [1], "x"],
    ids=str,
)
def test_bad_sim_options_are_refused(options):
    """Options are named scalars and lists of dates."""
    with pytest.raises(ResultInvalid, match="sim option"):
        read(good(small(), call={"dialect": "outsample", "options": options}))


def test_numbers_of_options_are_finite():
    """JSON's out-of-range numbers do not come through as infinities."""
    frame = '{"rows": 0, "columns": [], "dtype": "bool", "tz": null}'
    for number in ("NaN", "1e999", "-Infinity"):
        call = f'{{"dialect": "outsample", "options": {{"a": {number}}}}}'
        text = f'{{"status": "ok", "kind": "position", "frame": {frame}, "call": {call}}}'
        with pytest.raises(ResultInvalid, match="sim option"):
            read(pack(text.encode()))


def test_sim_call_survives():
    """A call with scalars and dates arrives as it was made."""
    options = {"resample": ["2024-01-31T00:00:00"], "fee_ratio": 0.001, "check": True, "trade_at_price": "open"}
    answer = read(good(small(), call={"dialect": "finlab", "options": options}))
    assert answer.positions.call.dialect == "finlab"
    assert dict(answer.positions.call.options) == options


@SETTINGS
@given(st.text())
def test_plain_text_has_no_controls(text):
    """Nothing but line feeds and tabs of the control characters is left, and no direction marks."""
    shown = plain_text(text, limit=len(text))
    assert len(shown) == len(text)
    assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)
    assert not any(0x7F <= ord(char) < 0xA0 or char in "\u202e\u2066\u200f\ufeff" for char in shown)
    shown.encode("utf-8")
