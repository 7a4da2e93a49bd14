"""One result for all tests of the widgets."""

import pytest

import outsample

SOURCE = (
    "fast = 50  # 10..100, days of the fast average\n"
    "slow = 200  # 100..300, days of the slow average\n"
    "close = data.get('close')\n"
    "position = close.average(fast) > close.average(slow)\n"
)


@pytest.fixture(scope="session")
def source():
    """A strategy with two parameters that have ranges."""
    return SOURCE


@pytest.fixture(scope="session")
def data():
    """Eight symbols, four years."""
    return outsample.load("synthetic:8x1000?seed=7")


@pytest.fixture(scope="session")
def result(source, data):
    """A backtest that trades."""
    return outsample.backtest(source, data, store=False, lookahead=False)


@pytest.fixture
def asked(monkeypatch):
    """Ask a widget as the browser does; returns (content, arrays by name)."""
    import numpy as np

    kinds = {"f8": "<f8", "f4": "<f4", "i4": "<i4", "u1": "|u1"}

    def unpack(data, layout):
        return {
            name: np.frombuffer(data, kinds[part["kind"]], part["length"], part["at"]).reshape(part["shape"])
            for name, part in layout.items()
        }

    def ask(widget, kind, **content):
        said = []
        monkeypatch.setattr(widget, "send", lambda content, buffers=(): said.append((content, buffers)))
        widget._received(widget, {"kind": kind, "id": 1, **content}, [])
        found, buffers = said[-1]
        return found, unpack(buffers[0], found.get("layout", {}))

    return ask
