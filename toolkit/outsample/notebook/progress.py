"""One output that says what is going on and is then replaced by the result."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from outsample.report.data import collecting
from outsample.results.shown import Shown

__all__ = ["StageDisplay"]


class _Bundle:
    """What a front end shows as it is."""

    def __init__(self, data: dict[str, str]) -> None:
        self._data = data

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002
        return self._data


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
            self._handle = show(_said(f"{self._name}: starting ..."), display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._handle is not None:
            self._handle.update(_said(f"{self._name}: stopped"))

    def stage(self, name: str) -> None:
        """Say which stage begins."""
        if self._handle is not None:
            self._handle.update(_said(f"{self._name}: {name} ..."))

    def steps(self, name: str) -> Callable[[int, int], None]:
        """Return a function that says how many of how many steps are done, at most a hundred times."""

        def done(count: int, total: int) -> None:
            if count == total or count % max(total // 100, 1) == 0:
                self.stage(f"{name} {count} of {total}")

        return done

    def replace(self, value: object) -> None:
        """Show the result in the place of the progress; text and tables first where the picture takes its time."""
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        handle = self._handle
        if handle is None:
            cast(Any, display)(value)
            return
        # Only a kernel's displays are replaced; a terminal would print both.
        if hasattr(get_ipython(), "kernel") and isinstance(value, Shown) and _first_picture():
            handle.update(_Bundle(value.text_bundle()))
            self._handle = None  # who interrupts the drawing keeps the page
        handle.update(value)


def _said(text: str) -> _Bundle:
    return _Bundle({"text/plain": text})


def _first_picture() -> bool:
    """Whether matplotlib, which takes longer than all other parts of a page, is still to be imported.

    Nobody watches a report while it runs.
    """
    return "matplotlib.backends.backend_agg" not in sys.modules and not collecting()
