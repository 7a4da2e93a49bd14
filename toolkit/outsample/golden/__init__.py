"""Golden results: what a strategy is expected to give, checked again whenever anything changed."""

from outsample.golden.actions import accept_golden, check_golden, record_golden
from outsample.golden.checking import GoldenCheck, GoldenStatus
from outsample.golden.files import Golden, golden_names, read_golden

__all__ = [
    "Golden",
    "GoldenCheck",
    "GoldenStatus",
    "accept_golden",
    "check_golden",
    "golden_names",
    "read_golden",
    "record_golden",
]
