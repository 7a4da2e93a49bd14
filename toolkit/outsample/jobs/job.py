"""`submit` and `Job`: what users hold of a background job."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from outsample.api import make_request, run_request
from outsample.archive import Store
from outsample.data import Dataset
from outsample.errors import ConfigError, DataMissing, JobError, OutsampleError
from outsample.jobs.guard import check_environment
from outsample.jobs.limits import memory_limit_mb, one_of, time_limit
from outsample.jobs.local import ensure_supervisor, poke
from outsample.jobs.queues import Queues
from outsample.jobs.spec import ARGUMENTS, KINDS, JobSpec, flat_options, notebook_spec, request_from, spec_of
from outsample.jobs.states import FINAL, PRIORITIES, enqueue, reap, request_cancel
from outsample.jobs.table import active_jobs, attempts_of, find_job
from outsample.results import Result
from outsample.settings import load_settings
from outsample.store.audit import current_role, may_change, write_audit
from outsample.store.codec import loads
from outsample.store.parquet import read_table
from outsample.store.users import current_user
from outsample.strategy import Strategy

__all__ = ["Job", "JobTables", "submit"]

BACKENDS = ("local", "rq")


@dataclass(frozen=True, kw_only=True)
class JobTables:
    """What a job of kind sweep, walk_forward or bootstrap led to, as it is kept.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        sweep: table; walk_forward: windows, equity, returns, table; bootstrap: table, fan, samples.
    summary : mapping
        Numbers that are no table.
    folder : Path
    """

    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    summary: Mapping[str, Any]
    folder: Path

    @property
    def table(self) -> pd.DataFrame:
        """The main table."""
        return self.tables.get("windows", self.tables["table"])


class Job:
    """A background job; made by `submit`, or from its id.

    Every property reads the job table: two `Job` with one id are the same job, in any process.

    Parameters
    ----------
    id : str
        The id, or its first characters (six at least).
    store : Store
    """

    def __init__(self, id: str, store: Store) -> None:  # noqa: A002 - the name that users know
        self.store = store
        self.id: str = find_job(store, id)["job_id"]

    @property
    def row(self) -> dict[str, Any]:
        """The row of the job table, as it is now."""
        return find_job(self.store, self.id)

    @property
    def status(self) -> str:
        """pending, running, completed, failed or cancelled."""
        return str(self.row["status"])

    @property
    def progress(self) -> float:
        """0..100."""
        return float(self.row["progress_pct"])

    @property
    def message(self) -> str:
        """What it does now, or why it failed."""
        row = self.row
        return str(row["error_message"] or row["progress_message"])

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt, the first one first."""
        return attempts_of(self.store, self.id)

    def cancel(self) -> str:
        """Cancel the job and return its status: "running" while its worker has not seen it yet.

        Raises
        ------
        JobError
            It is somebody else's.
        """
        self._may("cancel")
        status = request_cancel(self.store, self.id)
        poke(self.store)
        write_audit(self.store, "cancel", self.id)
        return str(status)

    def retry(self, *, force: bool = False) -> Job:
        """Run a failed or cancelled job again, or with `force` a completed one.

        Raises
        ------
        JobError
            It is somebody else's, or it has not ended that way.
        """
        self._may("retry")
        row = self.row
        if enqueue(self.store, row, force=force) == "known":
            raise JobError(f"The job {self.id[:12]} is {row['status']}: only failed and cancelled jobs are retried.")
        write_audit(self.store, "retry", self.id)
        _dispatch(self.store, self.id, row["backend"], row["priority"])
        return self

    def wait(self, timeout: float | None = None) -> Job:
        """Wait until the job has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds.

        Raises
        ------
        JobError
            It has not ended by then; it goes on.
        """
        began, looked, pause = time.monotonic(), time.monotonic(), 0.01
        while self.status not in FINAL:
            moment = time.monotonic()
            if timeout is not None and moment - began > timeout:
                raise JobError(f"The job {self.id[:12]} is {self.status} after {timeout:g} s.")
            if moment - looked > 2.0:
                # Somebody has to see that a worker is gone, and nobody else may be there.
                looked = moment
                if reap(self.store) == []:
                    _revive(self.store, self.row)
            time.sleep(pause)
            pause = min(pause * 1.3, 0.2)
        return self

    def result(self, timeout: float | None = None) -> Result | JobTables | Path:
        """Wait for the job and return what it led to.

        Returns
        -------
        Result, JobTables or Path
            Of a backtest the stored result; of a notebook the executed notebook.

        Raises
        ------
        JobError
            It failed or was cancelled; the message is its own.
        """
        row = self.wait(timeout).row
        if row["status"] != "completed":
            raise JobError(
                f"The job {row['name']!r} ({self.id[:12]}) is {row['status']}: {row['error_message']}",
                hint=f"Run it again with job.retry() or: outsample jobs retry {self.id[:12]}",
            )
        if row["kind"] == "backtest":
            return self._loaded(row)
        folder = Path(self.store.folder, row["result_path"])
        if not folder.is_dir():
            raise JobError(
                f"The files of the job {self.id[:12]} are gone: {folder}.",
                hint=f"Make them again: outsample jobs retry {self.id[:12]} --force",
            )
        if row["kind"] == "notebook":
            return next(folder.glob("*.ipynb"))
        tables = {file.stem: read_table(file) for file in sorted(folder.glob("*.parquet"))}
        summary = loads((folder / "summary.json").read_text(encoding="utf-8"))
        return JobTables(tables=tables, summary=summary, folder=folder)

    def _loaded(self, row: Mapping[str, Any]) -> Result:
        try:
            found: Result = self.store.load(row["result_key"])
        except DataMissing:
            # Data without a name are known to the job alone; the numbers come from the store all the same.
            request, arguments = request_from(row["config"], self.store)
            return run_request(request, lookahead=arguments.get("lookahead", "auto"), store=self.store)
        return found

    def _may(self, verb: str) -> None:
        owner = self.row["created_by"]
        if not may_change(owner):
            raise JobError(f"Only {owner!r} or an admin may {verb} this job. You are {current_user()!r}.")

    def __repr__(self) -> str:
        row = self.row
        return f"<Job {self.id[:12]} {row['name']!r} {row['status']} {row['progress_pct']:.0f}%>"


