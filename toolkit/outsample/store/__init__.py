"""The store: an append-only ledger of trials, so that their number is known and not guessed."""

from outsample.store.store import Store, Trial

__all__ = ["Store", "Trial"]
