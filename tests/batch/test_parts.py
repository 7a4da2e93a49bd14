"""The parts of a batch, each alone: what is read, how often it is tried, how many fit."""

import http.client
import io
import sqlite3
import urllib.error
from contextlib import closing
from email.message import Message

import pytest

from outsample.batch import Retry, capacity_of, gather, is_transient
from outsample.batch.capacity import available_memory_mb
from outsample.batch.entries import meta_of
from outsample.batch.retry import retry_after
from outsample.config import SandboxPolicy
from outsample.errors import ConfigError, DataMissing, StoreError, StrategyError
from outsample.strategy import Strategy

# -- retry


def _http(status, **headers):
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://127.0.0.1/", status, "x", message, io.BytesIO())


def _locked(tmp_path):
    path = tmp_path / "x.db"
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path, timeout=0)) as two:
        one.execute("BEGIN EXCLUSIVE")
        try:
            two.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            return error
        finally:
            one.rollback()
    raise AssertionError("it was not locked")


def _caused(cause):
    try:
        raise StoreError("the store cannot be written") from cause
    except StoreError as error:
        return error


def test_a_locked_database_is_transient(tmp_path):
    """The error of a real lock, also as the cause of ours; a missing table is not."""
    error = _locked(tmp_path)
    assert is_transient(error)
    assert is_transient(_caused(error))
    assert not is_transient(sqlite3.OperationalError("no such table: x"))


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (_http(429, Retry_After="7"), True),
        (_http(503), True),
        (_http(404), False),
        (_http(401), False),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (http.client.RemoteDisconnected(), True),
        (urllib.error.URLError("no network"), True),
        (StrategyError("timed out", error_type="TimeoutError"), False),
        (DataMissing("no such dataset"), False),
        (KeyError("close"), False),
        (StoreError("no cause"), False),
    ],
)
def test_what_is_tried_again(error, transient):
    """Network and servers that ask to wait; never what another attempt cannot mend."""
    assert is_transient(error) is transient


def test_a_redis_that_is_away_is_transient():
    """The real error of the real client."""
    redis = pytest.importorskip("redis")
    with pytest.raises(redis.exceptions.ConnectionError) as caught:
        redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.5).ping()
    assert is_transient(caught.value)


def test_retry_after_is_read():
    """Seconds; the form with a date, or none, is no number."""
    assert retry_after(_http(429, Retry_After="7")) == 7.0
    assert retry_after(_http(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT")) is None
    assert retry_after(ValueError()) is None


def _failing(times, error):
    left = iter([error] * times)

    def call():
        found = next(left, None)
        if found is not None:
            raise found
        return "done"

    return call


def test_waits_grow_and_jitter_shortens_them():
    """1, 2, 4 ... up to the longest; each actual wait is half to all of that."""
    waits = []
    value, attempts = Retry(attempts=6, max_delay=5.0).call(_failing(5, ConnectionError()), sleep=waits.append)
    assert (value, attempts) == ("done", 6)
    for wait, full in zip(waits, (1.0, 2.0, 4.0, 5.0, 5.0), strict=True):
        assert full / 2 <= wait <= full


def test_a_server_that_names_a_time_is_not_asked_before():
    """Retry-After counts where it is longer, up to the longest wait."""
    waits = []
    Retry(max_delay=30.0).call(_failing(1, _http(429, Retry_After="7")), sleep=waits.append)
    Retry(max_delay=5.0).call(_failing(1, _http(429, Retry_After="7")), sleep=waits.append)
    assert waits == [7.0, 5.0]


def test_the_last_error_is_raised():
    """After all attempts, or at once if it is not transient."""
    waits = []
    with pytest.raises(ConnectionError):
        Retry(attempts=3).call(_failing(9, ConnectionError()), sleep=waits.append)
    assert len(waits) == 2
    with pytest.raises(KeyError):
        Retry(attempts=3).call(_failing(9, KeyError()), sleep=waits.append)
    assert len(waits) == 2


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"delay": -1}, {"factor": 0.5}, {"max_delay": -1}])
def test_numbers_are_checked(wrong):
    """Named, with the range."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Retry(**wrong)


# -- how many fit


@pytest.mark.parametrize(
    ("asked", "free", "cores", "expected"),
    [(None, 1e6, 4, 4), (3, 1e6, 4, 3), (8, 1e6, 4, 8), (8, 2500, 4, 2), (None, 10, 4, 1), (1, 10, 4, 1)],
)
def test_memory_limits_the_sandboxes(asked, free, cores, expected):
    """min(asked or cores, memory / (880 + 120)), at least 1; a note exactly when it is fewer."""
    found = capacity_of(asked, SandboxPolicy(memory_mb=880), free_mb=free, n_cores=cores)
    assert found.parallel == expected
    assert bool(found.note) == (expected < (asked or cores))


def test_limits_of_a_container_count(tmp_path):
    """Both generations of control groups; "max" and a missing file mean no limit."""
    free = available_memory_mb(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1\n")
    assert available_memory_mb(tmp_path) == pytest.approx(free, rel=0.5)
    (tmp_path / "memory.max").write_text(str(300 << 20))
    (tmp_path / "memory.current").write_text(str(100 << 20))
    assert available_memory_mb(tmp_path) == 200
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(str(150 << 20))
    (tmp_path / "memory" / "memory.usage_in_bytes").write_text(str(200 << 20))
    assert available_memory_mb(tmp_path) == 0


# -- what is read


def test_a_byte_order_mark_is_no_part_of_the_source(tmp_path):
    """As editors on Windows write it."""
    (tmp_path / "bom.py").write_bytes(b"\xef\xbb\xbfposition = 1\n")
    (entry,) = gather([tmp_path / "bom.py"])
    assert entry.strategy.source == "position = 1\n"


def test_every_kind_of_item(tmp_path):
    """Strategies, sources, files and folders, in the order given."""
    (tmp_path / "a.py").write_text("position = 1\n")
    found = gather([Strategy("position = 2", "two"), "position = 3", tmp_path, tmp_path / "none.py"])
    assert [entry.name for entry in found] == ["two", "strategy 2", "a", "none"]
    assert [entry.error is None for entry in found] == [True, True, True, False]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# meta: a=1 b='x y'\nz = 1\n    # meta: a=2", {"a": "2", "b": "x y"}),
        ("#meta:model=gpt", {"model": "gpt"}),
        ("x = 1  # meta: a=1", {}),
        ("# meta: words only", {}),
        ("# meta: a='open", {"a": "'open"}),
        ("text = '''\nno meta: a=1\n'''", {}),
    ],
)
def test_meta_comments(source, expected):
    """key=value words of comments on lines of their own; the last one counts; nothing else is read."""
    assert meta_of(source) == expected
