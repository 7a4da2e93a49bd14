"""`Backtester` and `abacktest`: backtests for programs with an event loop."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

from outsample.api import backtest
from outsample.checks import set_whole
from outsample.config import SandboxPolicy, option_names
from outsample.data import Dataset, load
from outsample.errors import ConfigError, SandboxCancelled, ValidationError, ZeroTrades, nearest
from outsample.ledger.trials import ledger_of
from outsample.model import ErrorCategory
from outsample.results import Result
from outsample.store import Store
from outsample.strategy import Strategy
from outsample.validation import validate

__all__ = ["Backtester", "abacktest"]

_DATA_KEYS = ("dataset", "start", "end", "symbols")
# What the Backtester itself decides.
_OWN = {"strategy", "data", "sandbox", "store", "cancel", "start", "end", "options"}


async def abacktest(strategy: Strategy | str, data: Dataset | str, **arguments: Any) -> Result:  # noqa: ANN401 - those of backtest
    """Run `outsample.backtest` without blocking the event loop; the same arguments.

    Cancelling the task ends the sandbox.

    Examples
    --------
    >>> result = asyncio.run(abacktest("position = data.get('close') > 0", "synthetic:2x60?seed=1", store=False))
    >>> len(result.returns)
    59
    """
    cancel = threading.Event()
    call = functools.partial(backtest, strategy, data, cancel=cancel, **arguments)
    return await _cancellable(asyncio.to_thread(call), cancel)


async def _cancellable(waiting: Awaitable[Result], cancel: threading.Event) -> Result:
    try:
        return await waiting
    except asyncio.CancelledError:
        cancel.set()
        raise


class Backtester:
    """Runs strategies given as text, for services: ``async with Backtester() as bt``, or a plain ``with``.

    Parameters
    ----------
    policy : SandboxPolicy, optional
        Limits of every run; default: the settings'.
    store : Store, False or None
        As in `backtest`.
    concurrency : int
        Runs at once; further calls wait for their turn. Numbers do not depend on it.

    Examples
    --------
    >>> async def main():
    ...     async with Backtester(store=False) as bt:
    ...         result = await bt.run_backtest("position = data.get('close') > 0", {"dataset": "synthetic:2x60?seed=1"})
    ...         return result.verdict.level.name
    >>> asyncio.run(main())
    'PROFITABLE'
    """

    def __init__(
        self, policy: SandboxPolicy | None = None, store: Store | bool | None = None, concurrency: int = 1
    ) -> None:
        self.concurrency = concurrency
        set_whole(self, "concurrency", low=1)
        self._policy = policy
        self._store = store
        self._threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="outsample-backtester")
        self._lock = threading.Lock()
        self._running: set[threading.Event] = set()
        self._closed = False

    # -- runs

    async def run_backtest(
        self,
        strategy_code: str,
        data_config: Mapping[str, object] | None = None,
        backtest_params: Mapping[str, object] | None = None,
        *,
        allow_zero_trades: bool = False,
    ) -> Result:
        """Run a strategy without blocking the event loop; cancelling the task ends its sandbox.

        Parameters
        ----------
        strategy_code : str
            Source of the strategy.
        data_config : mapping, optional
            dataset (a name or a `Dataset`; default: the settings'), start and end of the evaluation, symbols.
        backtest_params : mapping, optional
            Options of `backtest` and of ``sim``, and allow_zero_trades.
        allow_zero_trades : bool
            Return a result without trades instead of raising.

        Returns
        -------
        Result

        Raises
        ------
        ValidationError
            Before anything is run: the source breaks a rule.
        ConfigError
            Unknown keys, values that are not allowed, or the Backtester is closed.
        ZeroTrades
            It ran and never traded.
        StrategyError, SandboxError, DataError
            As in `backtest`. SandboxCancelled if the Backtester was closed meanwhile.
        """
        where, options = _checked_config(data_config or {}), _checked_params(backtest_params or {})
        allowed = bool(options.pop("allow_zero_trades", False)) or allow_zero_trades
        _check_source(strategy_code)
        cancel = threading.Event()
        call = functools.partial(self._run, strategy_code, where, options, cancel)
        with self._lock:
            if self._closed:
                raise ConfigError("This Backtester is closed.", hint="Make another one.")
            self._running.add(cancel)
            future = self._threads.submit(call)
        future.add_done_callback(lambda _: self._forget(cancel))
        result = await _cancellable(asyncio.wrap_future(future), cancel)
        if not allowed and result.verdict.error_category is ErrorCategory.ZERO_TRADES:
            raise ZeroTrades(
                "The strategy ran and never traded.", hint="Pass allow_zero_trades=True to get the result all the same."
            )
        return result

    def _run(
        self, source: str, where: Mapping[str, Any], options: Mapping[str, Any], cancel: threading.Event
    ) -> Result:
        if cancel.is_set():
            raise SandboxCancelled("The run was cancelled before it began.")
        return backtest(
            source,
            self._data(where),
            start=where.get("start"),
            end=where.get("end"),
            sandbox=self._policy,
            store=self._store,
            cancel=cancel,
            **options,
        )

    def _data(self, where: Mapping[str, Any]) -> Dataset:
        from outsample.settings import load_settings

        named = where.get("dataset") or load_settings().dataset
        data = named if isinstance(named, Dataset) else load(named, store=ledger_of(self._store)[0])
        symbols = where.get("symbols")
        return data if symbols is None else data.select(symbols)

    def _forget(self, cancel: threading.Event) -> None:
        with self._lock:
            self._running.discard(cancel)

    # -- its end

    @property
    def closed(self) -> bool:
        """Whether it takes no more runs."""
        return self._closed

    def close(self) -> None:
        """End what runs, refuse what comes; more than once is fine. Waits until the sandboxes are gone."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for cancel in running:
            cancel.set()
        self._threads.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        # Ending the sandboxes takes up to a tenth of a second: not on the event loop.
        await asyncio.to_thread(self.close)


@functools.cache
def _parameter_names() -> tuple[str, ...]:
    names = [name for name in inspect.signature(backtest).parameters if name not in _OWN]
    return (*names, *(name for name in option_names() if name not in {"start", "end"}), "allow_zero_trades")


def _checked_config(config: Mapping[str, object]) -> dict[str, Any]:
    found = _known("data_config", config, _DATA_KEYS)
    dataset = found.get("dataset")
    if dataset is not None and not isinstance(dataset, str | Dataset):
        raise ConfigError(f"data_config: dataset is a name or a Dataset. Got {type(dataset).__name__}.")
    if isinstance(found.get("symbols"), str):
        raise ConfigError(f"data_config: symbols is a list. Got {found['symbols']!r}.", hint="Write ['AAPL'].")
    return found


def _checked_params(params: Mapping[str, object]) -> dict[str, Any]:
    return _known("backtest_params", params, _parameter_names())


def _known(place: str, values: Mapping[str, object], allowed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place} is a mapping. Got {type(values).__name__}.")
    for name in values:
        if name not in allowed:
            raise ConfigError(
                f"{place} has no key {name!r}.", hint=nearest(str(name), allowed) or f"Keys: {', '.join(allowed)}."
            )
    return dict(values)


def _check_source(source: str) -> None:
    """Refuse a source before anything runs; the sandbox is asked to look again all the same."""
    findings = tuple(validate(Strategy.from_source(source).source))
    found = [finding for finding in findings if finding.severity == "error"]
    if found:
        first = found[0]
        raise ValidationError(first.message, hint=first.hint, findings=findings, line=first.line)
