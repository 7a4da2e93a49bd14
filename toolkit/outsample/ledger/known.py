"""Results that are known: first those of this process, then those in the store.

A second run of the same key is instant, in this process and in the next. What the store lacks, or cannot
read, is computed; a store that cannot be written is a note on the result and not the end of a backtest.
"""

from __future__ import annotations

import collections
import dataclasses
import threading

from outsample.errors import ResultChanged, StoreError
from outsample.ledger.keeping import keep_outcome
from outsample.pipeline import Outcome
from outsample.request import Request
from outsample.research.lookahead import LookaheadReport
from outsample.sandbox.report import LEVELS, satisfies
from outsample.store import Store

__all__ = ["Known"]


class Known:
    """The last outcomes and look-ahead reports of this process, by key, with the store behind them.

    Parameters
    ----------
    size : int
        Outcomes that are kept in memory.
    """

    def __init__(self, size: int = 32) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._outcomes: collections.OrderedDict[str, Outcome] = collections.OrderedDict()
        self._reports: dict[tuple[str, str], LookaheadReport] = {}

    def outcome(self, key: str, request: Request, store: Store | None) -> Outcome | None:
        """Return the outcome of a key, or None.

        Name, limits and source text are the request's; everything that follows from the key is known. What
        ran with less protection than the request asks for is not: it could have been forged.
        """
        with self._lock:
            found = self._outcomes.get(key)
        if found is not None and _protected(found, request):
            return dataclasses.replace(found, request=request)
        if store is None:
            return None
        try:
            stored = store.fetch(key, request)
        except StoreError:
            return None  # broken or of another version: it is computed again, and published over it
        if stored is None or not _protected(stored, request):
            return None
        with self._lock:
            self._outcomes[key] = stored
        return stored

    def report(self, key: str, lookahead: bool | str, store: Store | None) -> LookaheadReport | None:
        """Return the look-ahead report of a key, or None."""
        with self._lock:
            found = self._reports.get((key, str(lookahead)))
        if found is not None or store is None or lookahead is False:
            return found
        try:
            stored = store.report(key, lookahead)
        except StoreError:
            return None
        if stored is not None:
            with self._lock:
                self._reports[key, str(lookahead)] = stored
        return stored

    def keep(
        self, outcome: Outcome, lookahead: bool | str, report: LookaheadReport | None, store: Store | None
    ) -> tuple[str, ...]:
        """Keep an outcome and its report, here and in the store; return what went wrong with the store."""
        key = outcome.key
        with self._lock:
            fresh = key not in self._outcomes or _level(self._outcomes[key]) != _level(outcome)
            told = report is not None and self._reports.get((key, str(lookahead))) is not report
            self._outcomes[key] = outcome
            self._outcomes.move_to_end(key)
            if report is not None:
                self._reports[key, str(lookahead)] = report
            while len(self._outcomes) > self._size:
                old, _ = self._outcomes.popitem(last=False)
                self._reports = {pair: value for pair, value in self._reports.items() if pair[0] != old}
        if store is None:
            return ()
        try:
            if fresh or not store.has(key):
                keep_outcome(store, outcome)
            if told and report is not None:
                store.keep_report(key, lookahead, report)
            return store.keep_dataset(outcome.request.data) if fresh else ()
        except StoreError as error:
            return (f"This result is not in the store: {error}",)

    def check(self, outcome: Outcome, store: Store | None) -> None:
        """Compare a result that was computed again with what is known of its key.

        Raises
        ------
        ResultChanged
            The numbers differ.
        """
        with self._lock:
            found = self._outcomes.get(outcome.key)
        if found is not None and found.canonical_bytes != outcome.canonical_bytes:
            raise ResultChanged(
                f"The result {outcome.key[:12]} was computed again and differs from the one of this session. "
                "The same inputs must lead to the same result.",
                hint="Something outside the key decides: a clock, or a random number without a seed.",
            )
        if store is not None:
            store.compare(outcome)


def _level(outcome: Outcome) -> str:
    report = outcome.execution.sandbox
    return LEVELS[0] if report is None else report.level


def _protected(outcome: Outcome, request: Request) -> bool:
    return satisfies(_level(outcome), request.policy.require)
