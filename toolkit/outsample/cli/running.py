"""``outsample run``: backtest strategy files, one or a thousand."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.errors import ConfigError

if TYPE_CHECKING:
    from outsample.batch import Components, Entry
    from outsample.cli.common import Commands
    from outsample.config import SandboxPolicy
    from outsample.settings import Settings

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    from outsample.notebook.arguments import add_run_options

    run = commands.add_parser(
        "run",
        help="backtest strategy files",
        description="Backtest strategies: .py files, the %%backtest cells of .ipynb files, and folders of them.",
        epilog="Example: outsample run strategies/ --data sample --parallel 4 --json out.json --html report.html. "
        "The options of a cell line count below those of the command; what a batch leaves out of them is said in "
        "the row. Exit codes: 0 all executed, 1 some failed, 2 could not run, 130 interrupted.",
        allow_abbrev=False,
    )
    run.add_argument("paths", nargs="+", metavar="PATH", help="a .py or .ipynb file, or a folder of them")
    run.add_argument("-r", "--recursive", action="store_true", help="folders in folders too")
    run.add_argument("--limit", type=int, metavar="K", help="only the first K strategies")
    run.add_argument("--parallel", type=int, metavar="N", help="sandboxes at once; default: one per core")
    add_run_options(run)
    run.add_argument("--meta", action="append", default=[], metavar="K=V", help="a value for every row of the report")
    run.add_argument("--retry", type=int, metavar="N", help="further attempts after faults of the machine")
    run.add_argument("--queue", choices=["high", "normal", "low"], help="run as background jobs, and wait for them")
    run.add_argument("--job-timeout", type=float, metavar="S", help="with --queue: seconds for each job")
    run.add_argument("--config", metavar="FILE", help="settings file instead of outsample.yaml")
    run.add_argument("--json", metavar="FILE", help="write the report as JSON")
    run.add_argument("--markdown", metavar="FILE", help="write the report as Markdown")
    run.add_argument("--html", metavar="FILE", help="write the report as a self-contained page")
    run.add_argument("--notify", metavar="CMD", help="run this command at the end, with the summary on its input")
    run.add_argument("--debug", action="store_true", help="show the log, with tracebacks of faults of outsample")
    run.set_defaults(command=_run)


def _run(parsed: argparse.Namespace) -> int:
    from outsample.cli.configuring import configured

    with configured(parsed.config, debug=parsed.debug) as settings:
        return _run_with(parsed, settings)


def _run_with(parsed: argparse.Namespace, settings: Settings) -> int:
    from outsample.batch import gather, run_many
    from outsample.cli.cells import dataset_of, with_lines
    from outsample.cli.notifying import tell
    from outsample.cli.showing import Show, outcome_of
    from outsample.notebook.arguments import modules_of, options_of, parameters

    if parsed.job_timeout is not None and not parsed.queue:
        raise ConfigError("--job-timeout is an option of --queue.")
    if parsed.limit is not None and parsed.limit < 1:
        raise ConfigError(f"--limit must be a whole number >= 1. Got {parsed.limit}.")
    meta = {name: str(value) for name, value in parameters(parsed.meta).items()}
    entries = gather([Path(path) for path in parsed.paths], recursive=parsed.recursive, meta=meta)[: parsed.limit]
    if parsed.use:
        entries = [_with_modules(entry, modules_of(parsed.use)) for entry in entries]
    data = parsed.data or dataset_of(entries) or settings.dataset
    policy = _policy(parsed, settings)
    entries = with_lines(entries, parsed, data=data, policy=policy)
    named = {name: getattr(parsed, name) for name in ("alpha", "benchmark") if getattr(parsed, name, None) is not None}
    with Show(parsed, entries, progress=settings.progress) as show:
        report = run_many(
            entries,
            data,
            parallel=parsed.parallel,
            policy=policy,
            on_result=show.finished,
            lookahead=False if parsed.no_lookahead else "auto",
            use_cache=not parsed.no_cache,
            components=_components(parsed, settings),
            params=parameters(parsed.params),
            engine=parsed.engine,
            seed=parsed.seed,
            **{**named, **options_of(parsed)},
        )
    code = show.report(report)
    if parsed.notify:
        tell(parsed.notify, outcome_of(report, code))
    return code


def _with_modules(entry: Entry, modules: Mapping[str, str]) -> Entry:
    return (
        entry if entry.strategy is None else dataclasses.replace(entry, strategy=entry.strategy.with_modules(modules))
    )


def _policy(parsed: argparse.Namespace, settings: Settings) -> SandboxPolicy:
    changes: dict[str, Any] = {"timeout": parsed.timeout, "memory_mb": parsed.memory}
    changes["require"] = "process-only" if parsed.trust else None
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(settings.batch_policy(), **given)


def _components(parsed: argparse.Namespace, settings: Settings) -> Components:
    from outsample.batch import Components, Retry

    retry = Retry(**dataclasses.asdict(settings.retry))
    parts = Components(retry=retry if parsed.retry is None else dataclasses.replace(retry, attempts=parsed.retry + 1))
    if not parsed.queue:
        return parts
    from outsample.jobs.batches import category_of, through_queue

    run = through_queue(priority=parsed.queue, timeout=parsed.job_timeout)
    return dataclasses.replace(parts, run=run, error=category_of)
