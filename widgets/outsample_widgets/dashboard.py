"""`dashboard`: the widgets put together as an application."""

from __future__ import annotations

import os
from pathlib import Path

import ipywidgets

from outsample.archive import Store
from outsample.results import Result
from outsample_widgets.base import publish
from outsample_widgets.chart import chart
from outsample_widgets.explain import explain_day
from outsample_widgets.golden import Goldens
from outsample_widgets.runs import Runs
from outsample_widgets.submit import Submission

__all__ = ["Dashboard", "dashboard"]


class Dashboard(ipywidgets.VBox):  # type: ignore[misc]
    """The widget of `dashboard`: one tab each for sending, watching, results and goldens.

    Attributes
    ----------
    store : Store
    """

    def __init__(self, store: Store, *, folder: str | Path = "golden") -> None:
        self.store = store
        self._opened = ipywidgets.VBox([])
        self._runs = Runs(store, on_open=self.show)
        results = ipywidgets.VBox([self._runs, self._opened])
        tabs = {"Send": Submission(store), "Results": results, "Goldens": Goldens(folder)}
        self._tabs = ipywidgets.Tab(children=list(tabs.values()), titles=tuple(tabs))
        # What was sent meanwhile is there when the results are looked at.
        self._tabs.observe(lambda _change: self._runs.send({"kind": "changed"}), names="selected_index")
        super().__init__([self._tabs])

    def _ipython_display_(self, **_options: object) -> None:
        publish(self._runs.twin(), self._runs.uid, self._repr_mimebundle_(), {})

    def show(self, result: Result) -> None:
        """Show a result below the table: its chart, and its days."""
        before = self._opened.children
        self._opened.children = (chart(result), explain_day(result))
        for widget in before:
            widget.close()


def dashboard(store: Store | None = None, *, folder: str | Path = "golden") -> Dashboard:
    """Return the widgets as an application, for a cell, a notebook served by Voila, or `outsample dashboard`.

    Parameters
    ----------
    store : Store, optional
        None: the configured one.
    folder : path
        Of the golden results.
    """
    if os.environ.get("OUTSAMPLE_DASHBOARD_FOLDER"):
        # Set by the command: the folder it was called in, where relative names begin.
        os.chdir(os.environ["OUTSAMPLE_DASHBOARD_FOLDER"])
    return Dashboard(Store.open() if store is None else store, folder=folder)
