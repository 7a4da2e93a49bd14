"""Batches: many strategies, each in a sandbox of its own, one report."""

from outsample.batch.capacity import Capacity, capacity_of
from outsample.batch.entries import Entry, gather
from outsample.batch.helpers import close_helpers
from outsample.batch.report import BatchReport, schema
from outsample.batch.retry import Retry, is_transient
from outsample.batch.rows import Finished, Row
from outsample.batch.runner import Components, run_many

__all__ = [
    "BatchReport",
    "Capacity",
    "Components",
    "Entry",
    "Finished",
    "Retry",
    "Row",
    "capacity_of",
    "close_helpers",
    "gather",
    "is_transient",
    "run_many",
    "schema",
]
