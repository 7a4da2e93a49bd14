"""``outsample jobs``, ``outsample worker`` and ``outsample metrics``: background jobs from a shell."""

from __future__ import annotations

import argparse
import json
import os
from functools import partial
from typing import TYPE_CHECKING

from outsample.cli.common import DONE, FAILED

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]

_SHOWN = ("job_id", "kind", "name", "status", "progress_pct", "priority", "created_by", "created_at")


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_jobs(commands)
    _add_worker(commands)
    _add_metrics(commands)


def _add_jobs(commands: Commands) -> None:
    jobs = commands.add_parser(
        "jobs",
        help="list, show, cancel and retry background jobs",
        epilog="Example: outsample jobs list --status running. Exit codes: 0 done, 2 could not.",
        allow_abbrev=False,
    )
    verbs = jobs.add_subparsers(title="verbs", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list jobs, the newest first", allow_abbrev=False)
    listing.add_argument("--status", help="only these: pending, running, completed, failed, cancelled")
    listing.add_argument("--user", help="only this user's")
    listing.add_argument("--limit", type=int, default=20)
    listing.add_argument("--offset", type=int, default=0, help="rows before the first one shown")
    listing.set_defaults(command=_list)
    show = verbs.add_parser("show", help="show a job and its attempts", allow_abbrev=False)
    show.set_defaults(command=_show)
    cancel = verbs.add_parser("cancel", help="cancel a job", allow_abbrev=False)
    cancel.set_defaults(command=_cancel)
    retry = verbs.add_parser("retry", help="run a failed or cancelled job again", allow_abbrev=False)
    retry.add_argument("--force", action="store_true", help="a completed one, too, and compare")
    retry.set_defaults(command=_retry)
    for verb in (show, cancel, retry):
        verb.add_argument("job", metavar="ID", help="id, or its first characters")
    for verb in (listing, show, cancel, retry):
        verb.add_argument("--store", help="file or URL; default: the configured store")
        verb.add_argument("--json", action="store_true", help="print JSON")


def _list(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.jobs.states import reap
    from outsample.jobs.table import list_jobs

    with Store.open(parsed.store) as store:
        reap(store)
        table = list_jobs(store, status=parsed.status, created_by=parsed.user, limit=parsed.limit, offset=parsed.offset)
    if parsed.json:
        print(table.to_json(orient="records", date_format="iso"))
    elif table.empty:
        print("no jobs")
    else:
        print(table[list(_SHOWN)].assign(job_id=table["job_id"].str[:12]).to_string(index=False))
    return DONE


def _show(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.jobs import Job

    with Store.open(parsed.store) as store:
        job = Job(parsed.job, store)
        row, attempts = job.row, job.attempts
    if parsed.json:
        print(json.dumps({**row, "attempts": attempts}, default=str))
        return DONE
    for name, value in row.items():
        if value is not None and name != "config":
            print(f"{name:20} {value}")
    for attempt in attempts:
        print(f"attempt {attempt['attempt']:<12} {attempt['outcome']} {attempt['error_message'] or ''}".rstrip())
    return DONE


def _cancel(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.jobs import Job

    with Store.open(parsed.store) as store:
        job = Job(parsed.job, store)
        status = job.cancel()
        _say(parsed, job.id, {"running": "asked to end"}.get(status, status))
    return DONE


def _retry(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.jobs import Job

    with Store.open(parsed.store) as store:
        job = Job(parsed.job, store).retry(force=parsed.force)
        _say(parsed, job.id, job.status)
    return DONE


def _say(parsed: argparse.Namespace, job: str, status: str) -> None:
    print(json.dumps({"job_id": job, "status": status}) if parsed.json else f"{job[:12]} {status}")


def _add_worker(commands: Commands) -> None:
    text = "run jobs of the queues in Redis until SIGTERM; running jobs are then given back"
    worker = commands.add_parser(
        "worker",
        help=text,
        description=text,
        epilog="Example: outsample worker --queues high,normal. Redis is that of OUTSAMPLE_REDIS_URL. "
        "Exit codes: 0 ended as asked, or healthy; 1 not healthy; 2 store or Redis do not answer.",
        allow_abbrev=False,
    )
    worker.add_argument("--queues", default="high,normal,low", help="comma-separated; default: high,normal,low")
    worker.add_argument("--slots", type=int, default=1, metavar="N", help="jobs at once")
    worker.add_argument("--cluster", metavar="URL", help="a dask scheduler, tcp://host:port, for what jobs fan out")
    worker.add_argument("--metrics-port", type=int, metavar="PORT", help="serve Prometheus text here")
    worker.add_argument("--burst", action="store_true", help="end when nothing is left to do")
    worker.add_argument("--notify", metavar="CMD", help="a program that gets the outcome of each job as JSON on stdin")
    worker.add_argument("--health", action="store_true", help="only say whether a worker on this machine works")
    worker.set_defaults(command=_worker)


def _worker(parsed: argparse.Namespace) -> int:
    from outsample.cli.notifying import tell
    from outsample.jobs.worker import check_health, run_worker

    if parsed.health:
        healthy = check_health()
        print("healthy" if healthy else "no worker of this machine works")
        return DONE if healthy else FAILED
    if parsed.cluster:
        os.environ["OUTSAMPLE_JOB_CLUSTER"] = parsed.cluster  # the processes of jobs inherit it
    queues = [name.strip() for name in parsed.queues.split(",") if name.strip()]
    return run_worker(
        queues,
        slots=parsed.slots,
        metrics_port=parsed.metrics_port,
        burst=parsed.burst,
        on_end=partial(tell, parsed.notify) if parsed.notify else None,
    )


def _add_metrics(commands: Commands) -> None:
    text = "print figures of the jobs as Prometheus text"
    metrics = commands.add_parser("metrics", help=text, description=text, allow_abbrev=False)
    metrics.add_argument("--store", help="file or URL; default: the configured store")
    metrics.set_defaults(command=_metrics)


def _metrics(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.jobs.figures import prometheus

    with Store.open(parsed.store) as store:
        print(prometheus(store), end="")
    return DONE
