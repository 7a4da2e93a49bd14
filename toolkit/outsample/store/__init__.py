"""The store: the ledger of trials, the runs and their artefacts, on SQLite or PostgreSQL."""

from outsample.store.database import Database
from outsample.store.ledger import Trial, TrialCount
from outsample.store.store import Store

__all__ = ["Database", "Store", "Trial", "TrialCount"]
