"""Interactive widgets for outsample's results. They need no network and leave a static picture behind."""

from __future__ import annotations

from outsample_widgets.chart import chart
from outsample_widgets.explore import explore

__all__ = ["chart", "explore"]
