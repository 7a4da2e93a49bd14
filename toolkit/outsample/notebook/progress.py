"""One output that says what is going on and is then replaced by the result."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

__all__ = ["StageDisplay"]


class _Text:
    """Text that a front end shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return {"text/plain": self._text}


class StageDisplay:
    """Progress of one run, in one display that the result replaces.

    Parameters
    ----------
    name : str
    enabled : bool
        Without it nothing is shown until `replace`, which shows the result.
    """

    def __init__(self, name: str, *, enabled: bool = True) -> None:
        self._name = name
        self._enabled = enabled
        self._handle: Any = None

    def __enter__(self) -> Self:
        if self._enabled:
            from IPython.display import display

            show = cast(Any, display)
            self._handle = show(_Text(f"{self._name}: starting ..."), display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._handle is not None:
            self._handle.update(_Text(f"{self._name}: stopped"))

    def stage(self, name: str) -> None:
        """Say which stage begins."""
        if self._handle is not None:
            self._handle.update(_Text(f"{self._name}: {name} ..."))

    def steps(self, name: str) -> Callable[[int, int], None]:
        """Return a function that says how many of how many steps are done, at most a hundred times."""

        def done(count: int, total: int) -> None:
            if count == total or count % max(total // 100, 1) == 0:
                self.stage(f"{name} {count} of {total}")

        return done

    def replace(self, value: object) -> None:
        """Show the result in the place of the progress."""
        if self._handle is not None:
            self._handle.update(value)
        else:
            from IPython.display import display

            cast(Any, display)(value)
