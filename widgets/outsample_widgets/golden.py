"""`golden`: expected results, what drifted since, and accepting it with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from outsample.archive import Store
from outsample.errors import ConfigError, OutsampleError
from outsample.golden import GoldenCheck, accept_golden, check_golden, golden_names, read_golden
from outsample.report import formats
from outsample_widgets.base import Reply, View, script
from outsample_widgets.runs import table_json
from outsample_widgets.twin import Twin

__all__ = ["Goldens", "golden"]

_COLUMNS = (
    ("name", "Name"),
    ("key", "Key"),
    ("snapshot", "Snapshot"),
    ("sharpe", "Sharpe"),
    ("accepted", "Accepted"),
    ("by", "By"),
    ("reason", "Reason"),
)


class Goldens(View):
    """The widget of `golden`.

    Parameters
    ----------
    folder : path
        Where the golden results are.
    """

    _esm = script("golden")

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self._folder = Path(folder)
        columns = [{"name": name, "label": label, "wide": name == "reason"} for name, label in _COLUMNS]
        empty = f"There are no golden results in {self._folder}. Record one with: outsample golden record"
        self.put({}, {"title": "Golden results", "columns": columns, "rows": self._rows(), "empty": empty})

    def _rows(self) -> list[dict[str, object]]:
        return [_row(name, self._folder) for name in golden_names(self._folder)]

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "check" (runs it again) and "accept"."""
        name = str(question.get("name"))
        if question.get("kind") not in {"check", "accept"}:
            raise ConfigError(f"This widget does not know the question {question.get('kind')!r}.")
        if name not in golden_names(self._folder):
            raise ConfigError(f"There is no golden result {name!r}.")
        if question.get("kind") == "check":
            return _shown(check_golden(name, folder=self._folder)), {}
        accept_golden(name, reason=str(question.get("reason") or ""), folder=self._folder)
        made = read_golden(name, self._folder)
        return {"rows": self._rows(), "text": f"{name} is accepted by {made.approved_by}: {made.reason}"}, {}

    def twin(self) -> Twin:
        """Return the table of goldens."""
        rows = tuple(tuple(str(row[name]) for name, _ in _COLUMNS) for row in self._rows())
        columns = tuple(label for _, label in _COLUMNS)
        return Twin(title="Golden results", tables=((str(self._folder), columns, rows),))


def _row(name: str, folder: Path) -> dict[str, object]:
    try:
        found = read_golden(name, folder)
    except OutsampleError as error:  # one broken file does not hide the others
        unknown = dict.fromkeys(("snapshot", "sharpe", "accepted", "by"), formats.MISSING)
        return {**unknown, "key": name, "title": name, "name": name, "reason": str(error)}
    return {
        "key": found.key[:12],
        "title": name,
        "name": name,
        "snapshot": found.snapshot_id[:12],
        "sharpe": formats.ratio(found.metrics.get("sharpe", {}).get("value")),
        "accepted": f"{formats.date(found.created_at.date())} ({found.age_days:.0f} days ago)",
        "by": found.approved_by,
        "reason": found.reason,
    }


def _shown(check: GoldenCheck) -> dict[str, object]:
    """A check as the browser lays it out: words, drift table, whether there is something to accept."""
    document = check.document(pictures=False)
    sentences = [*document.reasons, *document.warnings]
    if check.first_date is not None:
        sentences.append(f"The equity differs from {formats.date(check.first_date)} on.")
    tables = [table for table in (document.metrics, *document.tables) if table.rows]
    return {
        "outcome": document.level,
        "sentences": sentences,
        "tables": [table_json(table) for table in tables],
        "acceptable": not check.ok and check.outcome is not None,
    }


def golden(store: Store | None = None, *, folder: str | Path = "golden") -> Goldens:  # noqa: ARG001 - one signature for all
    """Return a table of golden results: check each again, see what drifted, accept it with a reason.

    Parameters
    ----------
    store : Store, optional
        Not read: golden results are files. Accepting is entered into the configured store.
    folder : path
        Where they are, in your repository.
    """
    return Goldens(folder)
