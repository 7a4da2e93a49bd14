"""Run the code of a strategy and say what it wants to hold, or how it failed. Runs inside a child."""

from __future__ import annotations

import ast
import functools
import linecache
import random
import sys
import traceback
import types
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outsample.data import Dataset, StrategyFrame
from outsample.data.light import parts_of
from outsample.errors import OutsampleError, StrategyError, ValidationError, nearest
from outsample.sandbox.answers import LazyReport
from outsample.sandbox.helpers import plant_modules
from outsample.sandbox.namespace import Scene, make_scene
from outsample.sandbox.stubs import Notes
from outsample.sandbox.wire import encode_answer
from outsample.strategy import Strategy

__all__ = ["FILENAME", "Program", "answer", "execute", "failure", "flush_output", "show_lines", "table_of"]

FILENAME = "<strategy>"
_NO_POSITIONS = "The strategy ended without positions."
_THREE_WAYS = (
    "Assign a table to `position` (or `signal`), call sim(position, ...), or define strategy(data, ...) that"
    " returns one."
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """Compiled source of a strategy with its parameters filled in."""

    code: types.CodeType
    entry: str
    remarks: tuple[str, ...] = ()

    @classmethod
    def compile(cls, source: str, name: str, params: Mapping[str, object]) -> Program:
        """Compile a source; syntax errors surface as SyntaxError or ValidationError."""
        show_lines(source)
        strategy = Strategy.from_source(source, name)
        if params:
            strategy = strategy.with_params(**params)  # type: ignore[arg-type]
        return cls.of(strategy, strategy.syntax_tree(FILENAME))

    @classmethod
    def of(cls, strategy: Strategy, tree: ast.Module) -> Program:
        """Compile the tree of a strategy, whatever stands in it for the parameters."""
        code = compile(tree, FILENAME, "exec", dont_inherit=True)
        return cls(code=code, entry=strategy.entry, remarks=tuple(_clock_remarks(tree)))


def show_lines(source: str) -> None:
    """Have tracebacks show the lines of this source."""
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)


