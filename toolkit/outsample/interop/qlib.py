"""Qlib as a post-processor: its numbers, labelled, with or without it; its charts where it is installed.

Only `qlib.contrib.evaluate`, `qlib.contrib.eva.alpha` and `qlib.contrib.report` are used, each probed by
itself, each chart in a try of its own: a report never fails because of Qlib. Its day scaler is 238 and its
default mode sums returns; ours is 252 and compounds. Both conventions are written and labelled.
"""

from __future__ import annotations

import importlib
import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outsample.alpha import forward_returns
from outsample.errors import DataInvalid
from outsample.metrics import information_coefficient
from outsample.pipeline import Outcome

__all__ = ["QlibReports", "signal_of", "write_qlib_reports"]

# Label -> (periods per year, mode).
_CONVENTIONS = {"sum_238": (238, "sum"), "sum_252": (252, "sum"), "product_252": (252, "product")}
_STATISTICS = ("mean", "std", "annualized_return", "information_ratio", "max_drawdown")


@dataclass(frozen=True, kw_only=True)
class QlibReports:
    """What was written.

    Parameters
    ----------
    folder : Path
    engine : {"qlib", "builtin"}
        Who computed the numbers; they are the same.
    files : tuple of str
    charts : mapping of str to str
        Chart of Qlib -> "written", or why not.
    """

    folder: Path
    engine: str
    files: tuple[str, ...]
    charts: Mapping[str, str]


def signal_of(prediction: pd.DataFrame | pd.Series) -> pd.DataFrame:
    """Return Qlib's prediction as a signal for `alpha_backtest`.

    Parameters
    ----------
    prediction : Series or DataFrame with the index levels datetime and instrument
        As Qlib keeps it in ``pred.pkl``: the column ``score``, or the only one. The levels may be in either
        order, and without names if the dates come first.

    Returns
    -------
    DataFrame [date x symbol]
        float64, sorted; NaN where there is no prediction. A score of date t is known at the close of t.

    Raises
    ------
    DataInvalid
        Another index, several columns and none called score, or two scores of one name on one date.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product(
    ...     [pd.to_datetime(["2024-01-02", "2024-01-03"]), ["B", "A"]], names=["datetime", "instrument"]
    ... )
    >>> signal_of(pd.DataFrame({"score": [1.0, 2.0, 3.0, 4.0]}, index=index)).to_numpy().tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    score: Any = prediction
    if isinstance(prediction, pd.DataFrame):
        names = list(prediction.columns)
        if "score" not in names and len(names) != 1:
            raise DataInvalid(f"A prediction has the column score. Got {names}.")
        score = prediction["score" if "score" in names else names[0]]
    levels = score.index.names
    if score.index.nlevels != 2 or not set(levels) <= {"datetime", "instrument", None}:
        raise DataInvalid(f"A prediction has the index levels datetime and instrument. Got {list(levels)}.")
    if levels[0] == "instrument":
        score = score.swaplevel()
    if score.index.has_duplicates:
        date, name = score.index[score.index.duplicated()][0]
        raise DataInvalid(f"A prediction has two scores of {name!r} on {date}.")
    wide: pd.DataFrame = score.astype(np.float64).unstack().sort_index().sort_index(axis=1)
    return wide.set_axis(pd.DatetimeIndex(wide.index, name=None), axis=0).rename_axis(columns=None)


def write_qlib_reports(outcome: Outcome, folder: str | Path, *, picture: bytes | None = None) -> QlibReports:
    """Write ``ic_analysis.json``, ``risk_analysis.json``, ``performance_chart.png`` and, with Qlib, ``report.html``.

    Parameters
    ----------
    outcome : Outcome
    folder : path
        Made if it is not there.
    picture : bytes, optional
        The PNG; plotly would need a browser for one.

    Returns
    -------
    QlibReports
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    table, scores = _daily(outcome), _scores(outcome)
    evaluate, alpha = _module("qlib.contrib.evaluate"), _module("qlib.contrib.eva.alpha")
    engine = "builtin" if evaluate is None or alpha is None else "qlib"
    risk = _risk(table, evaluate)
    written = [
        _json(target / "risk_analysis.json", {"engine": engine, "conventions": risk, "notes": _NOTES}),
        _json(target / "ic_analysis.json", {"engine": engine, **_ic(scores, alpha)}),
    ]
    if picture is not None:
        (target / "performance_chart.png").write_bytes(picture)
        written.append("performance_chart.png")
    charts = {} if engine == "builtin" else _charts(table, scores, target)
    if any(state == "written" for state in charts.values()):
        written.append("report.html")
    return QlibReports(folder=target, engine=engine, files=tuple(written), charts=charts)


