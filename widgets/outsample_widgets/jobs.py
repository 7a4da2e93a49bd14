"""`jobs`: background jobs with their progress; cancel, run again, open."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outsample.archive import Store
from outsample.errors import ConfigError
from outsample.jobs import Job, JobTables
from outsample.jobs.table import list_jobs
from outsample.report import formats
from outsample.report.document import table_of
from outsample.results import Result
from outsample_widgets.base import Reply, View, script
from outsample_widgets.runs import table_json
from outsample_widgets.twin import Twin

__all__ = ["Jobs", "jobs"]

_COLUMNS: tuple[tuple[str, str, bool], ...] = (
    ("created", "Sent", False),
    ("name", "Name", False),
    ("kind", "Kind", False),
    ("status", "Status", False),
    ("progress", "Progress", False),
    ("priority", "Priority", False),
    ("attempt", "Attempt", True),
    ("by", "By", False),
    ("error", "Error", False),
)


class Jobs(View):
    """The widget of `jobs`.

    Parameters
    ----------
    store : Store
    limit : int
        The newest so many.
    on_open : callable, optional
        Called with a Result that is to be shown.
    """

    _esm = script("jobs")

    def __init__(self, store: Store, *, limit: int = 50, on_open: Callable[[Result], None] | None = None) -> None:
        super().__init__()
        self._store = store
        self._limit = limit
        self._on_open = on_open
        self._followed: set[str] = set()
        # Progress and error share a column, so that both are seen without scrolling: a job has one of them.
        columns = [
            {"name": name, "label": label, "numeric": numeric, "wide": name == "progress"}
            for name, label, numeric in _COLUMNS
            if name != "error"
        ]
        self.put({}, {"title": "Background jobs", "columns": columns, "rows": self._rows()})

    def follow(self, job_id: str) -> None:
        """Show a job at once, and open its result when it is done."""
        self._followed.add(job_id)
        self.send({"kind": "changed"})

    def _rows(self) -> list[dict[str, object]]:
        return [_row(row) for row in list_jobs(self._store, limit=self._limit).to_dict("records")]

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "list", "cancel", "retry" and "open"."""
        kind = question.get("kind")
        if kind == "list":
            rows = self._rows()
            self._open_followed(rows)
            return {"rows": rows}, {}
        if kind not in {"cancel", "retry", "open"}:
            raise ConfigError(f"This widget does not know the question {kind!r}.")
        job = Job(str(question.get("job")), self._store)
        if kind == "cancel":
            status = job.cancel()
            return {"text": "Cancelled." if status == "cancelled" else "Asked to stop."}, {}
        if kind == "retry":
            job.retry()
            self._followed.add(job.id)
            return {"text": f"Sent again: attempt {job.row['attempt']}."}, {}
        return self._opened(job), {}

    def _open_followed(self, rows: list[dict[str, object]]) -> None:
        for row in rows:
            if row["key"] in self._followed and row["status"] in {"completed", "failed", "cancelled"}:
                self._followed.discard(str(row["key"]))
                if row["status"] == "completed" and row["kind"] == "backtest" and self._on_open is not None:
                    self._opened(Job(str(row["key"]), self._store))

    def _opened(self, job: Job) -> dict[str, object]:
        found = job.result(timeout=0.0)
        if isinstance(found, Result):
            if self._on_open is not None:
                self._on_open(found)
            return {"text": repr(found)}
        if isinstance(found, JobTables):
            return {
                "text": f"{job.row['name']}: {job.row['kind']}",
                "table": table_json(table_of("Table", found.table)),
            }
        return {"text": f"The executed notebook is {found}."}

    def twin(self) -> Twin:
        """Return the newest rows."""
        rows = tuple(tuple(str(row[name]) for name, _, _ in _COLUMNS) for row in self._rows()[:20])
        columns = tuple(label for _, label, _ in _COLUMNS)
        return Twin(title="Background jobs", tables=((f"The newest {len(rows)}", columns, rows),))


def _row(row: Mapping[object, object]) -> dict[str, object]:
    percent = float(str(row["progress_pct"]))
    error = " ".join(_text(row[name]) for name in ("error_category", "error_message")).strip()
    return {
        "key": row["job_id"],
        "title": f"{row['name']}, {row['kind']} {str(row['job_id'])[:6]}",
        "created": formats.date_time(row["created_at"]),
        "name": row["name"],
        "kind": row["kind"],
        "status": row["status"],
        "percent": percent,
        "progress": f"{percent:.0f} %",
        "message": _text(row["progress_message"]),
        "priority": row["priority"],
        "attempt": str(row["attempt"]),
        "by": row["created_by"],
        "error": error,
    }


def _text(value: object) -> str:
    """NULL is None on one pandas and NaN on another."""
    return value if isinstance(value, str) else ""


def jobs(store: Store | None = None, *, limit: int = 50) -> Jobs:
    """Return a live table of background jobs: progress, cancel, run again, errors.

    Parameters
    ----------
    store : Store, optional
        None: the configured one.
    limit : int
        The newest so many.
    """
    return Jobs(Store.open() if store is None else store, limit=limit)
