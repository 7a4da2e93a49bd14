"""The public functions: arguments become one `Request`, the layers below do the work, the ledger counts it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping

from outsample import errors
from outsample.asking import given, make_request
from outsample.config import Conventions, Costs, Execution, SandboxPolicy
from outsample.data import Dataset
from outsample.ledger.known import Known
from outsample.ledger.trials import failed_trial, judged, ledger_of, record, trial_of
from outsample.model import Positions
from outsample.pipeline import Evaluator, Executor, Outcome, execute, run
from outsample.request import Request, request_key
from outsample.research.lookahead import LookaheadReport, check_lookahead
from outsample.results import Result, WalkForward
from outsample.results.house import house_notes
from outsample.results.studies import sweep, walk_forward
from outsample.store import Store
from outsample.strategy import Literal, Strategy

__all__ = [
    "backtest",
    "make_request",
    "run_request",
    "sweep",
    "walk_forward",
    "with_out_of_sample",
]

Progress = Callable[[str], None]


def backtest(  # noqa: PLR0913 - pinned by the public interface
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    params: Mapping[str, Literal] | None = None,
    costs: Costs | Mapping[str, object] | None = None,
    execution: Execution | Mapping[str, object] | None = None,
    sandbox: SandboxPolicy | None = None,
    lookahead: bool | str = "auto",
    engine: str = "vectorised",
    benchmark: str | None = None,
    start: object = None,
    end: object = None,
    conventions: Conventions | None = None,
    store: Store | bool | None = None,
    use_cache: bool = True,
    seed: int = 0,
    alpha: str | None = None,
    on_stage: Progress | None = None,
    cancel: threading.Event | None = None,
    **options: object,
) -> Result:
    """Run a strategy from its source to a judged, recorded result.

    Parameters
    ----------
    strategy : Strategy or str
        A strategy, or its source.
    data : Dataset or str
        A dataset, or what `load` takes.
    params : mapping, optional
        Parameter values.
    costs : Costs or mapping, optional
        A `Costs` counts as a whole, a mapping only with the names it has; both beat the strategy's own.
    execution : Execution or mapping, optional
        As `costs`; of an `Execution` only what differs from the defaults counts as given.
    sandbox : SandboxPolicy, optional
        Limits and protection.
    lookahead : {"auto", True, False}
        "auto": probes until three times the run's own time + 2 s are used up; True: all probes.
    engine : str
    benchmark : str, optional
        A symbol; default: the dataset's, else the equal-weighted universe bought and held.
    start, end : date, optional
        Evaluation begins and ends here; earlier data stay visible to the strategy.
    conventions : Conventions, optional
    store : Store, False or None
        Where the run is recorded as a trial; None: the configured store; False: nowhere.
    use_cache : bool
        Answer from memory or the store when the same key was run before; False: run again and compare.
    seed : int
        Of ``random`` and ``numpy.random`` inside the strategy.
    alpha : str, optional
        For a strategy that assigns ``signal`` (scores): how they become weights, see `alpha_backtest`.
    on_stage : callable, optional
        Called with the name of each stage.
    cancel : threading.Event, optional
        Set from another thread, it ends the run.
    **options
        Further options of ``sim`` (resample, stop_loss, ...).

    Returns
    -------
    Result

    Raises
    ------
    ValidationError, StrategyError, SandboxError, DataError, ConfigError
        The run is recorded as a failed trial, and the error says what to do.
    """
    request = make_request(
        strategy,
        data,
        params=params,
        options={**given(costs, Costs), **given(execution, Execution), **options, "start": start, "end": end},
        sandbox=sandbox,
        engine=engine,
        benchmark=benchmark,
        conventions=conventions,
        seed=seed,
        alpha=alpha,
        store=store,
    )
    return run_request(request, lookahead=lookahead, store=store, use_cache=use_cache, on_stage=on_stage, cancel=cancel)


def run_request(  # noqa: PLR0913 - gathers what the rims ask for
    request: Request,
    *,
    lookahead: bool | str = "auto",
    store: Store | bool | None = None,
    use_cache: bool = True,
    on_stage: Progress | None = None,
    execute: Executor = execute,
    evaluator: Evaluator | None = None,
    cancel: threading.Event | None = None,
) -> Result:
    """Run a request, check for look-ahead, record the trial, judge.

    Parameters
    ----------
    request : Request
    lookahead, store, use_cache, on_stage
        As in `backtest`.
    execute : callable, optional
        Runs the strategy; `outsample.pipeline.execute` by default.
    evaluator : callable, optional
        Simulates and measures instead of `outsample.pipeline.evaluate`.
    cancel : threading.Event, optional
        Set from another thread, it ends the run.
    """
    if lookahead not in (True, False, "auto"):
        raise errors.ConfigError(f"lookahead must be 'auto', True or False. Got {lookahead!r}.")
    ledger, notes = ledger_of(store)
    began = time.perf_counter()
    key = request_key(request)
    try:
        known = _known.outcome(key, request, ledger) if use_cache else None
        outcome = known or run(request, on_stage=on_stage, execute=execute, evaluator=evaluator, cancel=cancel)
        if not use_cache:
            _known.check(outcome, ledger)
        notes = (*notes, *house_notes(outcome))
    except errors.OutsampleError as error:
        record(ledger, failed_trial(request, error))
        raise
    wall = time.perf_counter() - began
    report = _known.report(key, lookahead, ledger) if use_cache else None
    if report is None:
        report = _checked(outcome, lookahead, wall, on_stage, cancel)
        if cancel is not None and cancel.is_set():
            raise errors.SandboxCancelled("The run was cancelled.")  # half a check must not be kept
    stored = time.perf_counter()
    if ledger is not None:
        notes = (*notes, *record(ledger, trial_of(outcome, wall)))
    notes = (*notes, *_known.keep(outcome, lookahead, report, ledger))
    judgement = judged(outcome, report, ledger)
    later = {"look-ahead": 0.0 if report is None else report.seconds, "store": time.perf_counter() - stored}
    usage = {
        "stages": {**outcome.seconds, **later},
        "wall_seconds": time.perf_counter() - began,
        "cpu_seconds": outcome.execution.cpu_seconds,
        "peak_memory_mb": outcome.execution.peak_memory_mb,
    }
    return Result(
        name=request.strategy.name,
        outcome=outcome,
        judgement=judgement,
        lookahead=report,
        usage=usage,
        notes=notes,
    )


def with_out_of_sample(result: Result, walk: WalkForward, store: Store | bool | None = None) -> Result:
    """Return the result judged again, with the evidence of a walk-forward and its trials.

    A look-ahead in what the windows chose is one of the strategy: the result then carries that report. A
    walk-forward whose choices were not checked, or not decided, is no evidence of robustness.
    """
    ledger, _ = ledger_of(store)
    report = _weakest(result.lookahead, walk.lookahead)
    judgement = judged(result.outcome, report, ledger, out_of_sample=walk.metrics.sharpe)
    shown = report if report is not None and report.clean is False else result.lookahead
    return dataclasses.replace(result, judgement=judgement, lookahead=shown)


def _weakest(own: LookaheadReport | None, other: LookaheadReport | None) -> LookaheadReport | None:
    """The report that vouches least: one that found a leak, then one that did not decide or is missing."""
    if other is None or other.clean is False:
        return own if own is not None and own.clean is False else other
    return own if own is None or own.clean is not True else other


# What this process has seen.
_known = Known()


# -- look-ahead and judgement


def _checked(
    outcome: Outcome,
    lookahead: bool | str,
    wall: float,
    on_stage: Progress | None,
    cancel: threading.Event | None,
) -> LookaheadReport | None:
    if lookahead is False:
        return None
    if on_stage is not None:
        on_stage("look-ahead")
    request = outcome.request
    positions: Positions = outcome.positions
    return check_lookahead(
        request.strategy,
        request.data,
        policy=request.policy,
        baseline=positions,
        seed=request.seed,
        budget=3.0 * wall + 2.0 if lookahead == "auto" else None,
        cancel=cancel,
    )
