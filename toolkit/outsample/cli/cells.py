"""The lines of ``%%backtest`` cells, as ``outsample run`` reads them from a notebook file."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.errors import ConfigError, OutsampleError

if TYPE_CHECKING:
    from outsample.batch import Entry
    from outsample.config import SandboxPolicy

__all__ = ["dataset_of", "with_lines"]

_OF_BATCH = ("engine", "benchmark", "alpha", "seed")
# What a cell may ask for that a batch does not do, or that the caller of a batch decides.
_LEFT_OUT = (
    "data",
    "sweep",
    "walk_forward",
    "bootstrap",
    "qlib",
    "golden",
    "queue",
    "no_lookahead",
    "no_cache",
    "trust",
)
_VARIABLE = re.compile(r"\{[^{}]*\}|\$\w+")


def dataset_of(entries: Sequence[Entry]) -> str | None:
    """Return the dataset that every strategy names on its cell line; None if one names none, or another."""
    found = {_data_of(entry) for entry in entries if entry.error is None}
    return found.pop() if len(found) == 1 else None


def with_lines(
    entries: Sequence[Entry], parsed: argparse.Namespace, *, data: str, policy: SandboxPolicy
) -> list[Entry]:
    """Return the entries with the options of their cell lines, below those of the command.

    What is left out is a note of the row: another dataset than `data`, limits above `policy`, what a batch
    does not do. A line that cannot be read is the failure of its row.
    """
    return [_with_line(entry, parsed, data=data, policy=policy) for entry in entries]


def _with_line(entry: Entry, parsed: argparse.Namespace, *, data: str, policy: SandboxPolicy) -> Entry:
    if not entry.cell or entry.strategy is None:
        return entry
    try:
        line = _line_of(entry)
        strategy = entry.strategy.with_modules({**_modules(entry, line), **entry.strategy.modules})
        limits = _limits(line, policy)
        options = {**_options(line, parsed), "policy": limits}
    except OutsampleError as error:
        return dataclasses.replace(entry, strategy=None, error=error)
    left = [f"--{name.replace('_', '-')}" for name in _LEFT_OUT if getattr(line, name) and name != "data"]
    left += [f"--data {line.data} (the batch runs on {data})"] if line.data not in (None, data) else []
    left += [f"--timeout {line.timeout:g}"] if line.timeout and line.timeout > limits.timeout else []
    left += [f"--memory {line.memory}"] if line.memory and line.memory > limits.memory_mb else []
    notes = (f"Not applied of its cell line: {', '.join(left)}.",) if left else ()
    return dataclasses.replace(entry, strategy=strategy, options=options, notes=entry.notes + notes)


def _data_of(entry: Entry) -> str | None:
    try:
        name: str | None = _line_of(entry).data if entry.cell else None
    except OutsampleError:
        return None  # its row says why
    return name


def _line_of(entry: Entry) -> argparse.Namespace:
    from outsample.notebook.arguments import backtest_parser

    unknown = _VARIABLE.search(entry.line)
    if unknown:
        raise ConfigError(
            f"The cell line of {entry.name!r} names a variable of the notebook: {unknown[0]}.",
            hint="outsample report runs the notebook, with its variables; outsample run reads only its cells.",
        )
    try:
        return backtest_parser().parse_args(shlex.split(entry.line))
    except ValueError as error:
        raise ConfigError(f"The cell line of {entry.name!r} cannot be read: {error}.") from error


def _modules(entry: Entry, line: argparse.Namespace) -> Mapping[str, str]:
    from outsample.notebook.arguments import modules_of
    from outsample.strategy.cells import module_cells

    folder = Path(entry.file).parent
    known = module_cells(Path(entry.file)) if line.use else {}
    words = [word if word in known or Path(word).is_absolute() else str(folder / word) for word in line.use]
    return modules_of(words, known)


def _options(line: argparse.Namespace, parsed: argparse.Namespace) -> dict[str, Any]:
    """Options of the line, where the command says nothing else."""
    from outsample.notebook.arguments import backtest_parser, options_of, parameters

    defaults = backtest_parser().parse_args([])
    said = {name for name in _OF_BATCH if getattr(parsed, name) != getattr(defaults, name)}
    found = {name: getattr(line, name) for name in _OF_BATCH if name not in said and getattr(line, name) is not None}
    params = {**parameters(line.params), **parameters(parsed.params)}
    return {**options_of(line), **options_of(parsed), **found, **({"params": params} if params else {})}


def _limits(line: argparse.Namespace, policy: SandboxPolicy) -> SandboxPolicy:
    """Limits of the line where they are lower: what a machine gives is for its owner to say, not for a file."""
    asked = {"timeout": line.timeout, "memory_mb": line.memory}
    lower = {name: value for name, value in asked.items() if value is not None and value < getattr(policy, name)}
    return dataclasses.replace(policy, **lower)
