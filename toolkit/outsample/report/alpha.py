"""The part of a report that is about a signal: what it said about later returns."""

from __future__ import annotations

from outsample.alpha import AlphaResult
from outsample.report import formats
from outsample.report.document import Table, table_of

__all__ = ["alpha_tables"]

_FOUR = 4


def alpha_tables(result: AlphaResult) -> tuple[Table, ...]:
    """Return the tables of a signal: information coefficients by horizon, and returns by quantile.

    Parameters
    ----------
    result : AlphaResult
    """

    def decimal(value: object) -> str:
        return formats.ratio(value, _FOUR)

    summary = result.summary.reset_index()
    by_quantile = result.quantile_returns.copy()
    by_quantile.columns = [f"Q{group}" for group in by_quantile.columns]
    by_quantile.insert(0, "horizon", by_quantile.index)
    half_life = "does not decay" if result.half_life != result.half_life else f"{result.half_life:.1f} bars"
    return (
        table_of(
            "Signal",
            summary,
            formats={
                **dict.fromkeys(("mean_ic", "icir", "mean_rank_ic", "rank_icir"), decimal),
                "hit_rate": formats.percent,
                "spread": formats.percent,
            },
            note=f"Coverage {formats.percent(result.coverage.mean())} of priced names; half-life of the rank IC: "
            f"{half_life}. Forward returns begin at the first fill after the signal; ICIR is per date.",
        ),
        table_of(
            "Mean forward return by quantile of the signal",
            by_quantile,
            formats={name: formats.percent for name in by_quantile.columns if name != "horizon"},
            folded=True,
        ),
    )