_NOTES = {
    "sum_238": "Qlib's defaults: returns are summed, 238 days a year.",
    "sum_252": "Summed, 252 days a year; information_ratio of the return with cost is our Sharpe ratio (risk-free 0).",
    "product_252": "Compounded, 252 days a year; annualized_return is our CAGR for daily data, and max_drawdown ours "
    "unless the first bar is the loss: Qlib's curve begins after it.",
}


# -- what Qlib calls report_normal, and its pred_label


def _daily(outcome: Outcome) -> pd.DataFrame:
    """Return (before cost), cost, bench and turnover of each bar, as fractions; the index is named as Qlib needs."""
    simulation = outcome.simulation
    equity = simulation.equity.to_numpy()
    paid = simulation.costs.sum(axis=1).to_numpy()[1:]
    cost = np.divide(paid, equity[:-1], out=np.zeros(len(paid)), where=equity[:-1] > 0.0)
    net = simulation.returns.to_numpy()
    bench = np.zeros(len(net)) if outcome.benchmark is None else outcome.benchmark.returns.to_numpy()
    index = pd.DatetimeIndex(simulation.returns.index, name="datetime")
    turnover = simulation.turnover.to_numpy()[1:]
    table = {"return": net + cost, "cost": cost, "bench": bench, "turnover": turnover}
    return pd.DataFrame(table, index=index)


def _scores(outcome: Outcome) -> pd.DataFrame:
    """Score and label of each (datetime, instrument) without gaps: the signal, else the wanted positions."""
    market = outcome.simulation.problem.market
    close = pd.DataFrame(market.close, index=market.dates, columns=market.symbols, copy=False)
    frame = outcome.positions.frame.astype(np.float64)
    label = forward_returns(close, 1, lag=outcome.execution_options.lag)
    dates, names = frame.index.intersection(label.index), frame.columns.intersection(label.columns)
    # Without these names Qlib's charts are silently empty.
    index = pd.MultiIndex.from_product([dates, names], names=["datetime", "instrument"])
    both = {key: table.loc[dates, names].to_numpy().ravel() for key, table in (("score", frame), ("label", label))}
    return pd.DataFrame(both, index=index).dropna()


# -- numbers


def _risk(table: pd.DataFrame, evaluate: Any | None) -> dict[str, Any]:  # noqa: ANN401 - a module
    net = table["return"] - table["cost"]
    series = {
        "return_without_cost": table["return"],
        "return_with_cost": net,
        "excess_return_without_cost": table["return"] - table["bench"],
        "excess_return_with_cost": net - table["bench"],
    }
    return {
        label: {
            name: _risk_of_qlib(evaluate, values, days, mode) if evaluate is not None else _risk_of(values, days, mode)
            for name, values in series.items()
        }
        for label, (days, mode) in _CONVENTIONS.items()
    }


def _risk_of(returns: pd.Series, days: int, mode: str) -> dict[str, float]:
    """The statistics of one series, in Qlib's sum or product mode."""
    if mode == "sum":
        mean, spread = returns.mean(), returns.std(ddof=1)
        curve = returns.cumsum()
        annual, drawdown = mean * days, (curve - curve.cummax()).min()
    else:
        curve = (1.0 + returns).cumprod()
        mean = curve.iloc[-1] ** (1.0 / len(returns)) - 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.log(1.0 + returns).std(ddof=1)
        annual, drawdown = curve.iloc[-1] ** (days / len(returns)) - 1.0, (curve / curve.cummax() - 1.0).min()
    ratio = mean / spread * math.sqrt(days) if spread > 0 else math.nan
    return dict(zip(_STATISTICS, map(float, (mean, spread, annual, ratio, drawdown)), strict=True))


