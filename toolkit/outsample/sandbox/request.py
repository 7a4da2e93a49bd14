"""What one run needs, checked; and what its child is told."""

from __future__ import annotations

import json
import math
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from outsample.config import SandboxPolicy
from outsample.data import Dataset, load
from outsample.errors import ConfigError
from outsample.strategy import Strategy

__all__ = ["RunRequest", "cpu_limit", "flavour", "make_request", "request_json"]

_SCIENCE = re.compile(r"^\s*(?:from|import)\s+(?:scipy|sklearn)\b", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Everything that one run needs.

    Parameters
    ----------
    source, name : str
    data : Dataset
    params : mapping
        Parameter name -> literal.
    modules : mapping of str to str
        Helper modules that the strategy may import: name -> source.
    policy : SandboxPolicy
    seed : int
    server : ServerProcess or None
        Instead of the one of this process.
    cancel : threading.Event or None
        Ends the run when it is set.
    """

    source: str
    data: Dataset
    name: str = "strategy"
    params: Mapping[str, object] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    policy: SandboxPolicy = field(default_factory=SandboxPolicy)
    seed: int = 0
    server: object = None
    cancel: threading.Event | None = None


def make_request(strategy: Strategy | str, data: Dataset | str, params: Mapping[str, object]) -> RunRequest:
    """Return a request with the ordinary policy from what a user gives."""
    if isinstance(data, str):
        data = load(data)
    if not isinstance(data, Dataset):
        raise ConfigError(
            f"data must be a Dataset or the name of one. Got {type(data).__name__}.",
            hint="Dataset.from_frames({'close': frame}, name='mine') makes one.",
        )
    if isinstance(strategy, Strategy):
        overrides = {**strategy.overrides, **params}
        return RunRequest(
            source=strategy.source, name=strategy.name, data=data, params=overrides, modules=strategy.modules
        )
    if not isinstance(strategy, str):
        raise ConfigError(f"strategy must be a Strategy or source text. Got {type(strategy).__name__}.")
    return RunRequest(source=strategy, data=data, params=dict(params))


def flavour(source: str) -> str:
    """Return which server a source needs: scipy and sklearn are imported by a second one."""
    return "science" if _SCIENCE.search(source) else "base"


def request_json(request: RunRequest, mode: str) -> bytes:
    """Return what a child is told.

    Raises
    ------
    ConfigError
        A parameter is no literal.
    """
    said = {"mode": mode, "source": request.source, "name": request.name, "seed": request.seed}
    try:
        # Lone surrogates in a source stay what they are: JSON's escapes carry them.
        more = {"params": dict(request.params), "modules": dict(request.modules)}
        return json.dumps({**said, **more}).encode("ascii")
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The parameters of a strategy are literals. Got {dict(request.params)!r:.200}.") from error


def cpu_limit(policy: SandboxPolicy) -> int:
    """Return the limit of CPU seconds over all threads, rounded up."""
    seconds = policy.cpu_seconds
    if seconds is None:
        seconds = policy.timeout * (os.cpu_count() or 1)
    return max(math.ceil(seconds), 1)
