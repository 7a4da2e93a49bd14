"""The magics: parse, call, display."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from typing import Any, cast

import pandas as pd
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class
from IPython.display import display

from outsample import api
from outsample.data import Dataset
from outsample.errors import ConfigError, DataMissing, OutsampleError, ValidationError
from outsample.notebook.arguments import (
    backtest_parser,
    bootstrap_spec,
    grid,
    options_of,
    parameters,
    policy_of,
    walk_forward_spec,
)
from outsample.notebook.failure import CellFailed, describe
from outsample.notebook.progress import StageDisplay
from outsample.request import Request
from outsample.result import Result, walk_forward_of
from outsample.settings import load_settings
from outsample.strategy import Strategy
from outsample.trials import default_store, swept

__all__ = ["OutsampleMagics"]


@magics_class
class OutsampleMagics(Magics):
    """``%%backtest`` and its companions."""

    @line_cell_magic
    def backtest(self, line: str, cell: str | None = None) -> Result | None:
        """Backtest a strategy: the cell, or, in the line form, a file.

        %%backtest [NAME] [--data NAME] [--start D] [--end D] [--resample FREQ] [--params k=v ...]
                   [--sweep k=a:b:step ...] [--walk-forward train=3Y,test=1Y] [--bootstrap 10000]
                   [--benchmark SYMBOL] [--no-lookahead] [--timeout S] [--memory MB] [-o VARIABLE] [-q]

        A cell has `data`, `sim`, `pd` and `np`. It ends in sim(position, ...), or assigns `position`, or
        defines strategy(data, ...). Names assigned once at top level to a literal are parameters:

            %%backtest golden_cross --data sample --params slow=100
            fast = 20  # 5..60, days of the fast average
            slow = 60
            close = data.get("close")
            position = close.average(fast) > close.average(slow)
        """
        source, offset = cell or "", 1
        place = self._place() if cell is not None else ""
        try:
            arguments = backtest_parser().parse_args(_words(line))
            strategy = self._strategy(arguments, cell)
            source, offset = strategy.source, 1 if cell is not None else 0
            result = self._run(strategy, arguments)
        except OutsampleError as error:
            # From None: a chained internal traceback says nothing to the author of a cell.
            raise CellFailed(error, describe(error, source, place=place, offset=offset)) from None
        if arguments.output:
            self._names[arguments.output] = result
        return result if cell is None else None

    @line_magic
    def runs(self, line: str) -> Any:  # noqa: ANN401 - a DataFrame, displayed
        """Show the recorded results, the newest first: %runs [NAME]."""
        name = line.strip() or None
        columns = ["created_at", "name", "dataset", "sharpe", "total_return", "max_drawdown", "success_level", "status"]
        return default_store().runs(name=name)[columns]

    @line_magic
    def outsample(self, line: str) -> None:  # noqa: ARG002 - takes no options yet
        """Show version, store, dataset and number of trials."""
        from outsample import __version__

        settings = load_settings()
        print(f"outsample {__version__}")
        try:
            store = default_store()
            print(f"store    {store.url}: {store.count('store').n} distinct trials")
        except OutsampleError as error:
            print(f"store    {error}")
        print(f"dataset  {settings.dataset}")

    @property
    def _names(self) -> dict[str, Any]:
        """The variables of the notebook."""
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _strategy(self, arguments: argparse.Namespace, cell: str | None) -> Strategy:
        if cell is None:
            if not arguments.name:
                raise ConfigError("%backtest needs a file.", hint="%backtest strategy.py, or %%backtest above a cell.")
            return Strategy.from_file(arguments.name)
        if not cell.strip():
            raise ValidationError("The cell is empty.", hint="Write a strategy below the %%backtest line.")
        return Strategy.from_source(cell, arguments.name)

    def _run(self, strategy: Strategy, arguments: argparse.Namespace) -> Result:
        if arguments.walk_forward and not arguments.sweep:
            raise ConfigError(
                "--walk-forward needs a grid to choose from.", hint="Add --sweep, for example --sweep fast=5:50:5"
            )
        request = api.make_request(
            strategy,
            self._data(arguments.data or load_settings().dataset),
            params=parameters(arguments.params),
            options=options_of(arguments),
            sandbox=policy_of(arguments),
            engine=arguments.engine,
            benchmark=arguments.benchmark,
            seed=arguments.seed,
        )
        with StageDisplay(strategy.name, enabled=not arguments.quiet and load_settings().progress) as progress:
            result = api.run_request(
                request,
                lookahead=False if arguments.no_lookahead else "auto",
                use_cache=not arguments.no_cache,
                on_stage=progress.stage,
            )
            result, more = self._more(request, result, arguments, progress.steps)
            if not arguments.quiet:
                progress.replace(result)
        if not arguments.quiet:
            for value in more.values():
                cast(Any, display)(value)
        return result

    def _more(
        self, request: Request, result: Result, arguments: argparse.Namespace, steps: Callable[[str], Any]
    ) -> tuple[Result, dict[str, object]]:
        """Walk-forward, sweep and bootstrap, if they were asked for, and the result judged with them."""
        found: dict[str, object] = {}
        if arguments.walk_forward:
            plan = walk_forward_spec(arguments.walk_forward)
            walk = walk_forward_of(request, grid(arguments.sweep), plan=plan, on_done=steps("walk-forward"))
            found["walk_forward"] = walk
            result = api.with_out_of_sample(result, walk)
        elif arguments.sweep:
            found["sweep"] = swept(request, grid(arguments.sweep), on_done=steps("sweep")).table
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
