"""The error tree: everything that outsample raises on purpose.

::

    OutsampleError
    |-- ValidationError            the source breaks a rule; nothing was run   (also a ValueError)
    |-- ConfigError                an option, setting or argument is not allowed (also a ValueError)
    |-- DataError
    |   |-- DataMissing            no such dataset, frame or column
    |   `-- DataInvalid            the data are there and cannot be used
    |-- StrategyError              the strategy itself failed
    |   `-- ZeroTrades             it ran, and never traded
    |-- SandboxError
    |   |-- SandboxTimeout         wall clock or CPU limit
    |   |-- SandboxMemory          memory limit
    |   |-- SandboxOutputLimit     printed more than allowed
    |   |-- ResultInvalid          what came back is no table of positions
    |   |-- SandboxKilled          ended by a signal
    |   |-- SandboxCrashed         ended without an answer
    |   |-- SandboxCancelled       the caller cancelled
    |   `-- SandboxRefused         this machine cannot give the protection asked for
    |-- EngineError                an engine broke its contract
    |-- StoreError
    |   `-- ResultChanged          the same inputs led to other numbers than those stored
    |-- JobError
    `-- MissingExtra               an optional package is not installed

Every error has ``code`` (stable, for machines), ``message`` (what, got, allowed) and ``hint`` (what
to do), and survives pickling with all its attributes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar, Self

__all__ = [
    "ConfigError",
    "DataError",
    "DataInvalid",
    "DataMissing",
    "EngineError",
    "JobError",
    "MissingExtra",
    "OutsampleError",
    "ResultChanged",
    "ResultInvalid",
    "SandboxCancelled",
    "SandboxCrashed",
    "SandboxError",
    "SandboxKilled",
    "SandboxMemory",
    "SandboxOutputLimit",
    "SandboxRefused",
    "SandboxTimeout",
    "StoreError",
    "StrategyError",
    "ValidationError",
    "ZeroTrades",
    "nearest",
]


def nearest(name: str, allowed: Iterable[str], *, n: int = 3) -> str:
    """Return a phrase that names the closest allowed spellings, or an empty string.

    Parameters
    ----------
    name : str
        What was written.
    allowed : iterable of str
        What may be written.
    n : int
        How many suggestions at most.

    Examples
    --------
    >>> nearest("fee_ration", ["fee_ratio", "tax_ratio"])
    "Did you mean 'fee_ratio' or 'tax_ratio'?"
    >>> nearest("zzz", ["fee_ratio"])
    ''
    """
    matches = difflib.get_close_matches(str(name), sorted(map(str, allowed)), n=n, cutoff=0.6)
    if not matches:
        return ""
    return f"Did you mean {' or '.join(repr(match) for match in matches)}?"


class OutsampleError(Exception):
    """Base of all errors that outsample raises on purpose.

    Parameters
    ----------
    message : str
        What happened: what, got, allowed.
    hint : str
        What to do next; may be empty.

    Attributes
    ----------
    code : str
        Stable identifier, the same for every instance of a class.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own __reduce__ calls cls(*args) and loses keyword-only arguments.
        return _rebuild, (type(self), self.args, self.__dict__)

    @classmethod
    def _restore(cls, args: tuple[Any, ...], state: dict[str, Any]) -> Self:
        error = cls.__new__(cls, *args)
        error.args = args
        error.__dict__.update(state)
        return error


def _rebuild(cls: type[OutsampleError], args: tuple[Any, ...], state: dict[str, Any]) -> OutsampleError:
    return cls._restore(args, state)


class ValidationError(OutsampleError, ValueError):
    """The source of a strategy breaks a rule; it was not run.

    Parameters
    ----------
    message, hint : str
        As in `OutsampleError`.
    findings : tuple
        All findings (``outsample.validation.Finding``), errors first.
    line : int or None
        1-based line of the first finding.
    """

    code = "validation"

    def __init__(
        self, message: str, *, hint: str = "", findings: tuple[Any, ...] = (), line: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.findings = findings
        self.line = line


class ConfigError(OutsampleError, ValueError):
    """An option, setting or argument is not allowed."""

    code = "config"


class DataError(OutsampleError):
    """Something is wrong with the data."""

    code = "data"


class DataMissing(DataError):
    """A dataset, frame or column that does not exist was asked for."""

    code = "data-missing"


class DataInvalid(DataError):
    """Data exist and cannot be used as they are."""

    code = "data-invalid"


class StrategyError(OutsampleError):
    """The strategy's own code failed.

    Parameters
    ----------
    message, hint : str
        As in `OutsampleError`.
    error_type : str
        Name of the exception class that the strategy raised, or an empty string.
    line : int or None
        1-based line in the strategy's source.
    traceback : str
        The strategy's own frames, as text.
    """

    code = "strategy"

    def __init__(
        self, message: str, *, hint: str = "", error_type: str = "", line: int | None = None, traceback: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.error_type = error_type
        self.line = line
        self.traceback = traceback


class ZeroTrades(StrategyError):
    """The strategy ran and never traded."""

    code = "zero-trades"


class SandboxError(OutsampleError):
    """The sandbox ended a run, or could not start one."""

    code = "sandbox"


class SandboxTimeout(SandboxError):
    """The wall-clock or CPU limit was reached."""

    code = "sandbox-timeout"


class SandboxMemory(SandboxError):
    """The memory limit was reached."""

    code = "sandbox-memory"


class SandboxOutputLimit(SandboxError):
    """The strategy printed more than a run may print."""

    code = "sandbox-output"


class ResultInvalid(SandboxError):
    """What the sandbox sent back is no acceptable table of positions."""

    code = "result-invalid"


class SandboxKilled(SandboxError):
    """The sandboxed process was ended by a signal."""

    code = "sandbox-killed"


class SandboxCrashed(SandboxError):
    """The sandboxed process ended without an answer."""

    code = "sandbox-crashed"


class SandboxCancelled(SandboxError):
    """The caller cancelled the run."""

    code = "sandbox-cancelled"


class SandboxRefused(SandboxError):
    """This machine cannot give the protection that the policy requires."""

    code = "sandbox-refused"


class EngineError(OutsampleError):
    """An engine broke its contract, or two engines disagree."""

    code = "engine"


class StoreError(OutsampleError):
    """The store cannot be opened, read or written."""

    code = "store"


class ResultChanged(StoreError):
    """The same inputs led to other numbers than those that are stored."""

    code = "result-changed"


class JobError(OutsampleError):
    """A background job cannot be submitted, found or changed."""

    code = "job"


class MissingExtra(OutsampleError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    package : str
        What could not be imported.
    extra : str
        The extra of outsample that brings it.
    """

    code = "missing-extra"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed.", hint=f"Install it with: pip install 'outsample[{extra}]'")
        self.package = package
        self.extra = extra
