"""Sequences whose items are made when they are asked for."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, SupportsIndex, TypeVar, overload

__all__ = ["LazySequence"]

Item_co = TypeVar("Item_co", covariant=True)


class LazySequence(Sequence[Item_co], Generic[Item_co]):
    """A sequence that makes each item once, when it is first asked for.

    A subclass says its length and how an item is made.

    Examples
    --------
    >>> class Squares(LazySequence[int]):
    ...     def __len__(self):
    ...         return 5
    ...
    ...     def make(self, place):
    ...         return place**2
    >>> squares = Squares()
    >>> squares[-1], squares[1:3], list(squares)
    (16, (1, 4), [0, 1, 4, 9, 16])
    """

    @abstractmethod
    def make(self, place: int) -> Item_co:
        """Make the item of a place in [0, length)."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> Item_co: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Item_co, ...]: ...

    def __getitem__(self, place: SupportsIndex | slice) -> Item_co | tuple[Item_co, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(len(self))))
        # Threads that ask at once may both make it; all get the same one.
        at = range(len(self))[operator.index(place)]
        made: dict[int, Item_co] = self.__dict__.setdefault("_made", {})
        return made[at] if at in made else made.setdefault(at, self.make(at))

    def __iter__(self) -> Iterator[Item_co]:
        return (self[place] for place in range(len(self)))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_made"}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"
