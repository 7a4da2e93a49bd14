"""Whether two strategies on the same bars have the same Sharpe ratio.

Letters: SR_a, SR_b the per-period ratios, T bars, rho the correlation of the returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from outsample.checks import check_choice
from outsample.errors import DataInvalid
from outsample.stats.moments import ROUNDING, default_lags, long_run_covariance, normal_cdf, sample, whole

__all__ = ["SharpeDifference", "sharpe_difference"]


@dataclass(frozen=True, kw_only=True)
class SharpeDifference:
    """Test of the difference of two per-period Sharpe ratios.

    `z` is the difference over its standard error, `p_value` two-sided, 2 Phi(-abs z); NaN when the error is 0.
    """

    difference: float
    standard_error: float
    z: float
    p_value: float
    method: str


def sharpe_difference(a: object, b: object, *, method: str = "jkm", lags: int | None = None) -> SharpeDifference:
    """Test whether two strategies on the same bars have the same Sharpe ratio.

    Parameters
    ----------
    a, b : array-like [period]
        Returns of equal length.
    method : {"jkm", "ledoit_wolf"}
        Jobson and Korkie (1981) with Memmel's (2003) correction, for iid normal returns (ddof 1): variance
        (2 - 2 rho + (SR_a^2 + SR_b^2 - 2 SR_a SR_b rho^2) / 2) / T with rho the correlation. Ledoit and Wolf
        (2008), equations 3 to 6: g' S g / T with S the Bartlett covariance of (a, b, a^2, b^2), g the gradient
        of the difference, population moments.
    lags : int, optional
        Of the Bartlett covariance; 0 is iid. None: ceil(4 (T/100)^(2/9)). Not used by "jkm".

    Raises
    ------
    DataInvalid
        Lengths differ, fewer than three bars, NaN, or no variance.

    Examples
    --------
    >>> sharpe_difference([0.02, -0.01, 0.01, 0.03], [0.01, -0.02, 0.02, 0.01]).difference > 0
    True
    """
    check_choice("method", method, ("jkm", "ledoit_wolf"))
    lags = None if lags is None else whole("lags", lags, 0)
    x, y = sample(a, least=3), sample(b, least=3)
    if len(x) != len(y):
        raise DataInvalid(f"Both series need the same bars. Got {len(x)} and {len(y)}.")
    ddof = 1 if method == "jkm" else 0
    if min(x.std() / np.abs(x).max(initial=1e-300), y.std() / np.abs(y).max(initial=1e-300)) <= ROUNDING:
        raise DataInvalid("A series without variance has no Sharpe ratio.")
    one, two = x.mean() / x.std(ddof=ddof), y.mean() / y.std(ddof=ddof)
    if method == "jkm":
        rho = float(np.corrcoef(x, y)[0, 1])
        variance = (2 - 2 * rho + 0.5 * (one**2 + two**2 - 2 * one * two * rho**2)) / len(x)
    else:
        columns = np.column_stack([x, y, x**2, y**2])
        covariance = long_run_covariance(columns, default_lags(len(x)) if lags is None else lags)
        gx, gy = x.std() ** -3, y.std() ** -3
        gradient = np.array(
            [np.mean(x**2) * gx, -np.mean(y**2) * gy, -0.5 * x.mean() * gx, 0.5 * y.mean() * gy], dtype=float
        )
        variance = gradient @ covariance @ gradient / len(x)
    difference, error = float(one - two), math.sqrt(max(float(variance), 0.0))
    z = difference / error if error > 0.0 else math.nan
    p_value = 2.0 * normal_cdf(-abs(z)) if not math.isnan(z) else math.nan
    return SharpeDifference(difference=difference, standard_error=error, z=z, p_value=p_value, method=method)
