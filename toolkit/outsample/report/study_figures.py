"""Pictures of studies: heatmaps, in sample against out of sample, paths of parameters, distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from outsample.report.figures import BENCHMARK, EQUITY, LOSS, SHADE, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["heatmap_figure", "histogram_figure", "parameter_figure", "scatter_figure"]


def heatmap_figure(table: pd.DataFrame, *, label: str) -> Figure:
    """Return a heatmap; undefined cells stay empty.

    Parameters
    ----------
    table : DataFrame
        Rows and columns are values of two parameters; a single row for one parameter.
    label : str
        What the colours mean.
    """
    figure, axis = _figure((7.0, 0.6 + max(2.2, 0.32 * len(table))))
    values = table.to_numpy(dtype=np.float64)
    image = axis.imshow(np.ma.masked_invalid(values), aspect="auto", cmap="viridis", origin="lower")
    for place, names, setter in (
        (0, table.index, (axis.set_yticks, axis.set_yticklabels, axis.set_ylabel)),
        (1, table.columns, (axis.set_xticks, axis.set_xticklabels, axis.set_xlabel)),
    ):
        step = max(1, table.shape[place] // 12)
        shown = list(range(0, table.shape[place], step))
        setter[0](shown)
        setter[1]([str(names[k]) for k in shown])
        setter[2](str(names.name or ""), color=TEXT)
    axis.grid(visible=False)
    bar = figure.colorbar(image, ax=axis)
    bar.set_label(label, color=TEXT)
    bar.ax.tick_params(colors=TEXT, labelsize=8)
    return figure


def scatter_figure(inside: Sequence[float], outside: Sequence[float], *, label: str = "Sharpe ratio") -> Figure:
    """Return each window's result out of sample against in sample, with the line of equality."""
    figure, axis = _figure((4.6, 4.2))
    x, y = np.asarray(inside, dtype=np.float64), np.asarray(outside, dtype=np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    axis.scatter(x[known], y[known], color=EQUITY, s=28)
    if known.any():
        both = np.concatenate([x[known], y[known]])
        ends = [float(both.min()), float(both.max())]
        axis.plot(ends, ends, color=BENCHMARK, linewidth=1.0)
    axis.axhline(0.0, color=SHADE, linewidth=0.8)
    axis.set_xlabel(f"{label}, in sample", color=TEXT)
    axis.set_ylabel(f"{label}, out of sample", color=TEXT)
    return figure


def parameter_figure(windows: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Return the chosen value of each parameter from window to window, a panel each.

    Parameters
    ----------
    windows : DataFrame
        Column ``test_start`` and one per parameter.
    names : sequence of str
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 0.6 + 1.5 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axis, name in zip(axes, names, strict=True):
        _plain(axis)
        values = windows[name]
        if not pd.api.types.is_numeric_dtype(values.dropna().infer_objects().dtype):
            codes, kinds = pd.factorize(values.astype(str), sort=True)
            values = pd.Series(codes, index=windows.index)
            axis.set_yticks(range(len(kinds)))
            axis.set_yticklabels(list(kinds))
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
        axis.step(windows["test_start"], numbers, where="post", color=EQUITY, linewidth=1.4)
        axis.plot(windows["test_start"], numbers, "o", color=EQUITY, markersize=4)
        axis.set_ylabel(name, color=TEXT)
    return figure


def histogram_figure(values: Sequence[float], actual: float, *, label: str) -> Figure:
    """Return the distribution of a statistic over replicates, with the actual value marked."""
    figure, axis = _figure((7.0, 3.2))
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known):
        axis.hist(known, bins=min(40, max(5, int(np.sqrt(len(known))))), color=EQUITY, alpha=0.75)
    if np.isfinite(actual):
        axis.axvline(actual, color=LOSS, linewidth=1.6, label="actual")
        axis.legend(frameon=False, labelcolor=TEXT, fontsize=9)
    axis.set_xlabel(label, color=TEXT)
    axis.set_ylabel("replicates", color=TEXT)
    return figure


def _figure(size: tuple[float, float]) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    _plain(axis)
    return figure, axis


def _plain(axis: Axes) -> None:
    axis.set_facecolor("none")
    axis.tick_params(colors=TEXT, labelsize=9)
    axis.grid(visible=True, color=SHADE, alpha=0.22, linewidth=0.6)
    for spine in axis.spines.values():
        spine.set_visible(False)
