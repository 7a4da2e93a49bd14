import bisect
import calendar
import copy
import heapq
import json
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress


class Rule(ABC):
    @abstractmethod
    def apply_to(self, close): ...


class Above(Rule):
    def __init__(self, n):
        self._n = n

    def apply_to(self, close):
        return close > close.rolling(self._n).mean()


@contextmanager
def section(title):
    start = time.perf_counter()
    yield title
    print(title, time.perf_counter() >= start)


settings = copy.deepcopy({"windows": [10, 40], "names": {"a": 1}})
print(json.dumps(settings), calendar.monthrange(2024, 2), heapq.nlargest(1, [3, 1, 2]), bisect.bisect([1, 2], 1))
close = data.get("close")
with section("rules"), suppress(KeyError):
    position = Above(settings["windows"][0]).apply_to(close) & Above(settings["windows"][1]).apply_to(close)
sim(position, resample="M")
