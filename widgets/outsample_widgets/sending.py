"""From the fields of a form to a job."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from outsample.config import SandboxPolicy
from outsample.errors import ConfigError
from outsample.notebook.arguments import grid
from outsample.strategy import Literal, Strategy

__all__ = ["KINDS", "arguments_of", "strategy_of"]

KINDS = (
    ("backtest", "Backtest"),
    ("sweep", "Sweep of parameters"),
    ("walk_forward", "Walk-forward"),
    ("bootstrap", "Bootstrap"),
)
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "backtest": (),
    "sweep": ("grid",),
    "walk_forward": ("grid", "train", "test"),
    "bootstrap": ("n_paths",),
}


def strategy_of(form: Mapping[str, object]) -> Strategy:
    """Return the strategy of a form with its parameters.

    Raises
    ------
    ConfigError
        A parameter that is no value of its type.
    """
    strategy = Strategy.from_source(str(form.get("source", "")), str(form.get("name") or "strategy").strip()[:120])
    given = form.get("params")
    if not isinstance(given, dict):
        return strategy
    known = strategy.parameters
    values = {
        str(name): _literal(str(name), str(text), isinstance(known[name].value, str))
        for name, text in given.items()
        if name in known
    }
    return strategy.with_params(**{name: value for name, value in values.items() if value != known[name].value})


def arguments_of(form: Mapping[str, object]) -> dict[str, object]:
    """Return what `outsample.jobs.submit` takes beside the strategy and the data.

    Empty fields are left out: the market's costs, the whole period.

    Raises
    ------
    ConfigError
        A field that is no number, a missing grid, or a kind that there is not.
    """
    kind = str(form.get("kind_of_job") or "backtest")
    if kind not in _NEEDS:
        raise ConfigError(f"What to run must be one of {', '.join(_NEEDS)}. Got {kind!r}.")
    found: dict[str, object] = {"kind": kind}
    for name in ("priority", "backend", "start", "end"):
        if form.get(name):
            found[name] = str(form[name])
    for name in ("fee_ratio", "tax_ratio"):
        if form.get(name) not in (None, ""):
            found[name] = _number(name, form[name])
    found["timeout"] = int(_number("timeout", form.get("timeout") or 3600))
    found["sandbox"] = SandboxPolicy(memory_mb=int(_number("memory", form.get("memory") or 500)))
    method = str(form.get("weight_method") or "none")
    if method != "none":
        found["alpha"] = method
    for name in _NEEDS[kind]:
        text = str(form.get(name) or "").strip()
        if not text:
            raise ConfigError(f"A {kind.replace('_', '-')} needs {name}.", hint="Values: fast=10,20,40 slow=100:300:50")
        found[name] = grid(text.split()) if name == "grid" else int(text) if text.isdecimal() else text
    return found


def _number(name: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError as error:
        raise ConfigError(f"{name} must be a number. Got {value!r}.") from error
    if not math.isfinite(number):
        raise ConfigError(f"{name} must be a finite number. Got {value!r}.")
    return number


def _literal(name: str, text: str, plain: bool) -> Literal:
    if plain:
        return text
    try:
        found: Literal = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError) as error:
        raise ConfigError(f"{name}: {text!r} is no value.", hint="For example 5, 0.5, True or (1, 2).") from error
    return found
