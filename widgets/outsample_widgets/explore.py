"""`explore`: a control per parameter; equity and metrics follow while a slider is dragged."""

from __future__ import annotations

import ast
import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from outsample import metrics
from outsample.api import make_request
from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.engine import Simulation, simulate
from outsample.errors import ConfigError, OutsampleError
from outsample.ledger.trials import ledger_of, record, trial_of
from outsample.model import ExecutionResult, Status
from outsample.pipeline import evaluate, raise_for_status
from outsample.report import formats
from outsample.report.figures import equity_figure, png
from outsample.request import Request, request_key, resolved_options
from outsample.sandbox import SandboxSession
from outsample.store import Store
from outsample.strategy import Literal, Parameter, Strategy
from outsample.validation import validate
from outsample_widgets.arrays import milliseconds
from outsample_widgets.base import Arrays, Reply, View, failure, script
from outsample_widgets.latest import Latest
from outsample_widgets.twin import Twin

__all__ = ["Explorer", "explore"]

_STEPS = 100


@dataclass(frozen=True)
class _Seen:
    """A setting that was looked at."""

    request: Request
    execution: ExecutionResult
    simulation: Simulation


class Explorer(View):
    """The widget of `explore`.

    Attributes
    ----------
    strategy : Strategy
        With the parameters that "use these parameters" last took.
    """

    _esm = script("explore")

    def __init__(
        self,
        strategy: Strategy | str,
        data: Dataset | str,
        *,
        timeout: float = 5.0,
        store: Store | bool | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        policy = SandboxPolicy(timeout=timeout)
        self._request = make_request(strategy, data, options=options, sandbox=policy, store=store)
        self.strategy = self._request.strategy
        findings = [found for found in validate(self.strategy.source) if found.severity == "error"]
        if findings:
            first = findings[0]
            raise ConfigError(f"Line {first.line}: {first.message}", hint=first.hint)
        self._ledger = ledger_of(store)[0]
        self._recorded: set[str] = set()
        self._session = SandboxSession(self.strategy, self._request.data, policy=policy)
        self._seen: dict[str, _Seen] = {}
        self._last: _Seen | None = None
        self._worker = Latest(self._work, idle=self._record)
        self._begin()

    def _begin(self) -> None:
        """Run the strategy as it is: the first picture, and a warm session."""
        about = {
            "title": f"{self.strategy.name}: parameters",
            "controls": [_control(parameter) for parameter in self.strategy.parameters.values()],
        }
        try:
            content, arrays = self._answer(dict(self.strategy.values), threading.Event())
        except OutsampleError as error:
            content, arrays = failure(error), {}
        x = milliseconds(self._request.data.dates)
        self.put({"x": x, **arrays}, {**about, "first": content})

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Answer "run" (later, from a thread) and "use"."""
        if question.get("kind") == "run":
            self._worker.put(dict(question))
            return None
        if question.get("kind") == "use":
            values = self._values(question)
            self.strategy = self.strategy.with_params(**values)
            given = " ".join(f"{name}={value!r}" for name, value in values.items())
            return {"text": f"--params {given}"}, {}
        raise ConfigError(f"An explorer does not know the question {question.get('kind')!r}.")

    def close(self) -> None:
        """End the sandbox session and the thread, and remove the widget."""
        self._worker.close()
        self._session.close()
        self._record()
        super().close()

    def _work(self, question: object, cancel: threading.Event) -> None:
        assert isinstance(question, dict)
        try:
            content, arrays = self._answer(self._values(question), cancel)
        except Exception as error:  # noqa: BLE001 - the widget shows what went wrong and stays usable
            content, arrays = failure(error), {}
        self.reply(question, content, arrays)

    def _record(self) -> None:
        """Write down what was looked at, when nobody is dragging: the deflated Sharpe ratio counts it."""
        for key, seen in list(self._seen.items()):
            del self._seen[key]
            if key not in self._recorded:
                self._recorded.add(key)
                record(self._ledger, trial_of(evaluate(seen.request, seen.execution), None))

    def _values(self, question: Mapping[str, object]) -> dict[str, Literal]:
        given = question.get("params")
        if not isinstance(given, dict):
            raise ConfigError(f"Parameters are a mapping of name to value. Got {given!r:.100}.")
        known = self.strategy.parameters
        values = {str(name): _literal(value, known.get(str(name))) for name, value in given.items()}
        return dict(self.strategy.with_params(**values).overrides)

    def _answer(self, values: Mapping[str, Literal], cancel: threading.Event) -> tuple[dict[str, object], Arrays]:
        execution = self._session.run(values, cancel=cancel)
        if execution.status is Status.CANCELLED:
            return {"cancelled": True}, {}
        raise_for_status(execution, self._request.policy)
        request = dataclasses.replace(self._request, strategy=self.strategy.with_params(**values), validate=False)
        seen = self._last = _Seen(request, execution, _simulated(request, execution))
        if self._ledger is not None:
            self._seen[request_key(request)] = seen
        equity = seen.simulation.equity
        growth = (equity / float(equity.iloc[0])).reindex(self._request.data.dates)
        below = growth / growth.cummax() - 1.0
        return {"rows": _rows(seen.simulation)}, {"equity": growth, "drawdown": below}

    def twin(self) -> Twin:
        """Return the last picture and the parameters that led to it."""
        seen = self._last
        if seen is None:
            problem = str(dict(self._about["first"]).get("error", ""))
            return Twin(title=str(self._about["title"]), lines=(problem,))
        values = ", ".join(f"{name} = {value!r}" for name, value in seen.request.strategy.values.items())
        rows = tuple((row["metric"], row["value"]) for row in _rows(seen.simulation))
        return Twin(
            title=str(self._about["title"]),
            lines=(values,),
            png=png(equity_figure(seen.simulation.equity)),
            alternative=f"Equity with {values}",
            tables=(("Metrics, net of costs", ("Metric", "Value"), rows),),
        )


def _simulated(request: Request, execution: ExecutionResult) -> Simulation:
    """The simulation alone: what a backtest measures beyond it takes longer than a drag allows."""
    positions = execution.positions
    if positions is None or positions.kind != "position":
        return evaluate(request, execution).simulation  # says what is wrong
    options, costs, _ = resolved_options(request, positions)
    return simulate(positions.frame, request.data, execution=options, costs=costs, engine=request.engine)


def _rows(simulation: Simulation) -> list[dict[str, str]]:
    """Metrics as text, a row each."""
    returns, year = simulation.returns, simulation.periods_per_year
    measured = {
        "Total return": formats.percent(metrics.total_return(returns)),
        "CAGR": formats.percent(metrics.cagr(returns, periods_per_year=year)),
        "Volatility": formats.percent(metrics.volatility(returns, periods_per_year=year)),
        "Sharpe ratio": formats.ratio(metrics.sharpe(returns, periods_per_year=year)),
        "Maximum drawdown": formats.percent(metrics.max_drawdown(returns)),
        "Trades": formats.count(len(simulation.trades)),
        "Turnover a year": formats.ratio(
            0.5 * float(simulation.turnover.sum()) * year / max(len(returns), 1)
        ),  # one-way
    }
    return [{"metric": name, "value": value} for name, value in measured.items()]


def _control(parameter: Parameter) -> dict[str, object]:
    """How a parameter is set: kind, value, and for numbers the range of the slider."""
    value = parameter.value
    found: dict[str, object] = {"name": parameter.name, "help": parameter.help, "value": value}
    if isinstance(value, bool):
        return {**found, "kind": "flag"}
    if not isinstance(value, int | float):
        return {**found, "kind": "text", "value": value if isinstance(value, str) else repr(value)}
    low, high = parameter.low, parameter.high
    if low is None or high is None:
        # Without a range in the source: from nothing to twice the value.
        low, high = min(0.0, 2.0 * value), max(0.0, 2.0 * value)
        if low == high:
            low, high = 0.0, 10.0 if isinstance(value, int) else 1.0
        if isinstance(value, int) and value > 0:
            low = 1.0
    step = 1.0 if isinstance(value, int) else (high - low) / _STEPS
    return {**found, "kind": "number", "low": low, "high": high, "step": step, "whole": isinstance(value, int)}


def _literal(value: object, parameter: Parameter | None) -> Literal:
    """What the browser sent as a value of a parameter: text of a tuple or None is read as Python."""
    if isinstance(value, str) and parameter is not None and not isinstance(parameter.value, str):
        try:
            found: Literal = ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise ConfigError(f"{parameter.name}: {value!r} is no value.", hint="For example 5 or (1, 2).") from error
        return found
    if isinstance(value, str | int | float | bool | list) or value is None:
        return value
    raise ConfigError(f"A parameter is a literal. Got {value!r:.100}.")


def explore(
    strategy: Strategy | str,
    data: Dataset | str,
    *,
    timeout: float = 5.0,
    store: Store | bool | None = None,
    **options: object,
) -> Explorer:
    """Return an explorer: a control for each parameter, equity and metrics redrawn on every change.

    The strategy runs in one warm sandbox session. Every setting that is looked at counts as a trial, as in
    a sweep.

    Parameters
    ----------
    strategy : Strategy or str
    data : Dataset or str
    timeout : float
        Seconds that one setting may take; a strategy that hangs is stopped and the explorer goes on.
    store : Store, bool or None
        Where trials are recorded; False: nowhere.
    **options
        Of ``sim``, for example ``fee_ratio=0.001``.

    Returns
    -------
    Explorer
        `Explorer.strategy` has the parameters that were taken; `Explorer.close` ends the session.

    Raises
    ------
    ConfigError
        The source breaks a rule, or an option is not allowed.
    """
    return Explorer(strategy, data, timeout=timeout, store=store, options=options)
