"""The flaws that ship with the package."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from outsample.api import backtest
from outsample.data import Dataset, load
from outsample.engine import sim
from outsample.errors import DataInvalid, StoreError
from outsample.golden import GoldenStatus, check_golden
from outsample.golden.actions import golden_of
from outsample.golden.files import write_golden
from outsample.guards.trial import Check, Trial, accepted, refused
from outsample.metrics import max_drawdown
from outsample.model import Status
from outsample.research.bootstrap import bootstrap
from outsample.research.lookahead import check_lookahead
from outsample.sandbox import run_sandboxed
from outsample.stats import deflated_sharpe, sharpe_standard_error
from outsample.store import Store
from outsample.store.snapshot_files import object_path, write_object
from outsample.strategy import Strategy

__all__ = ["CHECKS"]

_HEAD = "close = data.get('close')\n"


@functools.cache
def _market() -> Dataset:
    return load("synthetic:6x500?seed=11")


# -- look-ahead


def _leak(source: str) -> Callable[[], Trial]:
    def run() -> Trial:
        report = check_lookahead(_HEAD + source, _market())
        return Trial(ok=report.clean is False, said=report.summary)

    return run


def _causal(source: str) -> Callable[[], Trial]:
    def run() -> Trial:
        report = check_lookahead(_HEAD + source, _market())
        return Trial(ok=report.clean is True, said=report.summary)

    return run


_LEAKS = (
    ("tomorrow's close by shift(-1)", "position = close.shift(-1) > close", "position = close > close.shift(1)"),
    (
        "a centred window",
        "position = close > close.rolling(11, center=True).mean()",
        "position = close > close.rolling(11).mean()",
    ),
    (
        "a back-filled feature",
        "sparse = close.iloc[::20].reindex(close.index)\nposition = close > sparse.bfill()",
        "sparse = close.iloc[::20].reindex(close.index)\nposition = close > sparse.ffill()",
    ),
    (
        "scaled by the whole sample",
        "position = (close - close.mean()) / close.std() > 0.5",
        "position = (close - close.expanding(20).mean()) / close.expanding(20).std() > 0.5",
    ),
    ("a threshold from the last bar", "position = close < close.iloc[-1]", "position = close < close.iloc[0] * 1.1"),
    (
        "the universe of the final winners",
        (
            "best = (close.iloc[-1] / close.iloc[0]).nlargest(2).index\n"
            "position = close.notna() & pd.Series(close.columns.isin(best), index=close.columns)"
        ),
        "position = (close / close.shift(60)).is_largest(2)",
    ),
)


# -- costs and accounting


def _free_costs() -> Trial:
    result = backtest(_HEAD + "sim(close > close.average(20), fee_ratio=0)", _market(), lookahead=False, store=False)
    found = [text for text in result.warnings if "fee_ratio" in text]
    return Trial(ok=bool(found), said=found[0] if found else "nothing was said")


def _declared_costs() -> Trial:
    result = backtest(_HEAD + "sim(close > close.average(20))", _market(), lookahead=False, store=False)
    found = [text for text in result.warnings if "fee_ratio" in text]
    paid = float(result.simulation.costs["fee"].sum())
    return Trial(ok=not found and paid > 0, said="the market's costs were charged")


def _forged() -> Trial:
    """A strategy that overwrites what its own sim answers changes nothing that is reported."""
    honest = "position = close > close.average(20)\nreport = sim(position)\n"
    forged = honest + "try:\n    report.get_stats()['total_return'] = 99.0\nexcept Exception:\n    pass\nsim = None\n"
    a, b = (backtest(_HEAD + text, _market(), lookahead=False, store=False) for text in (honest, forged))
    same = a.metrics.total_return == b.metrics.total_return
    return Trial(ok=same, said=f"reported {b.metrics.total_return:.2%}, computed outside the sandbox")


def _reconciles() -> Trial:
    result = backtest(_HEAD + "position = close > close.average(20)", _market(), lookahead=False, store=False)
    ends = float(result.equity.iloc[-1]) - 1.0
    trades = float(result.trades["pnl"].sum())
    return Trial(
        ok=math.isclose(ends, trades, abs_tol=1e-9), said=f"equity and trades agree to {abs(ends - trades):.0e}"
    )


# -- data


def _frame(change: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame) -> pd.DataFrame:
    dates = pd.bdate_range("2024-01-01", periods=60)
    steps = np.sin(np.arange(120.0)).reshape(60, 2) / 50.0
    return change(pd.DataFrame(100.0 * np.exp(steps.cumsum(axis=0)), index=dates, columns=["A", "B"]))


def _dataset(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[], object]:
    return lambda: Dataset.from_frames({"close": _frame(change)}, name="planted")


def _negative(frame: pd.DataFrame) -> pd.DataFrame:
    frame.iloc[5, 0] = -1.0
    return frame


def _missing(frame: pd.DataFrame) -> pd.DataFrame:
    frame.iloc[5:8, 0] = np.nan
    return frame


def _nan_is_survived() -> Trial:
    result = sim(_frame(_missing) > 0, _frame(_missing))
    return Trial(ok=bool(np.isfinite(result.equity).all()), said="a missing price keeps equity finite")


def _survivors(*, delisted: bool) -> Callable[[], Trial]:
    def run() -> Trial:
        def stop(frame: pd.DataFrame) -> pd.DataFrame:
            if delisted:
                frame.iloc[40:, 1] = np.nan
            return frame

        data = Dataset.from_frames({"close": _frame(stop)}, name="planted")
        said = "marked as a list of survivors" if data.survivors_only else "has names that ended"
        return Trial(ok=data.survivors_only is not delisted, said=said)

    return run


def _snapshot(*, corrupt: bool) -> Trial:
    """One price of a stored snapshot is replaced, in a file that is well-formed."""
    # In memory: its files are in a folder of their own, wherever the settings would put them.
    with tempfile.TemporaryDirectory() as folder, Store.open(":memory:") as store:
        saved = Dataset.from_frames({"close": _frame()}, name="planted").save("planted", store=store)
        if corrupt:
            frame = saved.stored()["close"].copy()
            frame.iloc[5, 0] = 123.0
            other = write_object(Path(folder, "other"), frame)
            replaced = object_path(store.folder, saved.frame_ids["close"])
            replaced.chmod(0o644)
            replaced.write_bytes(object_path(Path(folder, "other"), other).read_bytes())
            return refused(lambda: load("planted", store=store), code=StoreError.code)
        same = load("planted", store=store).id == saved.id
    return Trial(ok=same, said="every file was verified")


# -- statistics


def _lucky(n_trials: int) -> float:
    """Deflated Sharpe ratio of the best of many coin flips, a year of days each."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0.0, 0.01, (200, 252))
    sharpes = noise.mean(axis=1) / noise.std(axis=1, ddof=1)
    variance = float(np.var(sharpes, ddof=1))
    return float(
        deflated_sharpe(
            float(sharpes.max()), 252, n_trials=n_trials, trials_variance=variance, skewness=0.0, kurtosis=3.0
        )
    )


