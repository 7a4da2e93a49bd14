"""The options of ``%%backtest`` and of the command line: one parser, one meaning."""

from __future__ import annotations

import argparse
import ast
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from outsample.config import SandboxPolicy
from outsample.errors import ConfigError, nearest
from outsample.research.plan import Plan, combinatorial_groups
from outsample.settings import load_settings
from outsample.strategy import Literal, Strategy

__all__ = [
    "Parser",
    "add_run_options",
    "backtest_parser",
    "bootstrap_spec",
    "check_together",
    "grid",
    "meta_values",
    "modules_of",
    "options_of",
    "parameters",
    "policy_of",
    "walk_forward_spec",
]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises ConfigError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise, naming the nearest option when one is unknown."""
        hint = f"Usage: {self.format_usage().removeprefix('usage: ').strip()}"
        unknown = [word for word in message.split() if word.startswith("--")]
        if "unrecognized" in message and unknown:
            known = [option for action in self._actions for option in action.option_strings]
            hint = nearest(unknown[0], known) or hint
        raise ConfigError(f"{self.prog}: {message}.", hint=hint)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Raise: a cell must not end the kernel."""
        raise ConfigError(message or f"{self.prog}: status {status}")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a cell and a command share."""
    parser.add_argument("--data", metavar="NAME", help="dataset: a name, a path, or synthetic:SYMBOLSxBARS")
    parser.add_argument("--start", metavar="DATE", help="evaluation begins here; earlier data stay visible")
    parser.add_argument("--end", metavar="DATE", help="evaluation ends here")
    parser.add_argument("--resample", metavar="FREQ", help="rebalance frequency, for example ME or W-FRI")
    parser.add_argument("--fee-ratio", type=float, metavar="X", help="commission, as a fraction of traded value")
    parser.add_argument("--tax-ratio", type=float, metavar="X", help="tax on sales, as a fraction")
    parser.add_argument("--slippage", type=float, metavar="X", help="slippage, as a fraction of traded value")
    parser.add_argument("--engine", default="vectorised", help="vectorised (default) or reference")
    parser.add_argument("--benchmark", metavar="SYMBOL", help="compare with this symbol")
    parser.add_argument(
        "--alpha", metavar="METHOD", help="a signal becomes weights: rank, zscore, quantile, top_n, equal"
    )
    parser.add_argument("--params", nargs="+", default=[], metavar="K=V", help="parameter values")
    parser.add_argument("--use", nargs="+", default=[], metavar="MODULE", help="helper modules: names or .py files")
    parser.add_argument("--seed", type=int, default=0, help="seed of random numbers in the strategy")
    parser.add_argument("--no-lookahead", action="store_true", help="skip the look-ahead check")
    parser.add_argument("--no-cache", action="store_true", help="run again even if this result is known")
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds a run may take")
    parser.add_argument("--memory", type=int, metavar="MB", help="memory a run may take")
    parser.add_argument("--trust", action="store_true", help="run even where the kernel gives less protection")


def backtest_parser() -> Parser:
    """Return the parser of the line of ``%%backtest``."""
    parser = Parser(prog="%%backtest", add_help=False, allow_abbrev=False)
    parser.add_argument("name", nargs="?", help="name of the strategy, or, in the line form, a file")
    add_run_options(parser)
    parser.add_argument("--sweep", nargs="+", default=[], metavar="K=A:B:STEP", help="grid: fast=5:50:5 slow=60,120")
    parser.add_argument("--walk-forward", metavar="SPEC", help="train=3Y,test=1Y[,anchored][,purge=5]")
    parser.add_argument("--bootstrap", metavar="SPEC", help="paths[,method=stationary][,seed=7]")
    parser.add_argument("--qlib", action="store_true", help="write and show Qlib's reports too")
    parser.add_argument("--golden", action="store_true", help="compare with the golden result of this name")
    parser.add_argument("--queue", choices=["high", "normal", "low"], help="run as a background job")
    parser.add_argument("--fallback", choices=["local"], help="with --queue: where it runs when Redis is away")
    parser.add_argument("--job-timeout", type=float, metavar="S", help="with --queue: seconds for the whole job")
    parser.add_argument("-o", "--output", metavar="VARIABLE", help="bind the result to this variable")
    parser.add_argument("-q", "--quiet", action="store_true", help="show nothing")
    return parser


def check_together(arguments: argparse.Namespace) -> None:
    """Refuse options of a cell that say nothing together; none is left out in silence.

    Raises
    ------
    ConfigError
        A walk-forward without a grid, an option of jobs without a job, or one that a job does not know.
    """
    if arguments.walk_forward and not arguments.sweep:
        raise ConfigError(
            "--walk-forward needs a grid to choose from.", hint="Add --sweep, for example --sweep fast=5:50:5"
        )
    for option in ("fallback", "job_timeout"):
        if getattr(arguments, option) is not None and not arguments.queue:
            raise ConfigError(
                f"--{option.replace('_', '-')} is for jobs.", hint="Add --queue, for example --queue normal"
            )
    for option in ("bootstrap", "golden", "qlib"):
        if arguments.queue and getattr(arguments, option):
            raise ConfigError(
                f"--{option} is not done by a job of a cell.",
                hint=f"Leave --{option} or --queue out; a job's result can be asked for it: job.result()",
            )


def modules_of(words: Sequence[str], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the helper modules that ``--use`` names: name -> source.

    Parameters
    ----------
    words : sequence of str
        Names of `known` modules, or ``.py`` files.
    known : mapping of str to str, optional
        Modules of the notebook.

    Raises
    ------
    ConfigError
        Neither a known name nor a file.
    """
    found = {}
    for word in words:
        path = Path(word)
        if known and word in known:
            found[word] = known[word]
        elif path.suffix == ".py":
            module = Strategy.from_file(path)
            found[module.name] = module.source
        else:
            raise ConfigError(
                f"--use {word!r} is neither a module of this notebook nor a .py file.",
                hint=nearest(word, known or ()) or "%%strategy_module NAME keeps a cell as a module.",
            )
    return found


