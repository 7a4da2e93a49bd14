"""What a caller asks for becomes one `Request`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from outsample import errors
from outsample.config import Conventions, Costs, Execution, SandboxPolicy, option_names
from outsample.data import Dataset, load
from outsample.ledger.trials import ledger_of
from outsample.request import Request
from outsample.settings import load_settings
from outsample.store import Store
from outsample.strategy import Literal, Strategy

__all__ = ["given", "make_request", "study_request"]


def make_request(  # noqa: PLR0913 - gathers what the rims parse
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    params: Mapping[str, Literal] | None = None,
    options: Mapping[str, object] | None = None,
    sandbox: SandboxPolicy | None = None,
    engine: str = "vectorised",
    benchmark: str | None = None,
    conventions: Conventions | None = None,
    seed: int = 0,
    alpha: str | None = None,
    store: Store | bool | None = None,
) -> Request:
    """Return the request that the arguments of `backtest` mean."""
    settings = load_settings()
    source = Strategy.from_source(strategy) if isinstance(strategy, str) else strategy
    if isinstance(data, str):
        data = load(data, store=ledger_of(store)[0])
    for value, kind, text in ((source, Strategy, "a Strategy or its source"), (data, Dataset, "a Dataset or its name")):
        if not isinstance(value, kind):
            raise errors.ConfigError(
                f"backtest needs {text}. Got {type(value).__name__}.",
                hint="Dataset.from_frames({'close': frame}, name='...') makes a dataset of a DataFrame.",
            )
    if params:
        source = source.with_params(**params)
    return Request(
        strategy=source,
        data=data,
        options={name: value for name, value in (options or {}).items() if value is not None},
        settings=settings.options,
        conventions=conventions or Conventions(),
        thresholds=settings.thresholds,
        engine=engine,
        benchmark=benchmark,
        alpha=alpha,
        seed=seed,
        policy=sandbox or settings.policy(),
    )


def study_request(
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    params: Mapping[str, Literal] | None,
    options: Mapping[str, Any],
    store: Store | bool | None,
) -> Request:
    """Return the request of a study of many runs, whose options are those of `backtest`.

    Raises
    ------
    ConfigError
        An option that neither `backtest` nor ``sim`` has (the nearest is named), or that is about one run alone.
    """
    named = {name: options[name] for name in _OF_A_RUN if options.get(name) is not None}
    rest = {name: value for name, value in options.items() if name not in _OF_A_RUN}
    known = (*_OF_A_RUN, *_GROUPED, *option_names())
    for name in rest:
        if name in _ALONE:
            raise errors.ConfigError(f"A study of many runs has no option {name!r}: {_ALONE[name]}.")
        if name not in known:
            raise errors.ConfigError(f"There is no option {name!r}.", hint=errors.nearest(name, known))
    groups = [given(rest.pop(name, None), kind) for name, kind in _GROUPED.items()]
    merged = {name: value for group in groups for name, value in group.items()} | rest
    return make_request(strategy, data, params=params, options=merged, store=store, **named)


_OF_A_RUN = ("sandbox", "engine", "benchmark", "conventions", "seed", "alpha")
_GROUPED: Mapping[str, type] = {"costs": Costs, "execution": Execution}
_ALONE = {
    "use_cache": "every combination is run",
    "on_stage": "on_done tells its progress",
    "cancel": "Ctrl-C ends it",
}


def given(value: object, cls: type) -> dict[str, object]:
    """Return the options that a caller gave as `Costs`, `Execution` or a mapping, by name."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, cls):
        raise errors.ConfigError(f"{cls.__name__} or a mapping is needed. Got {value!r}.")
    default = cls()
    fields = dataclasses.fields(value)  # type: ignore[arg-type]
    found = {field.name: getattr(value, field.name) for field in fields}
    if cls is Execution:
        return {name: item for name, item in found.items() if item != getattr(default, name)}
    return found