def submit(  # noqa: PLR0913 - pinned by the public interface
    strategy_or_notebook: Strategy | str | Path,
    data: Dataset | str | None = None,
    *,
    backend: str | None = None,
    priority: str | None = None,
    timeout: float | None = None,
    kind: str = "backtest",
    memory_mb: int | None = None,
    force: bool = False,
    fallback: str | None = None,
    store: Store | None = None,
    lookahead: bool | str = "auto",
    **arguments: Any,  # noqa: ANN401 - those of backtest, sweep, walk_forward, bootstrap or the notebook
) -> Job:
    """Run something in the background and return at once.

    The same submission is the same job: while it is pending, running or completed, a second one changes nothing;
    after it failed or was cancelled, it is run again as its next attempt.

    Parameters
    ----------
    strategy_or_notebook : Strategy, str or path
        A strategy or its source; a path for kind "notebook".
    data : Dataset or str
        As `backtest` takes it; none for a notebook.
    backend : {"local", "rq"}, optional
        Default: the setting ``jobs.backend``. "local" needs no server: a supervisor process is started on
        demand and ends by itself after a minute without a job.
    priority : {"high", "normal", "low"}, optional
    timeout : float, optional
        Seconds a run may take, 1..86400; default: the setting ``jobs.timeout``.
    kind : {"backtest", "sweep", "walk_forward", "bootstrap", "notebook"}
    memory_mb : int, optional
        Memory of the job's processes; default: OUTSAMPLE_JOB_MEMORY_LIMIT, else 4096.
    force : bool
        A completed job is run again and compared.
    fallback : "local", optional
        Where it runs when Redis does not answer.
    store : Store, optional
        Default: the configured one.
    lookahead : {"auto", True, False}
        As in `backtest`.
    **arguments
        Those of the function that `kind` names: params, costs, start, ..., grid, train, test, n_paths;
        for a notebook ``parameters``.

    Returns
    -------
    Job

    Raises
    ------
    JobError
        It cannot be submitted: Redis is away, there are too many jobs, no store.
    ConfigError, DataError, ValidationError
        What is asked for is not allowed; nothing was submitted.

    Examples
    --------
    >>> job = submit("position = data.get('close') > 0", "sample", store=store)  # doctest: +SKIP
    >>> job.result().metrics.sharpe  # doctest: +SKIP
    """
    check_environment()
    settings = load_settings().jobs
    how = {
        "backend": one_of("backend", backend or settings.backend, BACKENDS),
        "priority": one_of("priority", priority or settings.priority, PRIORITIES),
        "job_timeout": time_limit(settings.timeout if timeout is None else timeout),
        "memory_limit_mb": memory_limit_mb() if memory_mb is None else int(memory_mb),
    }
    one_of("kind", kind, KINDS)
    if fallback not in (None, "local"):
        raise ConfigError(f"fallback must be 'local' or None. Got {fallback!r}.")
    held = _store(store)
    if kind == "notebook":
        spec = notebook_spec(str(strategy_or_notebook), arguments.get("parameters") or {})
    else:
        spec = _spec(strategy_or_notebook, data, kind, {**arguments, "lookahead": lookahead}, held)
    how["backend"] = _reachable(str(how["backend"]), fallback)
    return _enqueue(held, spec, how, force=force)