def options_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the options of ``sim`` among parsed arguments."""
    names = ("start", "end", "resample", "fee_ratio", "tax_ratio", "slippage")
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}


def policy_of(arguments: argparse.Namespace) -> SandboxPolicy:
    """Return the limits: of the arguments, else of the settings."""
    changes: dict[str, Any] = {}
    if arguments.timeout is not None:
        changes["timeout"] = arguments.timeout
    if arguments.memory is not None:
        changes["memory_mb"] = arguments.memory
    if arguments.trust:
        changes["require"] = "process-only"
    return dataclasses.replace(load_settings().policy(), **changes)


def parameters(words: Sequence[str]) -> dict[str, Literal]:
    """Parse ``k=v`` words.

    Examples
    --------
    >>> parameters(["fast=30", "mode=plain", "flag=True"])
    {'fast': 30, 'mode': 'plain', 'flag': True}
    """
    return dict(_pair(word) for word in words)


def meta_values(words: Sequence[str]) -> dict[str, str]:
    """Parse the ``key=value`` words of ``--meta``; values are text, as in ``# meta:`` comments.

    Raises
    ------
    ConfigError
        A word without "=", or without a key before it.

    Examples
    --------
    >>> meta_values(["iteration=5", "model=a b"])
    {'iteration': '5', 'model': 'a b'}
    """
    found = {}
    for word in words:
        name, mark, value = word.partition("=")
        if not (mark and name):
            raise ConfigError(f"--meta takes key=value. Got {word!r}.", hint="--meta iteration=5")
        found[name] = value
    return found


def grid(words: Sequence[str]) -> dict[str, list[Literal]]:
    """Parse ``k=a:b:step`` (b included) and ``k=a,b,c`` words.

    Examples
    --------
    >>> grid(["fast=5:20:5", "slow=60,120"])
    {'fast': [5, 10, 15, 20], 'slow': [60, 120]}
    """
    found: dict[str, list[Literal]] = {}
    for word in words:
        name, text = _split(word)
        found[name] = _range(word, text) if ":" in text else [_value(part) for part in text.split(",") if part]
        if not found[name]:
            raise ConfigError(f"--sweep {word!r} names no values.", hint="fast=5:50:5 or fast=5,10,20")
    return found


def walk_forward_spec(text: str) -> Plan:
    """Parse ``train=3Y,test=1Y[,anchored][,purge=5][,combinatorial=6:2]``.

    Examples
    --------
    >>> walk_forward_spec("train=3Y,test=1Y,anchored").anchored
    True
    """
    values = _spec(text)
    allowed = {field.name for field in dataclasses.fields(Plan)}
    unknown = sorted(set(values) - allowed)
    if unknown:
        raise ConfigError(f"--walk-forward has no part {unknown[0]!r}.", hint=nearest(unknown[0], allowed))
    if not {"train", "test"} <= set(values):
        raise ConfigError(f"--walk-forward needs train and test. Got {text!r}.", hint="train=3Y,test=1Y")
    if "combinatorial" in values:
        values["combinatorial"] = combinatorial_groups(str(values["combinatorial"]))
    return Plan(**values)  # type: ignore[arg-type]


def bootstrap_spec(text: str) -> dict[str, object]:
    """Parse ``10000[,method=stationary][,seed=7]`` into arguments of `bootstrap`."""
    first, _, rest = text.partition(",")
    values = _spec(rest)
    try:
        values["n_paths"] = int(first)
    except ValueError as error:
        raise ConfigError(f"--bootstrap begins with the number of paths. Got {text!r}.") from error
    return values


def _spec(text: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = part.partition("=")
        values[name] = _value(value) if separator else True
    return values


def _split(word: str) -> tuple[str, str]:
    name, separator, text = word.partition("=")
    if not separator or not name.isidentifier():
        raise ConfigError(f"A parameter is written name=value. Got {word!r}.")
    return name, text


def _pair(word: str) -> tuple[str, Literal]:
    name, text = _split(word)
    return name, _value(text)


def _value(text: str) -> Literal:
    try:
        value: Literal = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value


def _range(word: str, text: str) -> list[Literal]:
    parts = [_value(part) for part in text.split(":")]
    numbers = [part for part in parts if isinstance(part, int | float) and not isinstance(part, bool)]
    if len(parts) not in {2, 3} or len(numbers) != len(parts) or (len(numbers) == 3 and numbers[2] <= 0):
        raise ConfigError(f"A range is first:last:step with a positive step. Got {word!r}.", hint="fast=5:50:5")
    first, last, step = (*numbers, 1)[:3]
    count = int((last - first) / step + 1e-9) + 1
    # Values are first + place x step, rounded, so that 0.1:0.3:0.1 holds 0.3 and not 0.30000000000000004.
    values = [first + place * step for place in range(max(count, 0))]
    return [value if isinstance(value, int) else round(value, 12) for value in values]
