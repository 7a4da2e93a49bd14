"""A request: everything that can change a number, the options it resolves to, and its key."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from outsample import errors
from outsample.canonical import canonical_json, digest, joined_json
from outsample.config import (
    FINLAB_DEFAULTS,
    Conventions,
    Costs,
    Execution,
    SandboxPolicy,
    Thresholds,
    option_names,
    resolve_options,
)
from outsample.data import Dataset
from outsample.engine import get_engine
from outsample.engine.scores import check_method
from outsample.model import SEMANTICS, Positions
from outsample.strategy import Literal, Strategy

__all__ = ["Request", "key_parts", "keys_with", "request_key", "resolved_options"]

# An option that only checks: it can raise, and never changes a number.
_NOT_IN_KEY = frozenset({"check"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One backtest: everything that can change a number, and the limits under which it runs.

    Parameters
    ----------
    strategy : Strategy
    data : Dataset
    options : mapping
        Options of ``sim`` that the caller gave; they beat the strategy's own.
    settings : mapping
        Options of ``sim`` from the settings; the strategy's own beat them.
    conventions : Conventions
    thresholds : Thresholds
    engine : str
    benchmark : str or None
        A symbol; None: the dataset's benchmark, else the equal-weighted universe bought and held.
    alpha : str or None
        Weight method (`outsample.engine.scores.WEIGHT_METHODS`) of a strategy that gives a signal.
    seed : int
        Of ``random`` and ``numpy.random`` inside the strategy.
    policy : SandboxPolicy
        Not part of the key: limits end a run, they never change a number.
    validate : bool
    """

    strategy: Strategy
    data: Dataset
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    conventions: Conventions = field(default_factory=Conventions)
    thresholds: Thresholds = field(default_factory=Thresholds)
    engine: str = "vectorised"
    benchmark: str | None = None
    alpha: str | None = None
    seed: int = 0
    policy: SandboxPolicy = field(default_factory=SandboxPolicy)
    validate: bool = True

    def __post_init__(self) -> None:
        resolve_options(self.settings, self.options)  # refuses what is not allowed before anything runs
        if self.alpha is not None:
            check_method(self.alpha)
        if self.benchmark is not None and self.benchmark not in self.data.symbols:
            raise errors.DataMissing(
                f"The benchmark {self.benchmark!r} is no symbol of the dataset {self.data.name!r}.",
                hint=errors.nearest(str(self.benchmark), map(str, self.data.symbols)),
            )

    @property
    def periods_per_year(self) -> float:
        """Bars of a year: the caller's, else the dataset's."""
        return self.conventions.periods_per_year or self.data.periods_per_year

    @property
    def resolved_conventions(self) -> Conventions:
        """The conventions with their number of periods per year."""
        return dataclasses.replace(self.conventions, periods_per_year=self.periods_per_year)


def resolved_options(request: Request, positions: Positions) -> tuple[Execution, Costs, tuple[str, ...]]:
    """Resolve the options of a run: caller > the strategy's ``sim`` call > settings > preset.

    Returns
    -------
    execution : Execution
    costs : Costs
    undeclared : tuple of str
        Cost options that the strategy lowered below the preset and the caller did not give.
    """
    preset = request.data.preset.options
    call: dict[str, Any] = {}
    if positions.call is not None:
        base = FINLAB_DEFAULTS if positions.call.dialect == "finlab" else {}
        call = {**base, **{name: value for name, value in positions.call.options.items() if value is not None}}
    execution, costs = resolve_options(preset, request.settings, call, request.options)
    undeclared = tuple(
        name
        for name in ("fee_ratio", "tax_ratio")
        if request.options.get(name) is None and name in call and getattr(costs, name) < preset.get(name, 0.0)
    )
    return execution, costs, undeclared


def request_key(request: Request) -> str:
    """Return the result key: 64 hexadecimal digits, equal for equal inputs."""
    return digest(key_parts(request))


def keys_with(request: Request) -> Callable[[Mapping[str, Literal]], str]:
    """Return a function of the values of all parameters that gives the result key of the request with them."""
    parts = {name: canonical_json(part) for name, part in key_parts(request).items()}

    def key(values: Mapping[str, Literal]) -> str:
        return hashlib.sha256(joined_json({**parts, "parameters": canonical_json(dict(values))})).hexdigest()

    return key


def key_parts(request: Request) -> dict[str, Any]:
    """Return the inputs of a result by name; `digest` of them is the key."""
    return {
        "structure": request.strategy.sha,
        "parameters": dict(request.strategy.values),
        "config": _key_config(request),
        "snapshot": request.data.id,
        "semantics": SEMANTICS,
        "environment": _environment(request.strategy),
        "seed": request.seed,
    }


def _key_config(request: Request) -> dict[str, Any]:
    given = {name: value for name, value in request.options.items() if value is not None}
    if "sim" not in request.strategy.names:
        # Without a sim call of its own nothing stands between the caller and the defaults.
        default, given = _as_mapping(request.data.preset.options, request.settings, given), {}
    else:
        default = _as_mapping(request.data.preset.options, request.settings)
    forced = {name: value for name, value in _as_mapping(given).items() if name in given}
    alpha = {} if request.alpha is None else {"alpha": request.alpha}
    return {
        **alpha,
        "caller": forced,
        "default": {name: value for name, value in default.items() if name not in forced},
        "engine": [request.engine, get_engine(request.engine).version],
        "benchmark": request.benchmark or request.data.benchmark,
        "conventions": request.resolved_conventions,
        "thresholds": request.thresholds,
    }


def _as_mapping(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Resolved options by name, in one normal form."""
    values = resolve_options(*layers)
    found = {item.name: getattr(value, item.name) for value in values for item in dataclasses.fields(value)}
    return {name: found[name] for name in option_names() if name not in _NOT_IN_KEY}


def _environment(strategy: Strategy) -> dict[str, str]:
    versions = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "pandas": _minor(pd.__version__),
        "numpy": _minor(np.__version__),
    }
    for package, distribution in (("scipy", "scipy"), ("sklearn", "scikit-learn")):
        if package in strategy.names:
            versions[package] = _installed(distribution)
    return versions


def _installed(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return _minor(version(distribution))
    except PackageNotFoundError:
        return "none"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