def _clock_remarks(tree: ast.Module) -> list[str]:
    """Name the calls that read the clock: the result would be another one tomorrow."""
    clock = {("now",), ("today",), ("utcnow",)}
    lines = [
        (node.lineno, node.func.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (node.func.attr,) in clock
    ]
    return [f"Line {line}: {name}() reads the clock; the result would change tomorrow." for line, name in lines]


def execute(program: Program, dataset: Dataset, notes: Notes, *, seed: int) -> tuple[dict[str, object], pd.DataFrame]:
    """Run a program in a new namespace and return the answer's header and table.

    Raises
    ------
    BaseException
        Whatever the strategy raises, and StrategyError when it ends without positions.
    """
    _seed(seed)
    scene = make_scene(dataset, notes)
    for remark in program.remarks:
        notes.add(remark)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            exec(program.code, scene.names)  # noqa: S102 - this is what the sandbox is for
            returned = _call_entry(scene) if program.entry == "function" else None
        finally:
            for warning in caught:
                where = f"Line {warning.lineno}: " if warning.filename == FILENAME else ""
                notes.add(f"{where}{warning.category.__name__}: {str(warning.message)[:400]}")
    return _answer(scene, returned)


@functools.lru_cache(maxsize=4)
def _seeded(seed: int) -> tuple[object, ...]:
    return random.Random(seed).getstate()  # noqa: S311 - a strategy's


def _seed(seed: int) -> None:
    """Reset both global generators; a known state is put back sooner than a seed is worked out."""
    random.setstate(_seeded(seed))
    np.random.seed(seed % 2**32)  # noqa: NPY002 - strategies use the global generator


def answer(request: Mapping[str, Any], params: Mapping[str, object], dataset: Dataset, notes: Notes) -> list[bytes]:
    """Run what a request asks for and return the message to send, whatever happened."""
    notes.clear()
    try:
        program = Program.compile(request["source"], request["name"], params)
        plant_modules(request.get("modules", {}))
        header, frame = execute(program, dataset, notes, seed=request["seed"])
        header["warnings"] = notes.lines
        message = encode_answer(header, frame)
    except BaseException as error:  # noqa: BLE001 - whatever a strategy raises is an answer
        message = encode_answer(failure(error, notes))
    flush_output()
    return message


def flush_output() -> None:
    """Send on what was printed so far."""
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 - suppress() takes longer than flushing nothing
            stream.flush()
        except Exception:  # noqa: BLE001, S110 - closed or replaced by the strategy: what it printed is its own loss
            pass


def _call_entry(scene: Scene) -> object:
    function = scene.names.get("strategy")
    if not callable(function):
        raise StrategyError("`strategy` is not a function any more when the source has run.", hint=_THREE_WAYS)
    return function(scene.data)


def _answer(scene: Scene, returned: object) -> tuple[dict[str, object], pd.DataFrame]:
    recorder = scene.recorder
    header: dict[str, object] = {"status": "ok", "kind": "position", "call": None}
    if recorder.options is not None:
        header["call"] = {"dialect": recorder.dialect, "options": recorder.options}
        return header, table_of(recorder.position, scene)
    if isinstance(returned, LazyReport):
        returned = returned.position
    names = scene.names
    for kind, value in (("position", returned), ("position", names.get("position")), ("signal", names.get("signal"))):
        if value is not None:
            header["kind"] = kind
            return header, table_of(value, scene)
    raise StrategyError(_NO_POSITIONS, hint=_THREE_WAYS, error_type="NoPositions")


def table_of(value: object, scene: Scene) -> pd.DataFrame:
    """Return positions as a frame of bool or float64 with dates as index."""
    if isinstance(value, LazyReport):
        value = value.position
    if type(value) is StrategyFrame and _is_plain(value, scene):
        return value
    if isinstance(value, pd.Series):
        value = value.to_frame(scene.data.symbols[0] if len(scene.data.symbols) == 1 else value.name)
    if not isinstance(value, pd.DataFrame):
        raise StrategyError(
            f"Positions must be a DataFrame [date x symbol]. Got {type(value).__name__}.",
            hint="Row t holds what is wanted after the close of bar t: True/False or weights.",
        )
    frame = value if type(value) is StrategyFrame else pd.DataFrame(value, copy=False)
    if not isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.set_axis(_dates(frame.index), axis=0)
    if frame.to_numpy().dtype != np.dtype(bool):
        frame = _numbers(frame)
    bad = None
    if not frame.columns.is_(scene.labels):  # those of the data need not be looked at
        bad = next((name for name in frame.columns if not isinstance(name, str | int | np.integer)), None)
    if bad is not None:
        raise StrategyError(
            f"The columns of positions must be symbols. Got {bad!r:.60}.", hint="Use the columns of data.get('close')."
        )
    return frame


def _is_plain(frame: StrategyFrame, scene: Scene) -> bool:
    """Whether a frame that is not built yet has labels of the data and numbers of a kind that is sent."""
    parts = parts_of(frame)
    return (
        parts is not None
        and parts.symbols.is_(scene.labels)
        and isinstance(parts.dates, pd.DatetimeIndex)
        and parts.block.dtype in (np.bool_, np.float64)
    )


def _dates(index: pd.Index) -> pd.DatetimeIndex:
    if len(index) and isinstance(index[0], int | float | np.number):
        raise StrategyError("The index of positions must be dates. Got numbers.", hint="Keep the index of the data.")
    try:
        return pd.DatetimeIndex(index)
    except (TypeError, ValueError) as error:
        raise StrategyError(
            f"The index of positions must be dates. Got {index.dtype}.", hint="Keep the index of the data."
        ) from error


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    try:
        return frame.astype("float64")
    except (TypeError, ValueError) as error:
        kinds = ", ".join(sorted({str(dtype) for dtype in frame.dtypes}))
        raise StrategyError(
            f"Positions must be booleans or numbers. Got {kinds}.", hint="Compare or convert before assigning."
        ) from error


# ---------------------------------------------------------------------------------------------
# How it failed


def failure(error: BaseException, notes: Notes) -> dict[str, object]:
    """Return the header that describes an error: type, message, hint, line and the strategy's own frames."""
    kind = type(error).__name__
    if isinstance(error, ValidationError) and error.message.startswith("SyntaxError"):
        kind = "SyntaxError"
    message, hint = _message(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__, limit=-2000) if frame.filename == FILENAME]
    line: object = frames[-1].lineno if frames else getattr(error, "line", None)
    if isinstance(error, SyntaxError):
        line = error.lineno
    shown = frames if len(frames) <= 12 else [*frames[:6], *frames[-6:]]
    return {
        "status": "memory" if isinstance(error, MemoryError) else "strategy_error",
        "error": message,
        "error_type": getattr(error, "error_type", "") or kind,
        "hint": hint,
        "line": line if isinstance(line, int) and line > 0 else None,
        "traceback": "".join(traceback.format_list(shown)) + f"{kind}: {message}" if shown else f"{kind}: {message}",
        "code": error.code if isinstance(error, OutsampleError) else "",
        "warnings": notes.lines,
    }


def _message(error: BaseException) -> tuple[str, str]:
    if isinstance(error, OutsampleError):
        return error.message, error.hint
    if isinstance(error, SystemExit):
        return "The strategy ended itself with exit().", "Let it run to its end; positions are read after it."
    try:
        text = str(error)[:5000]
    except Exception:  # noqa: BLE001 - an exception of the strategy may fail in any way while it is printed
        text = "(the message cannot be shown)"
    return text or type(error).__name__, _hint(error)


def _hint(error: BaseException) -> str:  # noqa: PLR0911 - one return per kind of error reads best
    if isinstance(error, ModuleNotFoundError):
        return "Strategies may import pandas, numpy, scipy and parts of the standard library."
    if isinstance(error, NameError):
        return nearest(str(error.name), _visible(error)) if error.name else ""
    if isinstance(error, MemoryError):
        return "Use fewer or smaller tables, or a larger memory limit."
    if isinstance(error, RecursionError):
        return "A function calls itself without end."
    if isinstance(error, ValueError) and "read-only" in str(error):
        return "Data are read-only: work on a copy, data.get(...).copy()."
    if isinstance(error, PermissionError):
        return "Strategies cannot reach files, processes or the network; data come from data.get(key)."
    return ""


def _visible(error: BaseException) -> set[str]:
    names = {"data", "sim", "pd", "np"}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            names |= {*trace.tb_frame.f_locals, *trace.tb_frame.f_globals, *dir(__builtins__)}
        trace = trace.tb_next
    return {name for name in names if not name.startswith("_")}
