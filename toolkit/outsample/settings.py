"""Settings of a machine or a user: defaults, then the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outsample.config import Thresholds
from outsample.errors import ConfigError

__all__ = ["Settings", "load_settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a machine or a user sets once.

    Parameters
    ----------
    store : str or None
        URL of the store; None: SQLite in the user's data folder; "none": no store.
    dataset : str
        Dataset of a cell that names none.
    progress : bool
        Show progress displays.
    options : mapping
        Options of ``sim`` that stand between the strategy's own and the market's.
    thresholds : Thresholds
    """

    store: str | None = None
    dataset: str = "sample"
    progress: bool = True
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    thresholds: Thresholds = dataclasses.field(default_factory=Thresholds)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process: defaults, then the environment.

    Parameters
    ----------
    environ : mapping, optional
        Instead of ``os.environ``. Read: OUTSAMPLE_STORE, OUTSAMPLE_DATASET, OUTSAMPLE_PROGRESS,
        OUTSAMPLE_FEE_RATIO, OUTSAMPLE_TAX_RATIO.

    Raises
    ------
    ConfigError
        A value cannot be read; the message names the variable.
    """
    env = os.environ if environ is None else environ
    options = {
        name: _number_from_env(env, f"OUTSAMPLE_{name.upper()}")
        for name in ("fee_ratio", "tax_ratio")
        if env.get(f"OUTSAMPLE_{name.upper()}")
    }
    return Settings(
        store=env.get("OUTSAMPLE_STORE") or None,
        dataset=env.get("OUTSAMPLE_DATASET") or "sample",
        progress=env.get("OUTSAMPLE_PROGRESS", "1").strip().lower() not in {"0", "false", "no", "off"},
        options=options,
    )


def _number_from_env(env: Mapping[str, str], name: str) -> float:
    try:
        return float(env[name])
    except ValueError as error:
        raise ConfigError(f"The environment variable {name} must be a number. Got {env[name]!r}.") from error
