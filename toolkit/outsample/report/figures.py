"""Pictures, drawn with matplotlib's object interface (no pyplot, no global state)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["equity_figure", "png", "walk_forward_figure"]

# Mid-tones with a contrast of at least 3:1 on white and on #111, so that one transparent picture serves
# the light and the dark theme.
TEXT = "#7a7f87"
EQUITY = "#1f83c4"
BENCHMARK = "#8f8b80"
LOSS = "#d0533f"
SHADE = "#888888"


def equity_figure(
    equity: pd.Series, benchmark: pd.Series | None = None, *, benchmark_name: str = "", title: str = ""
) -> Figure:
    """Return equity against its benchmark, with the drawdown below.

    Parameters
    ----------
    equity, benchmark : Series [date]
        Both are scaled to begin at 1.
    benchmark_name, title : str
    """
    figure, (above, below) = _axes((9.0, 4.6), (3, 1))
    scaled = equity / equity.iloc[0]
    above.plot(scaled.index, scaled.to_numpy(), color=EQUITY, linewidth=1.4, label="strategy")
    if benchmark is not None and len(benchmark):
        other = benchmark / benchmark.iloc[0]
        above.plot(other.index, other.to_numpy(), color=BENCHMARK, linewidth=1.1, label=benchmark_name or "benchmark")
    if float(scaled.min()) > 0 and float(scaled.max()) / float(scaled.min()) > 4:
        _log_scale(above)
    above.set_ylabel("growth of 1", color=TEXT)
    above.legend(loc="upper left", frameon=False, labelcolor=TEXT, fontsize=9)
    if title:
        above.set_title(title, color=TEXT, fontsize=10, loc="left")
    drawdown = scaled / np.maximum.accumulate(scaled.to_numpy()) - 1.0
    below.fill_between(drawdown.index, 100 * drawdown.to_numpy(), 0.0, color=LOSS, alpha=0.55, linewidth=0)
    below.set_ylabel("drawdown, %", color=TEXT)
    return figure


def walk_forward_figure(equity: pd.Series, tests: list[tuple[pd.Timestamp, pd.Timestamp]], static: pd.Series) -> Figure:
    """Return the stitched out-of-sample equity over its shaded test windows.

    Parameters
    ----------
    equity : Series [date]
        Stitched.
    tests : list of (first, last) date
    static : Series [date]
        Equity of the best single combination, chosen with hindsight.
    """
    from matplotlib import dates

    number = cast(Any, dates.date2num)
    figure, (above,) = _axes((9.0, 3.6), (1,))
    for place, (first, last) in enumerate(tests):
        if place % 2 == 0:
            above.axvspan(number(first), number(last), color=SHADE, alpha=0.12, linewidth=0)
    scaled = equity / equity.iloc[0]
    part = static.reindex(equity.index).dropna()
    if len(part):
        hindsight = part / part.iloc[0]
        above.plot(
            part.index, hindsight.to_numpy(), color=BENCHMARK, linewidth=1.1, label="best combination, with hindsight"
        )
    above.plot(scaled.index, scaled.to_numpy(), color=EQUITY, linewidth=1.5, label="out of sample, stitched")
    above.set_ylabel("growth of 1", color=TEXT)
    above.legend(loc="upper left", frameon=False, labelcolor=TEXT, fontsize=9)
    return figure


def png(figure: Figure, *, dpi: int = 110) -> bytes:
    """Return a figure as a transparent PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # matplotlib writes its version into the file, which would make two releases differ.
    figure.savefig(buffer, format="png", dpi=dpi, transparent=True, metadata={"Software": None})
    return buffer.getvalue()


def _axes(size: tuple[float, float], heights: tuple[int, ...]) -> tuple[Figure, tuple[Axes, ...]]:
    from matplotlib.figure import Figure

    # Fixed margins: solving for them would draw everything twice, a quarter of the time of a known result.
    figure = Figure(figsize=size)
    figure.subplots_adjust(left=0.08, right=0.985, top=0.94, bottom=0.08, hspace=0.09)
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    axes = tuple(grid[:, 0])
    for axis in axes:
        axis.set_facecolor("none")
        axis.tick_params(colors=TEXT, labelsize=9)
        axis.grid(visible=True, color=SHADE, alpha=0.22, linewidth=0.6)
        for spine in axis.spines.values():
            spine.set_visible(False)
    return figure, axes


def _log_scale(axis: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
