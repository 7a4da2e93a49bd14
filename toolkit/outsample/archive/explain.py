"""Why two results differ: which inputs are different, and how much of the change each of them makes.

The inputs of a result are those of its key: source, parameters, configuration, data, engine, environment and
seed. Those that differ and can be exchanged here are exchanged in every combination, and each gets its mean
contribution over all orders of exchanging them (L. S. Shapley, "A value for n-person games", 1953): the
contributions sum to the change. What versions of the engine or of libraries changed cannot be run here; it is
what remains between the stored numbers and those of the same inputs run today.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from outsample.archive.differences import data_differences
from outsample.data import Dataset
from outsample.errors import OutsampleError
from outsample.model import ExecutionResult
from outsample.pipeline import Outcome, evaluate, raise_for_status
from outsample.request import Request
from outsample.sandbox import run_sandboxed
from outsample.strategy import Strategy

__all__ = ["FACTORS", "METRICS", "Change", "Explanation", "Side", "explain", "numbers_of", "side_of"]

METRICS = ("total_return", "sharpe", "max_drawdown")
# In this order they are told.
FACTORS = ("source", "parameters", "configuration", "data", "engine", "environment", "seed")
# Every combination of so many inputs is run; of more, each is exchanged first and last.
_ALL = 4
_CONFIGURATION = ("options", "settings", "conventions", "thresholds", "benchmark", "alpha")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two results.

    Parameters
    ----------
    parts : mapping
        The inputs of its key by name.
    numbers : mapping of str to float
        Its `METRICS` as they were reported.
    request : Request or None
        To run it here; None where its data are gone.
    frame_ids : mapping of frame name to content id
    source : str
    """

    parts: Mapping[str, Any]
    numbers: Mapping[str, float]
    request: Request | None
    frame_ids: Mapping[str, str]
    source: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """An input that differs.

    Parameters
    ----------
    factor : str
        One of `FACTORS`.
    details : tuple of str
        What exactly differs.
    effects : mapping of metric name to float
        How much of the change of each metric it makes; NaN where that could not be found.
    """

    factor: str
    details: tuple[str, ...]
    effects: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why two results differ.

    Parameters
    ----------
    changes : tuple of Change
        Empty: the inputs are the same.
    before, after : mapping of metric name to float
    notes : tuple of str
        What could not be run, and why.
    """

    changes: tuple[Change, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def factors(self) -> tuple[str, ...]:
        """Names of the inputs that differ."""
        return tuple(change.factor for change in self.changes)

    @property
    def table(self) -> pd.DataFrame:
        """A row per input that differs: its effect on each metric; the effects of a metric sum to its change."""
        rows = [[change.effects.get(name, math.nan) for name in METRICS] for change in self.changes]
        index = pd.Index(self.factors, name="input", dtype=object)
        return pd.DataFrame(rows, index=index, columns=list(METRICS), dtype=float)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; null where undefined."""
        plain = {name: {key: _finite(value) for key, value in getattr(self, name).items()} for name in _SIDES}
        changes = [
            {
                "input": change.factor,
                "details": list(change.details),
                "effects": {name: _finite(value) for name, value in change.effects.items()},
            }
            for change in self.changes
        ]
        return {"version": 1, **plain, "changes": changes, "notes": list(self.notes)}

    def __str__(self) -> str:
        if not self.changes:
            return "The inputs are the same."
        lines = []
        for change in self.changes:
            effects = ", ".join(f"{name} {change.effects[name]:+.6g}" for name in METRICS if name in change.effects)
            lines.append(f"{change.factor}: {effects}")
            lines += [f"    {detail}" for detail in change.details]
        moved = ", ".join(f"{name} {self.before[name]:.6g} -> {self.after[name]:.6g}" for name in METRICS)
        return "\n".join([moved, *lines, *self.notes])


_SIDES = ("before", "after")


