"""What kind of failure an error is: from its type first, then from its text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from outsample import errors
from outsample.classify.messages import PATTERNS, WRAPPERS
from outsample.model import ErrorCategory, SuccessLevel, Verdict

__all__ = ["classify_error", "failed", "suggestion"]

_BY_TYPE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ErrorCategory], ...] = (
    (errors.SandboxTimeout, ErrorCategory.TIMEOUT),
    (errors.SandboxMemory, ErrorCategory.MEMORY),
    ((errors.SandboxKilled, errors.SandboxCrashed), ErrorCategory.KILLED),
    ((errors.SandboxCancelled, KeyboardInterrupt), ErrorCategory.CANCELLED),
    (errors.ZeroTrades, ErrorCategory.ZERO_TRADES),
    (errors.DataMissing, ErrorCategory.DATA_MISSING),
    (errors.MissingExtra, ErrorCategory.IMPORT),
    ((errors.ConfigError, errors.ResultInvalid), ErrorCategory.VALIDATION),
    ((errors.EngineError, errors.SandboxRefused, errors.StoreError, errors.JobError), ErrorCategory.INTERNAL),
)

# Names of classes, for errors that crossed a process as text. A class not named here is judged by its text.
_BY_NAME: Mapping[str, ErrorCategory] = {
    **dict.fromkeys(("TimeoutError", "Timeout", "CellTimeoutError", "SandboxTimeout"), ErrorCategory.TIMEOUT),
    **dict.fromkeys(("MemoryError", "_ArrayMemoryError", "ArrayMemoryError", "SandboxMemory"), ErrorCategory.MEMORY),
    **dict.fromkeys(
        ("DataMissing", "KeyError", "FileNotFoundError", "InvalidIndexError", "UndefinedVariableError"),
        ErrorCategory.DATA_MISSING,
    ),
    **dict.fromkeys(("ModuleNotFoundError", "ImportError", "MissingExtra"), ErrorCategory.IMPORT),
    **dict.fromkeys(("SyntaxError", "IndentationError", "TabError"), ErrorCategory.SYNTAX),
    **dict.fromkeys(
        (
            "ZeroDivisionError",
            "FloatingPointError",
            "OverflowError",
            "ArithmeticError",
            "LinAlgError",
            "IndexError",
            "IndexingError",
            "RecursionError",
            "IncompatibleFrequency",
            "OutOfBoundsDatetime",
            "OutOfBoundsTimedelta",
            "UFuncTypeError",
            "UFuncNoLoopError",
            "_UFuncNoLoopError",
            "_UFuncBinaryResolutionError",
            "AxisError",
            "MergeError",
        ),
        ErrorCategory.CALCULATION,
    ),
    **dict.fromkeys(("KeyboardInterrupt", "CancelledError", "SandboxCancelled"), ErrorCategory.CANCELLED),
    **dict.fromkeys(("ValidationError", "ConfigError", "ResultInvalid", "NoPositions"), ErrorCategory.VALIDATION),
    "ZeroTrades": ErrorCategory.ZERO_TRADES,
    "DeadKernelError": ErrorCategory.KILLED,
}

_SUGGESTIONS: Mapping[ErrorCategory, str] = {
    ErrorCategory.TIMEOUT: "Work on whole tables instead of loops over rows, or give more time with --timeout.",
    ErrorCategory.MEMORY: "Use fewer or smaller tables, or raise the limit with --memory.",
    ErrorCategory.DATA_MISSING: "Check the name: data.keys() lists what the dataset has.",
    ErrorCategory.CALCULATION: "Check shapes, types and zeros at the line shown; replace or drop what is not a number.",
    ErrorCategory.SYNTAX: "The source is not Python: see the line shown.",
    ErrorCategory.VALIDATION: "Change what the message names; outsample.validate(source) lists every finding.",
    ErrorCategory.IMPORT: "Strategies may import pandas, numpy, scipy, scikit-learn and parts of the standard library.",
    ErrorCategory.LOOKAHEAD: "Decide with shifted or trailing values only; the report names frame, date and line.",
    ErrorCategory.ZERO_TRADES: "Conditions were never true together, or only after the last bar: count the True cells.",
    ErrorCategory.KILLED: "The process was ended from outside or by a fault in native code; run it alone to see more.",
    ErrorCategory.CANCELLED: "Run it again when you want it finished.",
    ErrorCategory.INTERNAL: "This is not the strategy's fault: run outsample doctor, and see the log or --debug.",
    ErrorCategory.OTHER: "Read the message and the line shown.",
}

# "KeyError: 'close'", "outsample.errors.DataMissing: ...", also as the last line of a traceback.
_TYPED = re.compile(r"^(?:[\w.]+\.)?([A-Za-z_]\w*(?:Error|Exception|Missing|Interrupt|Timeout|Memory|Trades))(?::|$)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def suggestion(category: ErrorCategory) -> str:
    """Return what to do about a category of failure.

    Examples
    --------
    >>> suggestion(ErrorCategory.SYNTAX)
    'The source is not Python: see the line shown.'
    """
    return _SUGGESTIONS[category]


def classify_error(exc_or_type: BaseException | type[BaseException] | str, message: str = "") -> ErrorCategory:
    """Return what kind of failure an error is.

    Parameters
    ----------
    exc_or_type : exception, exception class or name of one
    message : str
        The text, when only the class or its name is given.

    Returns
    -------
    ErrorCategory
        OTHER if nothing is known of it. An error around another one (nbclient, papermill) is judged by the
        inner one.

    Examples
    --------
    >>> classify_error(ZeroDivisionError("division by zero"))
    <ErrorCategory.CALCULATION: 'CALCULATION'>
    >>> classify_error("ValueError", "記憶體不足")
    <ErrorCategory.MEMORY: 'MEMORY'>
    """
    if isinstance(exc_or_type, BaseException):
        return _of_exception(exc_or_type, message)
    if isinstance(exc_or_type, type):
        found = next((category for types, category in _BY_TYPE if issubclass(exc_or_type, types)), None)
        return found or _of_text(_name_of(exc_or_type), message)
    return _of_text(exc_or_type.rpartition(".")[2], message)


def _of_exception(error: BaseException, message: str) -> ErrorCategory:
    if isinstance(error, errors.ValidationError):
        return ErrorCategory.SYNTAX if "SyntaxError" in str(error) else ErrorCategory.VALIDATION
    found = next((category for types, category in _BY_TYPE if isinstance(error, types)), None)
    if found is not None:
        return found
    name, text = _name_of(type(error)), message or str(error)
    if isinstance(error, errors.StrategyError) and error.error_type:
        name = error.error_type
    inner = getattr(error, "ename", None)
    if name in WRAPPERS and isinstance(inner, str):  # CellExecutionError, PapermillExecutionError
        name, text = inner, str(getattr(error, "evalue", "") or text)
    return _of_text(name, text)


def _name_of(cls: type[BaseException]) -> str:
    """The class's own name, or the first of its bases' that is known."""
    return next((base.__name__ for base in cls.__mro__ if base.__name__ in _BY_NAME), cls.__name__)


def _of_text(name: str, message: str) -> ErrorCategory:
    text = _COLOUR.sub("", message)
    if name in WRAPPERS:
        name = _inner_name(text) or name
    if name in _BY_NAME:
        return _BY_NAME[name]
    return _matched(text) or ErrorCategory.OTHER


def _inner_name(text: str) -> str:
    """Name of the class in the last line that names one."""
    for line in reversed(text.splitlines()):
        match = _TYPED.match(line.strip())
        if match is not None and match[1] not in WRAPPERS:
            return match[1]
    return ""


def _matched(text: str) -> ErrorCategory | None:
    return next((category for pattern, category in PATTERNS if pattern.search(text)), None)


def failed(error: BaseException) -> Verdict:
    """Return the verdict of a strategy that did not get as far as metrics."""
    message = str(error) or type(error).__name__
    return Verdict(
        level=SuccessLevel.FAILED, reasons=(message,), error_category=classify_error(error), error_message=message
    )
