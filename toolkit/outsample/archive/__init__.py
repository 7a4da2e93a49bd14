"""The store as users hold it: results in and out, why two of them differ, and one as a file for another machine."""

from outsample.archive.explain import Explanation
from outsample.archive.store import Store

__all__ = ["Explanation", "Store"]