def side_of(outcome: Outcome) -> Side:
    """Return the side of an outcome."""
    return Side(
        parts=outcome.parts,
        numbers=numbers_of(outcome),
        request=outcome.request,
        frame_ids=outcome.request.data.frame_ids,
        source=outcome.request.strategy.source,
    )


def numbers_of(outcome: Outcome) -> dict[str, float]:
    """Return the `METRICS` of an outcome."""
    return {name: float(getattr(outcome.metrics, name)) for name in METRICS}


def explain(a: Side, b: Side, *, rerun: bool = True) -> Explanation:
    """Explain the way from one result to another.

    Parameters
    ----------
    a, b : Side
    rerun : bool
        Run the combinations; without that only what differs is told.

    Returns
    -------
    Explanation
    """
    details = {name: lines for name, lines in _differences(a, b).items() if lines}
    effects: dict[str, dict[str, float]] = {name: {} for name in details}
    notes: tuple[str, ...] = ()
    if rerun and details:
        effects, notes = _effects(a, b, tuple(details))
    changes = tuple(
        Change(factor=name, details=tuple(details[name]), effects=effects[name]) for name in FACTORS if name in details
    )
    return Explanation(changes=changes, before=a.numbers, after=b.numbers, notes=notes)


# -- what differs


def _differences(a: Side, b: Side) -> dict[str, list[str]]:
    one, two = a.parts, b.parts
    before, after = dict(one["config"]), dict(two["config"])
    engines = (before.pop("engine", None), after.pop("engine", None))
    worlds = [
        {"semantics": part["semantics"], **{name: part["environment"][name] for name in part["environment"]}}
        for part in (one, two)
    ]
    return {
        "source": _source_lines(a.source, b.source) if one["structure"] != two["structure"] else [],
        "parameters": _changed(one["parameters"], two["parameters"]),
        "configuration": _changed(_flat(before), _flat(after)),
        "data": _data_lines(a, b) if one["snapshot"] != two["snapshot"] else [],
        "engine": [] if list(engines[0]) == list(engines[1]) else [f"{_named(engines[0])} -> {_named(engines[1])}"],
        "environment": _changed(worlds[0], worlds[1]),
        "seed": [] if one["seed"] == two["seed"] else [f"{one['seed']} -> {two['seed']}"],
    }


