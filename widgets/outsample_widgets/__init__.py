"""Interactive widgets for outsample's results. They need no network and leave a static picture behind."""

from __future__ import annotations

from outsample_widgets.chart import chart
from outsample_widgets.dashboard import dashboard
from outsample_widgets.explain import explain_day
from outsample_widgets.explore import explore
from outsample_widgets.fan import fan
from outsample_widgets.folds import folds
from outsample_widgets.golden import golden
from outsample_widgets.jobs import jobs
from outsample_widgets.runs import runs
from outsample_widgets.submit import submit

__all__ = ["chart", "dashboard", "explain_day", "explore", "fan", "folds", "golden", "jobs", "runs", "submit"]