def _store(store: Store | None) -> Store:
    """The store of a job: one that other processes can open."""
    if store is None:
        if load_settings().store == "none":
            raise JobError("A job needs a store, and the configured store is 'none'.", hint="Set OUTSAMPLE_STORE.")
        store = Store.open()
    if store.engine.url.database == ":memory:":
        raise JobError("A job needs a store that other processes can open. Got one in memory.")
    return store


def _spec(
    source: Strategy | str | Path, data: Dataset | str | None, kind: str, arguments: dict[str, Any], store: Store
) -> JobSpec:
    if data is None:
        raise ConfigError(f"A job of kind {kind!r} needs data.", hint="submit(strategy, 'sample')")
    strategy = Strategy.from_file(source) if isinstance(source, Path) else source
    own = {name: arguments.pop(name) for name in (*ARGUMENTS[kind], "lookahead") if name in arguments}
    if kind in {"sweep", "walk_forward"} and "grid" not in own:
        raise ConfigError(f"A job of kind {kind!r} needs a grid: grid={{'fast': [5, 10, 20]}}.")
    names = ("params", "sandbox", "engine", "benchmark", "conventions", "seed", "alpha")
    known = {name: arguments.pop(name) for name in names if arguments.get(name) is not None}
    options = {**flat_options(arguments.pop("costs", None), arguments.pop("execution", None)), **arguments}
    request = make_request(strategy, data, options=options, store=store, **known)
    return spec_of(request, kind, own, store)


def _reachable(backend: str, fallback: str | None) -> str:
    if backend != "rq":
        return backend
    try:
        with contextlib.closing(Queues()) as queues:
            queues.ping()
    except OutsampleError:
        if fallback is None:
            raise
        return fallback
    return backend


def _enqueue(store: Store, spec: JobSpec, how: Mapping[str, object], *, force: bool) -> Job:
    if current_role() == "viewer":
        raise JobError("The role 'viewer' may not submit jobs.", hint="Ask an admin, or set OUTSAMPLE_ROLE=runner.")
    user = current_user()
    limit = load_settings().jobs.max_active_per_user
    if limit is not None and (active := active_jobs(store, user)) >= limit:
        raise JobError(
            f"{user!r} has {active} jobs that are pending or running; at most {limit} are allowed.",
            hint="Wait, cancel some, or raise the setting jobs.max_active_per_user.",
        )
    columns = {**dict.fromkeys(("start_date", "end_date", "weight_method", "seed", "source_hash", "snapshot_id"))}
    columns |= {"dataset_version_ids": None, **spec.columns}
    values = {"job_id": spec.job_id, "kind": spec.kind, "name": spec.name[:200], "created_by": user, **columns, **how}
    happened = enqueue(store, {**values, "config": dict(spec.document)}, force=force)
    if happened != "known":
        _dispatch(store, spec.job_id, str(how["backend"]), str(how["priority"]))
    return Job(spec.job_id, store)


def _dispatch(store: Store, job_id: str, backend: str, priority: str) -> None:
    if backend == "local":
        ensure_supervisor(store, store.engine.url.render_as_string(hide_password=False))
        return
    # The row is there: should Redis go away right now, a worker puts the id on its queue later.
    with contextlib.closing(Queues()) as queues, contextlib.suppress(JobError):
        queues.push(job_id, priority)


def _revive(store: Store, row: Mapping[str, Any]) -> None:
    """A local job that waits and has no supervisor any more gets another."""
    if row["status"] == "pending" and row["backend"] == "local":
        _dispatch(store, row["job_id"], "local", row["priority"])
