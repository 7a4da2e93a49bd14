from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypedDict

Mode = Literal["long", "short"]


class Rule(Protocol):
    def __call__(self, close: pd.DataFrame) -> pd.DataFrame: ...


class Settings(TypedDict, total=False):
    window: int


class Score(NamedTuple):
    name: str
    value: float = 0.0


def build(rules: Sequence[Callable[[pd.DataFrame], pd.DataFrame]], settings: Settings | None = None) -> Any:
    close = data.get("close")
    return sum(rule(close).astype(int) for rule in rules)


score = Score("x", 1.0)
position = build([lambda c: c > c.average(20), lambda c: c > c.average(60)]) >= 2
