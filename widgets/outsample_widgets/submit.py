"""`submit`: a form for people who do not write magics; the job and its result appear below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets

from outsample.alpha import WEIGHT_METHODS
from outsample.archive import Store
from outsample.errors import ConfigError
from outsample.jobs import submit as send
from outsample.report.html import fragment
from outsample.results import Result
from outsample.strategy import Strategy
from outsample.validation import validate
from outsample_widgets.base import Reply, View, publish, script
from outsample_widgets.chart import chart
from outsample_widgets.jobs import Jobs
from outsample_widgets.sending import KINDS, arguments_of, strategy_of
from outsample_widgets.twin import Twin

__all__ = ["Form", "Submission", "submit"]

_EXAMPLE = """\
fast = 20  # 5..60, days of the fast average
slow = 60  # 20..250, days of the slow average
close = data.get('close')
position = close.average(fast) > close.average(slow)
"""
_STORED = 50


class Form(View):
    """The form of `submit`.

    Parameters
    ----------
    store : Store
    on_sent : callable, optional
        Called with the id of each job that was sent.
    """

    _esm = script("submit")

    def __init__(self, store: Store, *, on_sent: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self._store = store
        self._on_sent = on_sent
        about = {
            "title": "Send a strategy",
            "example": _EXAMPLE,
            "datasets": ["sample", *sorted(store.dataset_names()), "synthetic:50x2520?seed=7"],
            "methods": ["none", *WEIGHT_METHODS],
            "kinds": [list(kind) for kind in KINDS],
            "backends": ["local", "rq"],
            "stored": self._stored(),
        }
        self.put({}, about)

    def _stored(self) -> list[dict[str, object]]:
        """The newest strategies of the ledger, each source once."""
        table = self._store.trials(limit=_STORED).drop_duplicates("source")
        return [
            {"key": row["result_key"], "title": f"{row['name']} ({row['dataset']})"} for row in table.to_dict("records")
        ]

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "check" (findings and parameters), "stored" (a source) and "send"."""
        kind = question.get("kind")
        if kind == "check":
            return self._check(str(question.get("source", ""))), {}
        if kind == "stored":
            table = self._store.trials(limit=_STORED)
            found = table[table["result_key"] == str(question.get("key"))]
            if found.empty:
                raise ConfigError("This strategy is no longer among the newest of the store.")
            return {"source": str(found["source"].iloc[0]), "name": str(found["name"].iloc[0])}, {}
        if kind == "send":
            return {"text": self._submitted(question)}, {}
        raise ConfigError(f"This form does not know the question {kind!r}.")

    def _check(self, source: str) -> dict[str, object]:
        findings = validate(source)
        errors = [found for found in findings if found.severity == "error"]
        parameters = [] if errors else list(Strategy.from_source(source).parameters.values())
        return {
            "errors": len(errors),
            "findings": [
                {"line": one.line, "severity": one.severity, "message": one.message, "hint": one.hint}
                for one in findings
            ],
            "parameters": [
                {
                    "name": one.name,
                    "value": one.value if isinstance(one.value, str) else repr(one.value),
                    "help": one.help,
                }
                for one in parameters
            ],
        }

    def _submitted(self, form: Mapping[str, object]) -> str:
        arguments = arguments_of(form)
        data = str(form.get("data") or "").strip()
        job = send(strategy_of(form), data, store=self._store, **arguments)  # type: ignore[arg-type]
        if self._on_sent is not None:
            self._on_sent(job.id)
        return f"Sent: job {job.id[:12]} is {job.status}."

    def twin(self) -> Twin:
        """Return a sentence: a form needs a kernel."""
        return Twin(title="Send a strategy", lines=("This form needs a running kernel: run the cell again.",))


class Submission(ipywidgets.VBox):  # type: ignore[misc]
    """The widget of `submit`: the form, the jobs below it, and the result of the last one.

    Attributes
    ----------
    form : Form
    jobs : Jobs
    """

    def __init__(self, store: Store) -> None:
        self._place = ipywidgets.VBox([])
        self.jobs = Jobs(store, on_open=self.show)
        self.form = Form(store, on_sent=self.jobs.follow)
        super().__init__([self.form, self.jobs, self._place])

    def _ipython_display_(self, **_options: object) -> None:
        publish(self.form.twin(), self.form.uid, self._repr_mimebundle_(), {})

    def show(self, result: Result) -> None:
        """Show a result: its report, and its chart."""
        before = self._place.children
        self._place.children = (ipywidgets.HTML(_report(result)), chart(result))
        for widget in before:
            widget.close()


def _report(result: Result) -> str:
    """The report without its pictures, in which the chart below stands."""
    return fragment(result.document(pictures=False))


def submit(store: Store | None = None) -> Submission:
    """Return a form that sends a strategy as a background job, for people who do not write magics.

    Findings are shown before sending; afterwards the job's progress, and its result when it is done.

    Parameters
    ----------
    store : Store, optional
        None: the configured one.
    """
    return Submission(Store.open() if store is None else store)
