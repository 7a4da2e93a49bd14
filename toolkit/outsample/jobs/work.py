"""The work of a job, inside its child process: a claim becomes a stored result and an ending."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from outsample.api import run_request
from outsample.archive import Store
from outsample.batch.retry import Retry, is_transient
from outsample.classify.failures import failed
from outsample.errors import JobError, OutsampleError, StrategyError
from outsample.jobs.spec import request_from
from outsample.jobs.states import Claim, Ending, finish, report_progress, retry_later
from outsample.report.notebook import run_notebook
from outsample.request import Request
from outsample.research.bootstrap import bootstrap
from outsample.research.lookahead import LookaheadReport
from outsample.research.parallel import cluster
from outsample.results.result import Result, walk_forward_of
from outsample.results.studies import sweep_of
from outsample.settings import load_settings
from outsample.store.codec import decode, dumps
from outsample.store.files import publish_folder, workplace, write_text
from outsample.store.parquet import write_table

__all__ = ["Progress", "perform"]

Progress = Callable[[float, str], None]
# Where the stages of a run stand on the way from 0 to 100.
_STAGES = {"validate": 5.0, "sandbox": 10.0, "simulate": 60.0, "measure": 70.0, "classify": 75.0, "look-ahead": 80.0}


def perform(store: Store, held: Claim) -> Ending | None:
    """Run a claimed job and write how it ended; every fault of it becomes an ending.

    Returns
    -------
    Ending or None
        None: it is to be tried again later.
    """
    began, cpu = time.perf_counter(), _cpu()
    try:
        with _fan_out():
            ending = _RUN[held.kind](store, held, _reporter(store, held))
    except Exception as error:  # noqa: BLE001 - whatever it was, it is how the job ended
        ending = _ending_of(error)
        if is_transient(error) and (seconds := _wait(held)) is not None and retry_later(store, held, seconds, ending):
            return None
    used = {"wall_seconds": time.perf_counter() - began, "cpu_seconds": _cpu() - cpu}
    used["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ending = dataclasses.replace(ending, usage={**used, **ending.usage})
    finish(store, held, ending)
    return ending


def _fan_out() -> contextlib.AbstractContextManager[None]:
    """Where sweeps are computed: in threads of this process, or on the dask cluster of OUTSAMPLE_JOB_CLUSTER."""
    address = os.environ.get("OUTSAMPLE_JOB_CLUSTER", "")
    return cluster(address) if address else contextlib.nullcontext()


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _wait(held: Claim) -> float | None:
    """Seconds until the next attempt: exponential, with jitter; None: there were enough."""
    settings = load_settings().retry
    if held.retry_count + 1 >= settings.attempts:
        return None
    wait = Retry(**dataclasses.asdict(settings)).wait(held.retry_count + 1)
    return wait * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _ending_of(error: Exception) -> Ending:
    if not isinstance(error, OutsampleError):
        error = JobError(f"{type(error).__name__}: {error}")
    verdict = failed(error)
    category = None if verdict.error_category is None else verdict.error_category.value
    return Ending(status="failed", error_category=category, error_message=str(error))


def _reporter(store: Store, held: Claim) -> Progress:
    last = [0.0, 0.0]

    def report(percent: float, message: str) -> None:
        moment = time.monotonic()
        # Each report is a transaction: few are enough to be read by people.
        if percent - last[0] >= 1.0 and moment - last[1] >= 0.1:
            last[:] = [percent, moment]
            report_progress(store, held, percent, message)

    return report


def _staged(progress: Progress, share: float = 1.0) -> Callable[[str], None]:
    return lambda stage: progress(share * _STAGES.get(stage, 10.0), stage)


def _counted(progress: Progress, low: float, high: float) -> Callable[[int, int], None]:
    return lambda done, total: progress(low + (high - low) * done / max(total, 1), f"{done} of {total}")


def _request(store: Store, held: Claim) -> tuple[Request, dict[str, Any]]:
    request, arguments = request_from(held.config, store)
    # A strategy may not take more than its job has.
    policy = request.policy
    limit = min(policy.memory_mb, held.memory_limit_mb)
    return dataclasses.replace(request, policy=dataclasses.replace(policy, memory_mb=limit)), arguments


def _run_once(store: Store, held: Claim, progress: Progress, share: float) -> tuple[Result, dict[str, Any]]:
    request, arguments = _request(store, held)
    lookahead = arguments.pop("lookahead", "auto")
    result = run_request(
        request, lookahead=lookahead, store=store, use_cache=not held.forced, on_stage=_staged(progress, share)
    )
    return result, arguments


def _backtest(store: Store, held: Claim, progress: Progress) -> Ending:
    result, _ = _run_once(store, held, progress, 1.0)
    if not store.has(result.key):
        # What kept it out of the store is a note for an interactive run, and the end of a job.
        store.save(result)
    return Ending(
        status="completed",
        result_key=result.key,
        result_path=str(store.run(result.key)["result_path"]),
        usage={"peak_memory_mb": result.usage["peak_memory_mb"]},
    )


def _sweep(store: Store, held: Claim, progress: Progress) -> Ending:
    request, arguments = _request(store, held)
    found = sweep_of(request, store=store, on_done=_counted(progress, 5, 90), **arguments)
    summary = {
        "best": dict(found.best.params),
        "objective": arguments.get("objective"),
        "evidence": vars(found.evidence),
        **_lookahead(found.lookahead),
    }
    return _publish(store, held, {"table": found.table}, summary)


def _walk_forward(store: Store, held: Claim, progress: Progress) -> Ending:
    request, arguments = _request(store, held)
    walk = walk_forward_of(request, store=store, on_done=_counted(progress, 5, 90), **arguments)
    tables = {
        "windows": walk.windows,
        "equity": walk.equity.to_frame("equity"),
        "returns": walk.returns.to_frame("returns"),
        "table": walk.run.sweep.table,
    }
    if walk.combinatorial is not None:
        tables["paths"] = walk.combinatorial.table
    summary = {
        "metrics": walk.metrics.to_dict(),
        "efficiency": walk.efficiency,
        "deflated_sharpe": walk.deflated_sharpe,
        "evidence": vars(walk.evidence),
        **_lookahead(walk.lookahead),
    }
    return _publish(store, held, tables, summary)


def _lookahead(report: LookaheadReport | None) -> dict[str, object]:
    """What the look-ahead check found of what a study chose."""
    if report is None:
        return {"lookahead": "not checked", "lookahead_clean": None}
    return {"lookahead": report.summary, "lookahead_clean": report.clean}


def _bootstrap(store: Store, held: Claim, progress: Progress) -> Ending:
    result, arguments = _run_once(store, held, progress, 0.5)
    found = bootstrap(result, seed=result.outcome.request.seed, on_done=_counted(progress, 50, 95), **arguments)
    tables = {"table": found.table, "fan": found.fan(), "samples": pd.DataFrame(dict(found.samples))}
    summary = {"method": found.method, "block": found.block, "n_paths": found.n_paths, "seed": found.seed}
    return dataclasses.replace(_publish(store, held, tables, summary), result_key=result.key)


def _notebook(store: Store, held: Claim, progress: Progress) -> Ending:
    kept = held.config["notebook"]
    parameters = decode(held.config["arguments"])["parameters"]
    with workplace(store.folder) as folder:
        source = folder / "source.ipynb"
        write_text(source, json.dumps(kept["text"]))
        out = folder / "out"
        progress(10, "running cells")
        here = kept.get("folder")
        ending = Ending(status="completed")
        try:
            run_notebook(
                source,
                out / kept["name"],
                parameters=parameters,
                timeout=held.timeout,
                folder=here if here and Path(here).is_dir() else None,
            )
        except StrategyError as error:
            # Its page explains what failed, so it is kept too.
            ending = _ending_of(error)
        target = _target(store, held)
        publish_folder(out, target)
    return dataclasses.replace(ending, result_path=str(target.relative_to(store.folder)))


def _target(store: Store, held: Claim) -> Path:
    return store.folder / "results" / held.job_id / str(held.attempt)


def _publish(store: Store, held: Claim, tables: Mapping[str, pd.DataFrame], summary: Mapping[str, object]) -> Ending:
    """Write tables and a summary as one folder that appears whole."""
    target = _target(store, held)
    data = held.config["data"]
    with workplace(store.folder) as folder:
        for name, table in tables.items():
            write_table(folder / f"{name}.parquet", _plain(table))
        text = dumps({**summary, "kind": held.kind, "job_id": held.job_id, "snapshot_id": data["id"]})
        write_text(folder / "summary.json", text + "\n")
        publish_folder(folder, target)
    return Ending(status="completed", result_path=str(target.relative_to(store.folder)))


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """An index as a column, and what is no scalar as text."""
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index(names=table.index.name or "date")
    return table.set_axis(table.columns.map(str), axis=1)


_RUN: Mapping[str, Callable[[Store, Claim, Progress], Ending]] = {
    "backtest": _backtest,
    "sweep": _sweep,
    "walk_forward": _walk_forward,
    "bootstrap": _bootstrap,
    "notebook": _notebook,
}