def _risk_of_qlib(evaluate: Any, returns: pd.Series, days: int, mode: str) -> dict[str, float]:  # noqa: ANN401
    found = evaluate.risk_analysis(returns, N=days, freq=None, mode=mode)["risk"]
    return {name: float(found[name]) for name in _STATISTICS}


def _ic(scores: pd.DataFrame, alpha: Any | None) -> dict[str, Any]:  # noqa: ANN401
    if alpha is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas' own, on groups that do not vary
            ic, rank_ic = alpha.calc_ic(scores["score"], scores["label"])
    else:
        wide = [scores[name].unstack("instrument") for name in ("score", "label")]
        ic, rank_ic = (information_coefficient(wide[0], wide[1], method, 2) for method in ("pearson", "spearman"))
    return {
        "score": "signal, or wanted positions; label: return of the bar after the first fill",
        "names": int(scores.index.get_level_values("instrument").nunique()),
        "IC": _moments(ic),
        "Rank IC": _moments(rank_ic),
    }


def _moments(values: pd.Series) -> dict[str, float]:
    known = values.dropna()
    spread = known.std(ddof=1)
    return {
        "mean": float(known.mean()) if len(known) else math.nan,
        "std": float(spread) if len(known) > 1 else math.nan,
        "icir": float(known.mean() / spread) if len(known) > 1 and spread > 0 else math.nan,
        "dates": float(len(known)),
    }


# -- charts


def _charts(table: pd.DataFrame, scores: pd.DataFrame, target: Path) -> dict[str, str]:
    positions, models = (_module(f"qlib.contrib.report.analysis_{name}") for name in ("position", "model"))
    excess = {"excess_return_without_cost": table["return"] - table["bench"]}
    excess["excess_return_with_cost"] = excess["excess_return_without_cost"] - table["cost"]
    evaluate = _module("qlib.contrib.evaluate")
    makers: dict[str, Callable[[], Any]] = {
        "report": lambda: positions.report_graph(table, show_notebook=False),  # type: ignore[union-attr]
        "risk_analysis": lambda: positions.risk_analysis_graph(  # type: ignore[union-attr]
            pd.concat({name: evaluate.risk_analysis(values) for name, values in excess.items()}),  # type: ignore[union-attr]
            table,
            show_notebook=False,
        ),
        "score_ic": lambda: positions.score_ic_graph(scores.swaplevel().sort_index(), show_notebook=False),  # type: ignore[union-attr]
        "model_performance": lambda: models.model_performance_graph(  # type: ignore[union-attr]
            scores.swaplevel().sort_index(), show_notebook=False
        ),
    }
    states, parts = {}, []
    for name, make in makers.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parts += [(name, figure) for figure in make()]
            states[name] = "written"
        except Exception as error:  # noqa: BLE001 - whatever a chart of Qlib raises is its outcome
            states[name] = f"{type(error).__name__}: {error}"[:300]
    if parts:
        _page(parts, target / "report.html")
    return states


def _page(parts: list[tuple[str, Any]], path: Path) -> None:
    """One page that needs no network: the first chart carries plotly's script."""
    texts = [
        f"<h2>{name}</h2>\n{figure.to_html(full_html=False, include_plotlyjs=place == 0)}"
        for place, (name, figure) in enumerate(parts)
    ]
    head = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Qlib report - outsample</title></head>\n'
    )
    path.write_text(f"{head}<body>\n{''.join(texts)}\n</body>\n</html>\n", encoding="utf-8")


# -- helpers


def _module(name: str) -> Any | None:  # noqa: ANN401 - a module, or None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # importing Qlib warns about its own dependencies
            return importlib.import_module(name)
    except Exception:  # noqa: BLE001 - an installation of Qlib can be broken in any way
        return None


def _json(path: Path, value: Mapping[str, object]) -> str:
    path.write_text(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path.name


def _finite(value: object) -> object:
    """NaN and infinity are null in JSON."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
