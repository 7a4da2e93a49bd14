"""What a caller asks for becomes one `Request`."""

from __future__ import annotations

from collections.abc import Mapping

from outsample import errors
from outsample.config import Conventions, SandboxPolicy
from outsample.data import Dataset, load
from outsample.request import Request
from outsample.settings import load_settings
from outsample.store import Store
from outsample.strategy import Literal, Strategy
from outsample.trials import ledger_of

__all__ = ["make_request"]


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
