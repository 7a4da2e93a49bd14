"""The magics: parse, call, display."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd
from IPython.core.magic import Magics, cell_magic, line_cell_magic, magics_class
from IPython.display import display
from traitlets import Bool, Float, Int, TraitError, Unicode
from traitlets import validate as validate_trait

import outsample
from outsample import api
from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.errors import ConfigError, DataMissing, OutsampleError, ValidationError
from outsample.golden import GoldenCheck, check_golden
from outsample.jobs import Job, submit
from outsample.ledger.trials import pinned_trials
from outsample.notebook.arguments import (
    backtest_parser,
    bootstrap_spec,
    check_together,
    grid,
    modules_of,
    options_of,
    parameters,
    policy_of,
    walk_forward_spec,
)
from outsample.notebook.failure import CellFailed, Interrupted, describe
from outsample.notebook.progress import StageDisplay
from outsample.request import Request
from outsample.results.result import Result, walk_forward_of
from outsample.results.studies import sweep_of
from outsample.settings import load_settings
from outsample.strategy import Strategy
from outsample.validation import validate

__all__ = ["OutsampleMagics"]

_UNDEFINED = re.compile(r"name '(\w+)' is not defined")


@magics_class
class OutsampleMagics(Magics):
    """``%%backtest`` and ``%%strategy_module``; what a cell does not say comes from ``%config OutsampleMagics``."""

    dataset = Unicode("", help="dataset of a cell that names none").tag(config=True)
    lookahead = Bool(True, help="check for look-ahead").tag(config=True)
    timeout = Float(120.0, help="seconds a strategy may take").tag(config=True)
    memory = Int(500, help="MB a strategy may take").tag(config=True)
    quiet = Bool(False, help="show nothing unless asked").tag(config=True)

    def __init__(self, shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
        try:
            super().__init__(shell)
        except TraitError:
            # IPython keeps a refused %config value and would give it to every new instance.
            shell.config.pop("OutsampleMagics", None)
            super().__init__(shell)
        self._modules: dict[str, str] = {}

    @validate_trait("timeout", "memory")
    def _refuse_limits(self, proposal: Any) -> Any:  # noqa: ANN401 - traitlets' own type
        try:
            SandboxPolicy(**{{"timeout": "timeout", "memory": "memory_mb"}[proposal.trait.name]: proposal.value})
        except ConfigError as error:
            raise TraitError(str(error)) from None  # the old value stays
        return proposal.value

    @line_cell_magic
    def backtest(self, line: str, cell: str | None = None) -> Result | Job | None:
        """Backtest a strategy: the cell, or, in the line form, a file.

        %%backtest [NAME] [--data NAME] [--start D] [--end D] [--resample FREQ] [--params k=v ...]
                   [--sweep k=a:b:step ...] [--walk-forward train=3Y,test=1Y] [--bootstrap 10000]
                   [--alpha rank] [--benchmark SYMBOL] [--use MODULE ...] [--no-lookahead] [--no-cache]
                   [--timeout S] [--memory MB] [--queue high|normal|low] [--golden] [--qlib] [-o VARIABLE] [-q]

        A cell has `data`, `sim`, `pd` and `np`. It ends in sim(position, ...), or assigns `position`, or
        defines strategy(data, ...). Names assigned once at top level to a literal are parameters:

            %%backtest golden_cross --data sample --params slow=100
            fast = 20  # 5..60, days of the fast average
            slow = 60
            close = data.get("close")
            position = close.average(fast) > close.average(slow)
        """
        source, offset = cell or "", 1
        place, name = self._place() if cell is not None else "", "The cell"
        try:
            arguments = self._parsed(line)
            strategy = self._strategy(arguments, cell)
            source, name, offset = strategy.source, strategy.name, 1 if cell is not None else 0
            if arguments.queue:
                return self._queued(strategy, arguments)
            result = self._run(strategy, arguments)
        except OutsampleError as error:
            # From None: a chained internal traceback says nothing to the author of a cell.
            raise CellFailed(error, describe(self._told(error), source, place=place, offset=offset)) from None
        except KeyboardInterrupt:
            raise Interrupted(name) from None
        outsample.last = result
        if arguments.output:
            self._names[arguments.output] = result
        return result if cell is None else None

    @cell_magic
    def strategy_module(self, line: str, cell: str) -> None:
        """Check helper code and keep it for ``--use``: %%strategy_module NAME."""
        name = line.strip()
        try:
            findings = [item for item in validate(cell, modules=self._modules) if item.severity == "error"]
            if findings:
                raise ValidationError(findings[0].message, hint=findings[0].hint, findings=tuple(findings))
            Strategy.from_source("").with_modules({name: cell})  # refuses names that no module can have
        except OutsampleError as error:
            raise CellFailed(error, describe(error, cell, place=self._place(), offset=1)) from None
        self._modules[name] = cell
        print(f"Kept the module {name!r}; %%backtest --use {name} lets a strategy import it.")

    @property
    def _names(self) -> dict[str, Any]:
        """The variables of the notebook."""
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _parsed(self, line: str) -> argparse.Namespace:
        """Return the options of a line; what it does not say comes from ``%config``."""
        arguments = backtest_parser().parse_args(_words(line))
        arguments.timeout = self.timeout if arguments.timeout is None else arguments.timeout
        arguments.memory = self.memory if arguments.memory is None else arguments.memory
        arguments.no_lookahead = arguments.no_lookahead or not self.lookahead
        arguments.quiet = arguments.quiet or self.quiet
        check_together(arguments)
        return arguments

    def _told(self, error: OutsampleError) -> OutsampleError:
        """Add to a NameError that the notebook has such a variable."""
        found = _UNDEFINED.search(error.message)
        name = found.group(1) if found else ""
        if name in self._names and not name.startswith("_"):
            error.hint = (
                f"'{name}' is a variable of the notebook; a strategy sees only data, sim, pd, np. Assign it in the "
                f"cell ({name} = ...), which makes it a parameter, and pass the notebook's: "
                f"--params {name}={{{name}}}."
            )
        return error

    def _strategy(self, arguments: argparse.Namespace, cell: str | None) -> Strategy:
        if cell is None:
            if not arguments.name:
                raise ConfigError("%backtest needs a file.", hint="%backtest strategy.py, or %%backtest above a cell.")
            return Strategy.from_file(arguments.name).with_modules(modules_of(arguments.use, self._modules))
        if not cell.strip():
            raise ValidationError("The cell is empty.", hint="Write a strategy below the %%backtest line.")
        return Strategy.from_source(cell, arguments.name).with_modules(modules_of(arguments.use, self._modules))

    def _run(self, strategy: Strategy, arguments: argparse.Namespace) -> Result:
        request = api.make_request(
            strategy,
            self._data(arguments.data or self.dataset or load_settings().dataset),
            params=parameters(arguments.params),
            options=options_of(arguments),
            sandbox=policy_of(arguments),
            engine=arguments.engine,
            benchmark=arguments.benchmark,
            seed=arguments.seed,
            alpha=arguments.alpha,
        )
        with StageDisplay(strategy.name, enabled=not arguments.quiet and load_settings().progress) as progress:
            result = api.run_request(
                request,
                lookahead=_lookahead(arguments),
                use_cache=not arguments.no_cache,
                on_stage=progress.stage,
            )
            result, more = self._more(request, result, arguments, progress.steps)
            if not arguments.quiet:
                progress.replace(result)
        if not arguments.quiet:
            for value in more.values():
                cast(Any, display)(value)
        for value in more.values():
            if isinstance(value, GoldenCheck):
                value.raise_for_status()
        return result

    def _queued(self, strategy: Strategy, arguments: argparse.Namespace) -> Job:
        """Submit what would be run, show the job and bind it."""
        more: dict[str, Any] = {"kind": "backtest", **options_of(arguments)}
        if arguments.walk_forward:
            plan = dataclasses.asdict(walk_forward_spec(arguments.walk_forward))
            more |= {"kind": "walk_forward", "grid": grid(arguments.sweep), **plan}
        elif arguments.sweep:
            more |= {"kind": "sweep", "grid": grid(arguments.sweep)}
        job = submit(
            strategy,
            self._data(arguments.data or self.dataset or load_settings().dataset),
            priority=arguments.queue,
            timeout=arguments.job_timeout,
            fallback=arguments.fallback,
            force=arguments.no_cache,
            lookahead=False if arguments.no_lookahead else "auto",
            params=parameters(arguments.params),
            sandbox=policy_of(arguments),
            engine=arguments.engine,
            benchmark=arguments.benchmark,
            seed=arguments.seed,
            alpha=arguments.alpha,
            **more,
        )
        if arguments.output:
            self._names[arguments.output] = job
        if not arguments.quiet:
            cast(Any, display)(job)
        return job

    def _more(
        self, request: Request, result: Result, arguments: argparse.Namespace, steps: Callable[[str], Any]
    ) -> tuple[Result, dict[str, object]]:
        """Walk-forward, sweep and bootstrap, if they were asked for, and the result judged with them."""
        found: dict[str, object] = {}
        if arguments.walk_forward:
            plan = walk_forward_spec(arguments.walk_forward)
            walk = walk_forward_of(
                request,
                grid(arguments.sweep),
                plan=plan,
                on_done=steps("walk-forward"),
                lookahead=_lookahead(arguments),
            )
            found["walk_forward"] = walk
            result = api.with_out_of_sample(result, walk)
        elif arguments.sweep:
            values = grid(arguments.sweep)
            found["sweep"] = sweep_of(request, values, on_done=steps("sweep"), lookahead=_lookahead(arguments))
        if arguments.golden:
            # The strategy as the cell has it, on the data of the expectation.
            found["golden"] = check_golden(result.name, strategy=request.strategy)
        if arguments.qlib:
            found["qlib"] = result.to_qlib_reports(Path("qlib_reports") / result.name)
        if arguments.bootstrap:
            found["bootstrap"] = result.bootstrap(**bootstrap_spec(arguments.bootstrap))
        if arguments.output:
            self._names.update({f"{arguments.output}_{name}": value for name, value in found.items()})
        return result, found

    def _data(self, name: str) -> Dataset:
        """A variable of the notebook, or what `load` finds."""
        value = self._names.get(name)
        if isinstance(value, Dataset):
            return value
        if isinstance(value, dict | pd.DataFrame):
            frames = value if isinstance(value, dict) else {"close": value}
            return Dataset.from_frames(frames, name=name)
        try:
            from outsample.data import load

            return load(name)
        except DataMissing as error:
            variables = [key for key, item in self._names.items() if isinstance(item, Dataset)]
            if not variables:
                raise
            raise DataMissing(
                error.message, hint=f"{error.hint} Datasets of this notebook: {', '.join(variables)}."
            ) from None

    def _place(self) -> str:
        # IPython counts up before a cell in some versions and after it in others; `In` ends with this cell.
        number = len(self._names.get("In", ("",))) - 1
        return f"Cell In[{number}]" if number > 0 else "Cell"


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise ConfigError(
            f"%%backtest: the line cannot be read: {error}.", hint="Close every quotation mark."
        ) from error


def _lookahead(arguments: argparse.Namespace) -> bool | str:
    """How to check; a report says the same on a slow day: all probes, no budget."""
    return False if arguments.no_lookahead else pinned_trials() is not None or "auto"
