"""A series of parameter sets in one child: compiled once, answered in batches.

What a set answers alone it answers here, in the same words. Only the way differs: the source is parsed and
compiled once, with a mark where each parameter's value stands, and sets that differ in their values alone
share one message. Whatever is not of that kind (an error, other dates, another call of ``sim``) is sent by
itself, in its turn.
"""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.data.light import parts_of
from outsample.sandbox.execute import FILENAME, Program, execute, failure, flush_output, show_lines
from outsample.sandbox.helpers import plant_modules
from outsample.sandbox.namespace import make_scene
from outsample.sandbox.steps import Steps, find_steps
from outsample.sandbox.stubs import Notes
from outsample.sandbox.wire import Labels, encode_answer, encode_batch, packed
from outsample.strategy import Literal, Strategy
from outsample.strategy.parameters import coerce, find_literals, replace_literal

__all__ = ["Series", "Template"]

# A batch is sent when it has so many bytes of values, or is so old: results are used while others are made.
BATCH_BYTES = 2 << 20
BATCH_SECONDS = 0.004
# A value of one of these types is a parameter as it is, if it is of the type of the default.
_PLAIN = (int, float, str, bool)

Send = Callable[[Sequence[bytes | memoryview]], None]


class Template:
    """Compiled source in which parameter values are put without compiling it again.

    Parameters
    ----------
    source, name : str
    """

    def __init__(self, source: str, name: str) -> None:
        self._source, self._name = source, name
        self._defaults: dict[str, Literal] = {}
        self._marks: dict[str, str] = {}
        self._slots: dict[str, int] = {}  # place of each value among the constants, where none is inside another
        self._types: dict[str, type] = {}
        self._tree: ast.Module | None = None  # with the marks
        self._steps: tuple[Dataset, Steps | None] | None = None
        self._program: Program | None = None

    def fill(self, params: Mapping[str, object]) -> Program:
        """Return the program of one parameter set; errors are those of `Program.compile`."""
        self._compile(params)
        assert self._program is not None
        if self._slots and self._takes(params):
            constants = list(self._program.code.co_consts)
            for name, value in params.items():
                constants[self._slots[name]] = value
            return self._with(tuple(constants))
        return self._filled_in_full(params, self._program)

    def decide(
        self, params: Mapping[str, object], dataset: Dataset, caught: Sequence[object]
    ) -> tuple[dict[str, object], pd.DataFrame] | None:
        """Return header and table of one parameter set, where the source is nothing but steps; None elsewhere."""
        self._compile(params)
        assert self._program is not None
        if self._tree is None or not self._takes(params):
            return None
        if self._steps is None or self._steps[0] is not dataset:
            by_mark = {mark: name for name, mark in self._marks.items()}
            self._steps = dataset, find_steps(self._tree, by_mark, self._program.entry, make_scene(dataset, Notes()))
        steps = self._steps[1]
        frame = None if steps is None else steps.run(params, caught)
        if steps is None or frame is None:
            return None
        return {"status": "ok", "kind": steps.kind, "call": None}, frame

    def _takes(self, params: Mapping[str, object]) -> bool:
        """Whether these are values for all marks, and need not be brought to the type of the default."""
        return {name: type(value) for name, value in params.items()} == self._types

    def _with(self, constants: tuple[object, ...]) -> Program:
        assert self._program is not None
        code = self._program.code.replace(co_consts=constants)
        return Program(code=code, entry=self._program.entry, remarks=self._program.remarks)

    def _filled_in_full(self, params: Mapping[str, object], program: Program) -> Program:
        values = {
            name: coerce(name, value, self._defaults[name]) for name, value in params.items() if name in self._defaults
        }
        if values.keys() != params.keys() or values.keys() != self._marks.keys() or not _scalars(values):
            return Program.compile(self._source, self._name, params)
        by_mark = {mark: values[name] for name, mark in self._marks.items()}
        return self._with(_filled(program.code.co_consts, by_mark))

    def _compile(self, params: Mapping[str, object]) -> None:
        """Compile with a text that no source holds in the place of each value; it stays a constant of the code."""
        if self._program is not None:
            return
        show_lines(self._source)
        strategy = Strategy.from_source(self._source, self._name)
        tree = strategy.syntax_tree(FILENAME)
        marks = {}
        for place, (name, (default, node)) in enumerate(find_literals(tree).items()):
            self._defaults[name] = default
            if name in params:
                marks[name] = f"\0parameter {place}"
                replace_literal(tree, node, marks[name])
        program = Program.of(strategy, tree)
        code = program.code
        self._marks = marks if _texts(code.co_consts) >= {*marks.values()} else {}
        places = {item: place for place, item in enumerate(code.co_consts) if isinstance(item, str)}
        self._types = {name: type(self._defaults[name]) for name in self._marks}
        inside = _texts(tuple(item for item in code.co_consts if isinstance(item, tuple)))
        alone = all(mark in places and mark not in inside for mark in self._marks.values())
        if self._marks and all(kind in _PLAIN for kind in self._types.values()):
            self._slots = {name: places[mark] for name, mark in self._marks.items()} if alone else {}
            self._tree = None if program.remarks else tree
        self._program = program


