"""The view ``backtest_results``: every job with the numbers of its run, and every run that no job asked for."""

from __future__ import annotations

import sqlalchemy as sa

from outsample.store.job_tables import backtest_jobs
from outsample.store.schema import metadata

__all__ = ["RESULTS_VIEW"]

_OF_JOB = (
    *("id", "job_id", "kind", "status", "priority", "name", "start_date", "end_date", "weight_method", "config"),
    *("created_at", "started_at", "completed_at", "created_by", "worker_id", "attempt", "lease_until"),
    *("cancel_requested", "progress_pct", "progress_message", "job_timeout", "retry_count", "error_category"),
    *("error_message", "peak_memory_mb", "cpu_seconds", "wall_seconds", "snapshot_id", "dataset_version_ids"),
    *("engine_version", "seed", "source_hash", "result_key"),
)
_OF_RUN = (
    *("mean_ic", "icir", "hit_rate", "coverage", "long_short_spread", "average_turnover", "decay_half_life"),
    *("sharpe", "total_return", "max_drawdown", "success_level"),
)
# What a run that no job asked for has in the columns of a job.
_WITHOUT_JOB = {
    "id": "r.result_key",
    "priority": "'normal'",
    "started_at": "r.created_at",
    "worker_id": "null",
    "attempt": "1",
    "lease_until": "null",
    "cancel_requested": "false",
    "progress_pct": "100",
    "progress_message": "''",
    "job_timeout": "null",
    "retry_count": "0",
}


def _select_jobs() -> str:
    columns = [f"j.{name}" for name in _OF_JOB]
    columns += ["coalesce(r.result_path, j.result_path) as result_path", *(f"r.{name}" for name in _OF_RUN)]
    return f"select {', '.join(columns)} from backtest_jobs j left join backtest_runs r on r.result_key = j.result_key"  # noqa: S608 - constants


def _select_runs() -> str:
    columns = [f"{_WITHOUT_JOB.get(name, f'r.{name}')} as {name}" for name in _OF_JOB]
    columns += ["r.result_path", *(f"r.{name}" for name in _OF_RUN)]
    return (
        f"select {', '.join(columns)} from backtest_runs r "  # noqa: S608 - constants
        "where not exists (select 1 from backtest_jobs j where j.result_key = r.result_key)"
    )


RESULTS_VIEW = f"create view backtest_results as {_select_jobs()} union all {_select_runs()}"

metadata.info.setdefault("views", set()).add("backtest_results")
sa.event.listen(metadata, "after_create", sa.DDL(RESULTS_VIEW))  # type: ignore[no-untyped-call]
sa.event.listen(metadata, "before_drop", sa.DDL("drop view if exists backtest_results"))  # type: ignore[no-untyped-call]
assert backtest_jobs.metadata is metadata