def _named(engine: Sequence[object]) -> str:
    return f"{engine[0]} version {engine[1]}"


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    nothing = object()
    names = [*a, *(name for name in b if name not in a)]
    pairs = [(name, a.get(name, nothing), b.get(name, nothing)) for name in names]
    return [
        f"{name}: {'(not there)' if old is nothing else repr(old)} -> {'(not there)' if new is nothing else repr(new)}"
        for name, old, new in pairs
        if old is nothing or new is nothing or repr(old) != repr(new)
    ]


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options by name; one that moves between the caller and the defaults with its value is not changed."""
    found: dict[str, Any] = {}
    for group in ("default", "caller"):
        found |= dict(config.get(group) or {})
    for name, value in config.items():
        if name in ("default", "caller"):
            continue
        fields = _fields(value)
        if fields is None:
            found[name] = value
        else:
            found |= {f"{name}.{key}": item for key, item in fields.items()}
    return found


def _fields(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _source_lines(a: str, b: str) -> list[str]:
    lines = difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++"))] or ["another helper module"]


def _data_lines(a: Side, b: Side) -> list[str]:
    if a.request is not None and b.request is not None:
        return data_differences(a.request.data, b.request.data)
    names = sorted({*a.frame_ids, *b.frame_ids})
    return [f"{name}: other content" for name in names if a.frame_ids.get(name) != b.frame_ids.get(name)]


# -- how much each makes


def _effects(a: Side, b: Side, factors: tuple[str, ...]) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    unknown = {name: dict.fromkeys(METRICS, math.nan) for name in factors}
    if a.request is None or b.request is None:
        return unknown, ("The combinations were not run: the data of one result are gone.",)
    value = _Runner(a.request, b.request, factors).numbers
    exchanged = tuple(name for name in factors if _exchangeable(name, a.request, b.request))
    try:
        found = _contributions(exchanged, value)
        start, end = value(frozenset()), value(frozenset(exchanged))
    except OutsampleError as error:
        return unknown, (f"The combinations were not run: {error}",)
    rest = {m: (start[m] - a.numbers[m]) + (b.numbers[m] - end[m]) for m in METRICS}
    fixed = [name for name in factors if name not in exchanged]
    notes: tuple[str, ...] = ()
    if len(fixed) > 1:
        notes = (f"What {' and '.join(fixed)} changed cannot be told apart here; it is shown with {fixed[0]}.",)
    for place, name in enumerate(fixed):
        found[name] = rest if place == 0 else dict.fromkeys(METRICS, math.nan)
    if not fixed and any(abs(rest[m]) > 1e-9 for m in METRICS):
        notes = (f"The stored numbers are not those of the same inputs run here: {rest}.",)
    if "source" in exchanged and "parameters" in factors and not _same_names(a.request, b.request):
        found["parameters"] = dict.fromkeys(METRICS, 0.0)
        notes += ("The parameters belong to the source; what they changed is shown with it.",)
    return found, notes


def _exchangeable(name: str, a: Request, b: Request) -> bool:
    if name == "environment":
        return False
    if name == "engine":
        return a.engine != b.engine  # another version of the same engine is not here
    return name != "parameters" or _same_names(a, b)


def _same_names(a: Request, b: Request) -> bool:
    return set(a.strategy.values) == set(b.strategy.values)


def _contributions(
    factors: tuple[str, ...], value: Callable[[frozenset[str]], Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Mean change of each metric when a factor is exchanged, over all orders (or, of many factors, two)."""
    orders = list(itertools.permutations(factors)) if len(factors) <= _ALL else [factors, factors[::-1]]
    found = {name: dict.fromkeys(METRICS, 0.0) for name in factors}
    for order in orders:
        for place, name in enumerate(order):
            before, after = value(frozenset(order[:place])), value(frozenset(order[: place + 1]))
            for metric in METRICS:
                found[name][metric] += (after[metric] - before[metric]) / len(orders)
    return found


class _Runner:
    """Runs requests that take some inputs from one side and the rest from the other, each once."""

    def __init__(self, a: Request, b: Request, factors: tuple[str, ...]) -> None:
        self._a, self._b, self._factors = a, b, factors
        self._numbers: dict[frozenset[str], Mapping[str, float]] = {}
        self._executions: dict[tuple[object, ...], ExecutionResult] = {}

    def numbers(self, taken: frozenset[str]) -> Mapping[str, float]:
        """The metrics with these inputs of the second side."""
        if taken not in self._numbers:
            self._numbers[taken] = numbers_of(self._run(self._request(taken)))
        return self._numbers[taken]

    def _request(self, taken: frozenset[str]) -> Request:
        def side(name: str) -> Request:
            return self._b if name in taken else self._a

        source = side("source").strategy
        # Where the names differ, the parameters go with the source.
        values = (side("parameters") if _same_names(self._a, self._b) else side("source")).strategy.values
        strategy = Strategy(source.source, source.name, dict(values), dict(source.modules))
        data: Dataset = side("data").data
        configuration = {name: getattr(side("configuration"), name) for name in _CONFIGURATION}
        rest: dict[str, Any] = {"engine": side("engine").engine, "seed": side("seed").seed, "policy": self._b.policy}
        return Request(strategy=strategy, data=data, **configuration, **rest)

    def _run(self, request: Request) -> Outcome:
        strategy = request.strategy
        key = (strategy.source, repr(sorted(strategy.values.items())), request.data.id, request.seed)
        if key not in self._executions:
            # What the engine, costs and options change needs no new sandbox.
            execution = run_sandboxed(strategy, request.data, policy=request.policy, seed=request.seed)
            raise_for_status(execution, request.policy)
            self._executions[key] = execution
        return evaluate(request, self._executions[key])


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