def _selection() -> Trial:
    value = _lucky(200)
    return Trial(ok=value < 0.95, said=f"deflated Sharpe {value:.2f} after 200 trials")


def _edge() -> Trial:
    value = float(deflated_sharpe(0.15, 1000, n_trials=200, trials_variance=0.001, skewness=0.0, kurtosis=3.0))
    return Trial(ok=value > 0.95, said=f"deflated Sharpe {value:.2f} of a real edge")


def _bootstrap(method: str) -> Callable[[], object]:
    returns = np.random.default_rng(3).normal(0.0004, 0.01, 500)
    return lambda: bootstrap(returns, n_paths=200, method=method)


_EDGE = np.where(np.arange(200) < 190, 0.0, 0.01)  # all of the gain on the last ten of 200 bars


def _unbiased(gains: np.ndarray) -> bool:
    """Whether the last ten bars are drawn as often as any others: the mean of their counts within 4 errors."""
    return bool(abs(gains.mean() - 10.0) < 4.0 * gains.std(ddof=1) / math.sqrt(len(gains)))


def _edge_missed() -> Trial:
    """Blocks that never wrap around draw the ends of the sample too seldom."""
    rng = np.random.default_rng(6)
    starts = rng.integers(0, 200 - 20 + 1, (400, 10))
    drawn = (starts[:, :, None] + np.arange(20)).reshape(400, 200)
    gains = np.asarray((_EDGE[drawn] > 0.0).sum(axis=1), dtype=np.float64)
    return Trial(ok=not _unbiased(gains), said=f"the last 10 bars were drawn {gains.mean():.1f} times a path")


def _edge_drawn() -> Trial:
    found = bootstrap(_EDGE, n_paths=400, method="stationary", block=20, seed=6)
    gains = np.log(np.asarray(found.samples["final_wealth"], dtype=np.float64)) / math.log1p(0.01)
    return Trial(ok=_unbiased(gains), said=f"the last 10 bars were drawn {gains.mean():.1f} times a path")


def _dependence() -> Trial:
    """An iid standard error is too small when returns depend on each other; HAC says so."""
    noise = np.random.default_rng(4).normal(0.0, 0.01, 2_000)
    linked = np.convolve(noise, [1.0, 0.6, 0.3], "same")
    iid, hac = (float(sharpe_standard_error(returns=linked, method=name)) for name in ("lo", "hac"))
    return Trial(ok=hac > 1.2 * iid, said=f"standard error {hac / iid:.2f} times the iid one")


def _independence() -> Trial:
    noise = np.random.default_rng(4).normal(0.0, 0.01, 2_000)
    iid, hac = (float(sharpe_standard_error(returns=noise, method=name)) for name in ("lo", "hac"))
    return Trial(ok=abs(hac / iid - 1.0) < 0.2, said=f"standard error {hac / iid:.2f} times the iid one")