class Series:
    """Runs what a request asks for with one series of parameter sets after another.

    Parameters
    ----------
    request : mapping
        Of the session: source, name, seed, modules.
    dataset : MappedDataset
    notes : Notes
        Where the planted stubs write to.
    send : callable
        Sends the buffers of one message.
    """

    def __init__(self, request: Mapping[str, Any], dataset: Dataset, notes: Notes, send: Send) -> None:
        self._request, self._dataset, self._notes, self._send = request, dataset, notes, send
        self._template = Template(request["source"], request["name"])
        self._batch = _Batch(send)

    def answer(self, sets: Sequence[Mapping[str, object]]) -> None:
        """Send the answers to parameter sets, in their order."""
        notes, batch = self._notes, self._batch
        batch.begin()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for params in sets:
                notes.clear()
                del caught[:]
                try:
                    header, frame = self._template.decide(params, self._dataset, caught) or self._run(params)
                    header["warnings"] = notes.lines
                    batch.add(header, frame)
                except BaseException as error:  # noqa: BLE001 - whatever a strategy raises is an answer
                    batch.flush()
                    flush_output()
                    self._send(encode_answer(failure(error, notes)))
            batch.flush()

    def _run(self, params: Mapping[str, object]) -> tuple[dict[str, object], pd.DataFrame]:
        """Run one parameter set the ordinary way."""
        program = self._template.fill(params)
        plant_modules(self._request.get("modules", {}))
        decided = execute(program, self._dataset, self._notes, seed=self._request["seed"])
        flush_output()
        return decided


class _Batch:
    """Answers that differ in their values alone."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._header: dict[str, object] = {}
        self._index: pd.Index[Any] = pd.Index([])
        self._columns: pd.Index[Any] = pd.Index([])
        self._labels: Labels | None = None  # index and columns as they are sent
        self._type = np.dtype(bool)
        self._values: list[bytes] = []
        self._bytes = 0
        self.begin()

    def begin(self) -> None:
        """Say that a series begins."""
        self._since = self._first_at = self._last_at = time.perf_counter()

    def add(self, header: dict[str, object], frame: pd.DataFrame) -> None:
        """Add one answer; what came before is sent first if it is of another kind."""
        parts = parts_of(frame)
        if parts is None:
            values, index, columns = frame.to_numpy(), frame.index, frame.columns
        else:
            values, index, columns = parts.block.T, parts.dates, parts.symbols
        labelled = self._labels is not None and _same(index, self._index) and _same(columns, self._columns)
        if not (labelled and header == self._header and values.dtype == self._type):
            self.flush()
            self._header, self._type = header, values.dtype
        if not labelled:
            self._index, self._columns, self._labels = index, columns, Labels.of(index, columns)
        self._values.append(packed(values))
        self._bytes += values.nbytes
        self._last_at = time.perf_counter()
        if len(self._values) == 1:
            self._first_at = self._last_at
        if self._bytes >= BATCH_BYTES or self._last_at - self._since >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what there is."""
        if self._values and self._labels is not None:
            header = {**self._header, "seconds": self._seconds()}
            self._send(encode_batch(header, self._labels, self._type, self._values))
        self._values, self._bytes = [], 0
        self.begin()

    def _seconds(self) -> float:
        """How long a set of this batch took; the first of several does what the others find done."""
        others = len(self._values) - 1
        return (self._last_at - self._first_at) / others if others else self._last_at - self._since


def _same(one: pd.Index, other: pd.Index) -> bool:
    return one.is_(other) or one.equals(other)


def _scalars(values: Mapping[str, object]) -> bool:
    # Another constant is the same object in every run: a list must be new each time.
    return all(value is None or isinstance(value, int | float | str) for value in values.values())


def _texts(constants: tuple[object, ...]) -> set[str]:
    found: set[str] = set()
    for item in constants:
        if isinstance(item, tuple):
            found |= _texts(item)
        elif isinstance(item, str):
            found.add(item)
    return found


def _filled(constants: tuple[object, ...], values: Mapping[str, object]) -> tuple[object, ...]:
    # Defaults of a function are a tuple among the constants.
    return tuple(
        _filled(item, values) if isinstance(item, tuple) else values.get(item, item) if isinstance(item, str) else item
        for item in constants
    )
