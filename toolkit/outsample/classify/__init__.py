"""Verdicts: how far a strategy got, and what kind of failure it was."""

from outsample.classify.failures import classify_error, failed, suggestion
from outsample.classify.shapes import shape_of
from outsample.classify.success import Evidence, Judgement, classify_batch, classify_success, judge

__all__ = [
    "Evidence",
    "Judgement",
    "classify_batch",
    "classify_error",
    "classify_success",
    "failed",
    "judge",
    "shape_of",
    "suggestion",
]
