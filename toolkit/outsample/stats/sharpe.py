"""Inference on Sharpe ratios. All are per period, not annualised; kurtosis is raw (normal = 3).

Letters: SR observed ratio, SR* benchmark, T observations, g3 skewness, g4 kurtosis, N trials, V variance
of the trials' ratios, Phi and z_p the normal distribution and its quantile at p,
v(SR) = 1 - g3 SR + (g4 - 1) / 4 SR^2 the variance of the estimated ratio times T (Mertens, 2002).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from outsample.checks import check_choice
from outsample.errors import ConfigError
from outsample.stats.moments import (
    ROUNDING,
    check_share,
    default_lags,
    long_run_covariance,
    normal_cdf,
    normal_quantile,
    sample,
    shape_moments,
    whole,
)

__all__ = [
    "autocorrelation_factor",
    "deflated_sharpe",
    "expected_maximum_sharpe",
    "min_backtest_length",
    "min_track_record_length",
    "planned_fdr",
    "probabilistic_sharpe",
    "sharpe_power",
    "sharpe_standard_error",
]

EULER = 0.5772156649015329


def _variance(sharpe: float, skewness: float, kurtosis: float) -> float:
    """T times the variance of the estimated ratio (Mertens, 2002)."""
    return 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def _root(x: float) -> float:
    return math.sqrt(x) if x >= 0.0 else math.nan


def sharpe_standard_error(  # noqa: PLR0913 - pinned
    sharpe: float | None = None,
    n: int | None = None,
    *,
    returns: object = None,
    method: str = "mertens",
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    lags: int | None = None,
) -> float:
    """Return the standard error of a per-period Sharpe ratio; NaN without variance.

    Parameters
    ----------
    sharpe, n : float and int, optional
        The ratio and the number of observations; not needed with `returns`.
    returns : array-like, optional
        Returns per period; skewness and kurtosis are then estimated. Needed by "hac".
    method : {"mertens", "lo", "hac"}
        Mertens (2002): sqrt(v(SR) / T). Lo (2002), for iid normal returns: sqrt((1 + SR^2 / 2) / T). HAC, for
        dependent ones (Lo, 2002, section on non-iid returns): sqrt(g' S g / T) with S the Newey-West covariance
        of (r, r^2) and g = (m2, -m1 / 2) / s^3, the gradient of m1 / sqrt(m2 - m1^2).
    skewness, kurtosis : float
        g3 and g4; estimated when `returns` are given.
    lags : int, optional
        Of the Newey-West covariance; by default ceil(4 (n/100)^(2/9)).

    Raises
    ------
    ConfigError
        Neither returns nor both of sharpe and n; "hac" without returns; negative lags.
    DataInvalid
        Returns with NaN, or fewer than two.

    Examples
    --------
    >>> round(sharpe_standard_error(0.5, 60, method="lo"), 3)
    0.137
    """
    check_choice("method", method, ("mertens", "lo", "hac"))
    if returns is not None:
        x = sample(returns, least=2)
        sd = float(x.std(ddof=1))
        if sd <= ROUNDING * float(np.abs(x).max()):
            return math.nan
        if method == "hac":
            return _hac_error(x, default_lags(len(x)) if lags is None else whole("lags", lags, 0))
        sharpe, n = float(x.mean()) / sd, len(x)
        skewness, kurtosis = shape_moments(x)
    elif method == "hac":
        raise ConfigError("method='hac' needs returns.", hint="Pass returns=...")
    if sharpe is None or n is None or n < 1:
        raise ConfigError(f"sharpe and n >= 1, or returns, are needed. Got sharpe={sharpe!r}, n={n!r}.")
    if method == "lo":
        skewness, kurtosis = 0.0, 3.0
    return _root(_variance(sharpe, skewness, kurtosis) / n)


def _hac_error(x: np.ndarray, lags: int) -> float:
    mean, second = float(x.mean()), float(np.mean(x**2))
    variance = second - mean**2
    gradient = np.array([second / variance**1.5, -0.5 * mean / variance**1.5])
    return _root(float(gradient @ long_run_covariance(np.column_stack([x, x**2]), lags) @ gradient) / len(x))


def probabilistic_sharpe(
    sharpe: float,
    n: int,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    variant: str = "bailey2012",
) -> float:
    """Return the probability that the true Sharpe ratio exceeds a benchmark; NaN where undefined.

    Parameters
    ----------
    sharpe, n : float and int
        Per-period ratio of n observations.
    benchmark, skewness, kurtosis : float
    variant : {"bailey2012", "lopezdeprado2025"}
        Bailey and Lopez de Prado (2012): Phi((SR - SR*) sqrt((T - 1) / v(SR))), the observed ratio in the
        variance. Lopez de Prado, Lipton and Zoonekynd (2025): Phi((SR - SR*) sqrt(T / v(SR*))), the variance
        under the null.

    Examples
    --------
    >>> round(probabilistic_sharpe(0.458, 24), 3)
    0.982
    """
    check_choice("variant", variant, ("bailey2012", "lopezdeprado2025"))
    old = variant == "bailey2012"
    count = n - 1 if old else n
    variance = _variance(sharpe if old else benchmark, skewness, kurtosis)
    if count < 1 or math.isnan(sharpe) or not variance > 0.0:
        return math.nan
    return normal_cdf((sharpe - benchmark) * math.sqrt(count / variance))


def min_track_record_length(
    sharpe: float,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Return the observations needed to believe that a ratio exceeds a benchmark.

    1 + v(SR) (z_c / (SR - SR*))^2 with c the confidence; inf at or below the benchmark. Bailey and Lopez de
    Prado (2012).

    Examples
    --------
    >>> round(min_track_record_length(2 / 252**0.5, benchmark=1 / 252**0.5) / 252, 2)
    2.73
    """
    if math.isnan(sharpe):
        return math.nan
    if sharpe <= benchmark:
        return math.inf
    z = normal_quantile(confidence)
    return 1.0 + _variance(sharpe, skewness, kurtosis) * (z / (sharpe - benchmark)) ** 2


def expected_maximum_sharpe(n_trials: float, variance: float = 1.0, *, method: str = "approximation") -> float:
    """Return the expected largest ratio among N independent trials whose true ratios are zero.

    Parameters
    ----------
    n_trials : float
        Number of trials, at least 1; for one trial the result is 0.
    variance : float
        Variance of the trials' ratios.
    method : {"approximation", "exact"}
        Bailey and Lopez de Prado (2014): sqrt(V) ((1 - e) z_{1 - 1/N} + e z_{1 - 1/(N E)}), with e = .5772...
        (Euler-Mascheroni) and E = 2.718...; or the mean of the largest of N normals, sqrt(V) times the
        integral of x N Phi(x)^(N-1) phi(x).

    Raises
    ------
    ConfigError
        Fewer than one trial, or a negative variance.

    Examples
    --------
    >>> round(expected_maximum_sharpe(10), 2)
    1.57
    """
    check_choice("method", method, ("approximation", "exact"))
    if not n_trials >= 1 or not variance >= 0.0:
        raise ConfigError(f"n_trials >= 1 and variance >= 0 are needed. Got {n_trials!r} and {variance!r}.")
    if n_trials == 1:
        return 0.0
    if method == "exact":
        from scipy.special import log_ndtr

        x = np.linspace(-12.0, 12.0, 48_001)
        density = n_trials * np.exp((n_trials - 1) * log_ndtr(x) - x**2 / 2) / math.sqrt(2 * math.pi)
        return math.sqrt(variance) * float(np.sum(x * density) * (x[1] - x[0]))
    first, second = normal_quantile(1 - 1 / n_trials), normal_quantile(1 - 1 / (n_trials * math.e))
    # Just above one trial the approximation is negative; more trials never lower the bar.
    return math.sqrt(variance) * max((1 - EULER) * first + EULER * second, 0.0)


def deflated_sharpe(
    sharpe: float,
    n: int,
    *,
    n_trials: float,
    trials_variance: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Return the probability that the true ratio is positive, given how many trials were made.

    The probabilistic ratio with SR* = `expected_maximum_sharpe` (N, V); Bailey and Lopez de Prado (2014). For one
    trial it is the probabilistic ratio against 0.

    Examples
    --------
    >>> p = 250**-0.5
    >>> round(deflated_sharpe(2.5 * p, 1250, n_trials=46, trials_variance=0.5 / 250, skewness=-3, kurtosis=10), 4)
    0.9505
    """
    bar = 0.0 if n_trials == 1 else expected_maximum_sharpe(n_trials, trials_variance)
    return probabilistic_sharpe(sharpe, n, benchmark=bar, skewness=skewness, kurtosis=kurtosis)


def min_backtest_length(n_trials: float, max_sharpe: float) -> float:
    """Return the length below which N trials without skill are expected to reach a ratio.

    (E[max_N] / SR)^2 with E[max_N] the expected maximum of N standard normals: in years for an annual ratio, in
    periods for a per-period one. Bailey, Borwein, Lopez de Prado and Zhu (2014).

    Examples
    --------
    >>> round(min_backtest_length(45, 1.0), 1)
    5.0
    """
    if not max_sharpe > 0.0:
        raise ConfigError(f"max_sharpe must be > 0. Got {max_sharpe!r}.")
    return (expected_maximum_sharpe(n_trials) / max_sharpe) ** 2


def sharpe_power(
    sharpe: float,
    n: int,
    *,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    alpha: float = 0.05,
) -> float:
    """Return the power of the one-sided test of a ratio against a benchmark.

    1 - Phi((SR_c - SR) / sqrt(v(SR) / T)) with the critical ratio SR_c = SR* + z_{1-alpha} sqrt(v(SR*) / T), for a
    true ratio of SR = `sharpe`; the type II error is one minus it. Lopez de Prado, Lipton and Zoonekynd (2025).

    Examples
    --------
    >>> round(1 - sharpe_power(0.5, 24, skewness=-2.448, kurtosis=10.164), 3)
    0.315
    """
    whole("n", n, 1)
    critical = benchmark + normal_quantile(1 - alpha) * _root(_variance(benchmark, skewness, kurtosis) / n)
    return 1.0 - normal_cdf((critical - sharpe) / _root(_variance(sharpe, skewness, kurtosis) / n))


def planned_fdr(p_true: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the expected share of false discoveries among rejections.

    Parameters
    ----------
    p_true : float
        Share of strategies that are truly skilled, in [0, 1].
    alpha, power : float
        Of the test. With p = p_true: (1 - p) alpha / ((1 - p) alpha + p power); NaN when nothing is ever
        rejected. Lopez de Prado, Lipton and Zoonekynd (2025).

    Examples
    --------
    >>> round(planned_fdr(0.05, alpha=0.05, power=0.685), 3)
    0.581
    """
    for name, value in (("p_true", p_true), ("alpha", alpha), ("power", power)):
        check_share(name, value)
    false, true = (1.0 - p_true) * alpha, p_true * power
    return false / (false + true) if false + true > 0.0 else math.nan


def autocorrelation_factor(q: int, rho: float | Sequence[float]) -> float:
    """Return Lo's (2002) factor between the ratios of one period and of q periods.

    eta(q) = q / sqrt(q + 2 sum_k (q - k) rho_k), k = 1..q-1; sqrt(q) without autocorrelation. NaN when the
    variance of q periods would not be positive.

    Parameters
    ----------
    q : int
        Periods, for instance 12 for monthly to annual.
    rho : float or sequence
        First autocorrelation of an AR(1), or the autocorrelations of lags 1, 2, ...

    Examples
    --------
    >>> round(autocorrelation_factor(250, 0.1), 2)
    14.31
    """
    lags = np.arange(1, whole("q", q, 1))
    if not (np.abs(np.asarray(rho, dtype=float)) <= 1.0).all():
        raise ConfigError(f"Autocorrelations must be numbers in [-1, 1]. Got {rho!r}.")
    if isinstance(rho, int | float | np.number):
        correlations = float(rho) ** lags
    else:
        correlations = np.zeros(q - 1)
        given = np.asarray(rho, dtype=float)[: q - 1]
        correlations[: len(given)] = given
    inside = q + 2.0 * float(np.sum((q - lags) * correlations))
    return q / math.sqrt(inside) if inside > 0.0 else math.nan