def _first_bar_loss() -> Trial:
    value = float(max_drawdown([-0.5, 0.0, 0.0]))
    return Trial(ok=value == -0.5, said=f"maximum drawdown {value:.0%}")


def _no_loss() -> Trial:
    value = float(max_drawdown([0.1, 0.0, 0.2]))
    return Trial(ok=value == 0.0, said=f"maximum drawdown {value:.0%}")


# -- golden results


def _golden(change: str) -> Callable[[], Trial]:
    def run() -> Trial:
        source = _HEAD + "days = 20\nposition = close > close.average(days)\n"
        with tempfile.TemporaryDirectory() as folder:
            result = backtest(source, _market(), lookahead=False, store=False)
            golden = golden_of(result, "planted", reason="self-test")
            write_golden(golden, folder)
            strategy = Strategy.from_source(source.replace("days = 20", change), "planted")
            found = check_golden("planted", folder=folder, strategy=strategy, data=_market())
        why = "" if found.explanation is None else ": " + ", ".join(found.explanation.factors)
        wanted = GoldenStatus.SAME if change == "days = 20" else GoldenStatus.DRIFTED
        return Trial(ok=found.status is wanted, said=f"{found.status.name.lower()}{why}")

    return run


# -- sandbox


def _attack(source: str) -> Callable[[], Trial]:
    """The kernel must stop it even where the validator was not asked."""

    def run() -> Trial:
        body = "\n".join(f"    {line}" for line in source.splitlines())
        text = f"reached = True\ntry:\n{body}\nexcept BaseException:\n    reached = False\n"
        ended = run_sandboxed(f"{text}{_HEAD}position = close * (1.0 if reached else 0.0)", _market(), validate=False)
        if ended.status is not Status.OK:
            return Trial(ok=True, said=f"ended: {ended.status.value}")
        assert ended.positions is not None
        reached = bool(ended.positions.frame.to_numpy(dtype=np.float64).any())
        return Trial(ok=not reached, said="reached it" if reached else "denied by the system")

    return run


def _works(source: str) -> Callable[[], Trial]:
    def run() -> Trial:
        ended = run_sandboxed(f"{source}\n{_HEAD}position = close > 0", _market())
        return Trial(ok=ended.status is Status.OK, said=ended.error or "runs")

    return run


_ATTACKS = (
    ("reads a file", "open('/etc/passwd').read()", "import math\nx = math.sqrt(2)"),
    ("opens a connection", "import socket\nsocket.create_connection(('127.0.0.1', 9), 0.2)", "x = np.arange(3).sum()"),
    ("starts a process", "import os\nos.fork() or os._exit(0)", "x = [n * n for n in range(10)]"),
    ("writes a file", "open('/tmp/outsample-selftest', 'w').write('x')", "print('text is kept')"),
)

CHECKS: tuple[Check, ...] = (
    *(Check(group="look-ahead", title=title, flaw=_leak(bad), twin=_causal(good)) for title, bad, good in _LEAKS),
    Check(group="costs", title="a strategy that sets its own fee to zero", flaw=_free_costs, twin=_declared_costs),
    Check(group="results", title="a strategy that forges its result", flaw=_forged, twin=_reconciles),
    Check(
        group="data",
        title="a duplicated date",
        flaw=lambda: refused(_dataset(lambda frame: pd.concat([frame, frame.iloc[-1:]])), code=DataInvalid.code),
        twin=lambda: accepted(_dataset(lambda frame: frame)),
    ),
    Check(
        group="data",
        title="a negative price",
        flaw=lambda: refused(_dataset(_negative), code=DataInvalid.code),
        twin=_nan_is_survived,
    ),
    Check(
        group="data",
        title="a list of survivors",
        flaw=_survivors(delisted=False),
        twin=_survivors(delisted=True),
    ),
    Check(
        group="data",
        title="a price changed in a stored snapshot",
        flaw=lambda: _snapshot(corrupt=True),
        twin=lambda: _snapshot(corrupt=False),
    ),
    Check(group="statistics", title="the best of 200 coin flips", flaw=_selection, twin=_edge),
    Check(
        group="statistics",
        title="a permutation sold as a bootstrap",
        flaw=lambda: refused(_bootstrap("permutation")),
        twin=lambda: accepted(_bootstrap("stationary")),
    ),
    Check(
        group="statistics",
        title="a bootstrap that forgets the ends of the sample",
        flaw=_edge_missed,
        twin=_edge_drawn,
    ),
    Check(group="statistics", title="dependent returns", flaw=_dependence, twin=_independence),
    Check(group="statistics", title="a loss on the first bar", flaw=_first_bar_loss, twin=_no_loss),
    Check(group="golden", title="a changed parameter", flaw=_golden("days = 21"), twin=_golden("days = 20")),
    *(Check(group="sandbox", title=f"{title}", flaw=_attack(bad), twin=_works(good)) for title, bad, good in _ATTACKS),
)
