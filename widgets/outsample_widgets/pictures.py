"""Pictures for the static twins that the reports do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fan_figure"]

# Mid-tones, as in `outsample.report.figures`: one transparent picture for light and dark.
_TEXT, _LINE, _BAND = "#7a7f87", "#1f83c4", "#9b6fc3"


def fan_figure(fan: pd.DataFrame, actual: np.ndarray) -> Figure:
    """Return percentiles of resampled equity and the actual one.

    Parameters
    ----------
    fan : DataFrame [date, (p5, p25, p50, p75, p95)]
    actual : ndarray [date]
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.set_facecolor("none")
    x = fan.index.to_numpy()
    axis.fill_between(x, fan["p5"], fan["p95"], color=_BAND, alpha=0.25, linewidth=0, label="5 % to 95 %")
    axis.fill_between(x, fan["p25"], fan["p75"], color=_BAND, alpha=0.35, linewidth=0, label="25 % to 75 %")
    axis.plot(x, fan["p50"], color=_BAND, linewidth=1.2, label="median")
    axis.plot(x, actual, color=_LINE, linewidth=1.5, label="actual")
    axis.tick_params(colors=_TEXT, labelsize=9)
    axis.grid(visible=True, color="#888888", alpha=0.22, linewidth=0.6)
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.set_ylabel("growth of 1", color=_TEXT)
    axis.legend(loc="upper left", frameon=False, labelcolor=_TEXT, fontsize=9)
    return figure
