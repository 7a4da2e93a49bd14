"""The one place that knows how kernels are compiled.

A kernel is a plain function; ``fast = jit(kernel)`` compiles it. Kernels release the lock, never use
fast-math (NaN has a meaning here) and are cached on disk beside the source, or, where that is not
writable, in the user's cache folder. ``NUMBA_DISABLE_JIT=1`` runs the plain functions.

numba is imported on first use of a compiled kernel and not with this module: an import of outsample
must stay cheap.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

__all__ = ["jit", "preload"]

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F, signatures: Sequence[str] | str | None = None, **options: object) -> F:
    """Compile a kernel on its first call.

    Parameters
    ----------
    function : callable
        A kernel: arrays and numbers in, arrays and numbers out.
    signatures : str or sequence of str, optional
        Explicit numba signatures; with them a process never compiles twice.
    **options
        Further options of ``numba.njit``.

    Returns
    -------
    callable
        Behaves like `function`; attribute ``plain`` is the uncompiled kernel.

    Examples
    --------
    >>> import numpy as np
    >>> def double(x):
    ...     return x * 2.0
    >>> float(jit(double, cache=False)(np.float64(2.0)))
    4.0
    """
    compiled: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def call(*args: object) -> object:
        if not compiled:
            compiled.append(_compile(function, signatures, options))
        return compiled[0](*args)

    call.plain = function  # type: ignore[attr-defined]
    return cast(F, call)


def _compile(function: Callable[..., Any], signatures: object, options: dict[str, object]) -> Callable[..., Any]:
    import numba

    settings: dict[str, Any] = {"nogil": True, "cache": True, **options}
    njit = cast(Any, numba.njit)
    decorate = njit(**settings) if signatures is None else njit(signatures, **settings)
    return cast(Callable[..., Any], decorate(function))


def preload() -> None:
    """Load numba and what it knows of numpy, which the first kernel would otherwise wait for. Thread-safe.

    A failure is left for the first kernel to meet.
    """
    with contextlib.suppress(Exception):
        _first(0.0)


def _same(x: float) -> float:
    return x


_first = jit(_same, "float64(float64)")
