"""`Backtester` and `abacktest`: for programs with an event loop."""

import asyncio
import contextlib
import threading
import time

import psutil
import pytest

from outsample import Backtester, abacktest, backtest, errors
from outsample.config import SandboxPolicy
from outsample.data import load
from outsample.sandbox.client import get_server

CROSS = "fast = 5\nclose = data.get('close')\nposition = close.average(fast) > close.average(20)\n"
BUSY = "total = 0\nfor i in range(60_000_000):\n    total += i\nposition = data.get('close') > 0\n"
ENDLESS = "while True:\n    pass\n"
DATA = {"dataset": "synthetic:3x200?seed=4"}
QUICK = {"lookahead": False}


def _busy():
    """Children of the sandbox server that have worked; it keeps a fresh one ready, which has not."""
    found = set()
    for child in psutil.Process(get_server().process).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and child.cpu_times().user > 0.3:
                found.add(child.pid)
    return found


async def _until_busy():
    end = time.monotonic() + 20
    while not _busy():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def _gone(seconds=5.0):
    end = time.monotonic() + seconds
    while _busy():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_it_returns_what_backtest_returns():
    """The same inputs have the same canonical bytes, with every kind of key."""

    async def main():
        async with Backtester(store=False) as tester:
            config = {**DATA, "start": "2000-03-01", "end": "2000-09-01", "symbols": list(data.symbols[:2])}
            return await tester.run_backtest(CROSS, config, {"params": {"fast": 7}, "fee_ratio": 0.002, **QUICK})

    data = load(DATA["dataset"])
    expected = backtest(
        CROSS,
        data.select(list(data.symbols[:2])),
        params={"fast": 7},
        fee_ratio=0.002,
        start="2000-03-01",
        end="2000-09-01",
        store=False,
        **QUICK,
    )
    assert asyncio.run(main()).canonical_bytes == expected.canonical_bytes


def test_abacktest_takes_the_arguments_of_backtest():
    """Equal bytes."""
    arguments = {"params": {"fast": 9}, "store": False, **QUICK}
    found = asyncio.run(abacktest(CROSS, DATA["dataset"], **arguments))
    assert found.canonical_bytes == backtest(CROSS, DATA["dataset"], **arguments).canonical_bytes


@pytest.mark.parametrize(
    ("config", "params", "text"),
    [
        ({"datset": "sample"}, {}, "dataset"),
        ({"dataset": 3}, {}, "Dataset"),
        ({**DATA, "symbols": "S0000"}, {}, "list"),
        (DATA, {"fee_ration": 0.1}, "fee_ratio"),
        (DATA, {"store": False}, "store"),
        (DATA, {"start": "2000-01-01"}, "start"),
        (DATA, {"fee_ratio": 9}, "fee_ratio"),
        ([], [1], "mapping"),
    ],
)
def test_wrong_keys_are_refused(config, params, text):
    """Named, with the nearest; nothing runs."""
    with Backtester(store=False) as tester, pytest.raises(errors.ConfigError, match=text):
        asyncio.run(tester.run_backtest(CROSS, config, params))


def test_a_source_is_validated_before_anything_runs():
    """ValidationError, which is a ValueError, with the line; not even the dataset was looked for."""
    with Backtester(store=False) as tester, pytest.raises(ValueError, match="os") as caught:
        asyncio.run(tester.run_backtest("import os\nposition = 1", {"dataset": "no such dataset"}))
    assert isinstance(caught.value, errors.ValidationError)
    assert caught.value.line == 1


def test_no_trades_is_an_error_unless_allowed():
    """ZeroTrades is a StrategyError; allow_zero_trades gives the result."""
    source = "position = data.get('close') < 0"
    with Backtester(store=False) as tester:
        with pytest.raises(errors.StrategyError) as caught:
            asyncio.run(tester.run_backtest(source, DATA, QUICK))
        assert isinstance(caught.value, errors.ZeroTrades)
        for ways in ({**QUICK, "allow_zero_trades": True}, QUICK):
            allow = "allow_zero_trades" not in ways
            result = asyncio.run(tester.run_backtest(source, DATA, ways, allow_zero_trades=allow))
            assert result.metrics.n_trades == 0


def test_the_event_loop_keeps_ticking():
    """While a strategy runs, a coroutine that sleeps 10 ms at a time wakes up again and again."""

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with Backtester(store=False) as tester:
            ticking = asyncio.create_task(tick())
            result = await tester.run_backtest(BUSY, DATA, {**QUICK, "use_cache": False})
            ticking.cancel()
        return ticks, result.usage["wall_seconds"]

    ticks, seconds = asyncio.run(main())
    assert ticks > 0.3 * seconds / 0.01


def test_eight_calls_at_once():
    """Each has its own answer, whatever ran beside it."""

    async def main():
        async with Backtester(store=False, concurrency=8) as tester:
            calls = [tester.run_backtest(CROSS, DATA, {"params": {"fast": fast}, **QUICK}) for fast in range(3, 11)]
            return await asyncio.gather(*calls)

    results = asyncio.run(main())
    assert [result.params["fast"] for result in results] == list(range(3, 11))
    alone = backtest(CROSS, DATA["dataset"], params={"fast": 6}, store=False, **QUICK)
    assert results[3].canonical_bytes == alone.canonical_bytes


def test_a_cancelled_task_ends_its_sandbox():
    """The child is gone; the next run works."""

    async def main():
        async with Backtester(SandboxPolicy(timeout=60), store=False) as tester:
            task = asyncio.create_task(tester.run_backtest(ENDLESS, DATA, QUICK))
            await _until_busy()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gone = await asyncio.to_thread(_gone)
            return gone, await tester.run_backtest(CROSS, DATA, QUICK)

    gone, result = asyncio.run(main())
    assert gone
    assert result.metrics.n_trades > 0


def test_a_cancelled_abacktest_ends_its_sandbox():
    """The same for the function."""

    async def main():
        task = asyncio.create_task(abacktest(ENDLESS, DATA["dataset"], store=False))
        await _until_busy()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(_gone)

    assert asyncio.run(main())


def test_close_ends_what_runs_and_refuses_what_comes():
    """More than once is fine; a run that was at work raises SandboxCancelled."""

    async def main():
        tester = Backtester(SandboxPolicy(timeout=60), store=False)
        task = asyncio.create_task(tester.run_backtest(ENDLESS, DATA, QUICK))
        waiting = asyncio.create_task(tester.run_backtest(ENDLESS, DATA, QUICK))
        await _until_busy()
        await asyncio.to_thread(tester.close)
        tester.close()
        found = await asyncio.gather(task, waiting, return_exceptions=True)
        assert [type(item) for item in found] == [errors.SandboxCancelled] * 2
        with pytest.raises(errors.ConfigError, match="closed"):
            await tester.run_backtest(CROSS, DATA)
        return tester.closed

    assert asyncio.run(main())
    assert _gone()


def test_no_thread_is_left():
    """What the Backtester started is gone when it is closed."""
    with Backtester(store=False, concurrency=2) as tester:
        asyncio.run(tester.run_backtest(CROSS, DATA, QUICK))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("outsample-backtester")]


def test_concurrency_is_checked():
    """A whole number, at least 1."""
    with pytest.raises(errors.ConfigError, match="concurrency"):
        Backtester(concurrency=0)
