"""A fan chart of resampled equity, and a static page part that holds it."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["fan_figure", "fan_html"]

# As in the reports.
_BAND, _LINE, _GREY = "#1f83c4", "#d0533f", "#888888"


def fan_figure(fan: pd.DataFrame, actual: np.ndarray) -> Figure:
    """Return percentiles of resampled equity, with the actual one.

    Parameters
    ----------
    fan : DataFrame [date x (p5, p25, p50, p75, p95)]
        Equity from 1.
    actual : ndarray [date]
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.set_facecolor("none")
    x = fan.index.to_numpy()
    axis.fill_between(x, fan["p5"], fan["p95"], color=_BAND, alpha=0.2, linewidth=0, label="5 % to 95 %")
    axis.fill_between(x, fan["p25"], fan["p75"], color=_BAND, alpha=0.3, linewidth=0, label="25 % to 75 %")
    axis.plot(x, fan["p50"], color=_BAND, linewidth=1.2, label="median")
    axis.plot(x, actual, color=_LINE, linewidth=1.4, label="actual")
    axis.set_ylabel("growth of 1", color=_GREY)
    axis.tick_params(colors=_GREY, labelsize=9)
    axis.grid(visible=True, color=_GREY, alpha=0.22, linewidth=0.6)
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.legend(loc="upper left", frameon=False, labelcolor=_GREY, fontsize=9)
    return figure


def fan_html(title: str, table: pd.DataFrame, figure: Figure) -> str:
    """Return a heading, a picture and a table as HTML without scripts; everything is escaped.

    Parameters
    ----------
    title : str
    table : DataFrame
        Undefined cells stay empty.
    figure : Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, transparent=True, metadata={"Software": None})
    picture = base64.b64encode(buffer.getvalue()).decode("ascii")
    rows = table.to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format, escape=True)
    said = html.escape(title)
    return (
        f'<div><p><b>{said}</b></p><img src="data:image/png;base64,{picture}" alt="Fan chart of {said}" '
        f'style="max-width:100%">{rows}</div>'
    )
