"""The report of a batch as a document: which tables, in which order, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outsample.batch.rows import Row
from outsample.batch.summary import aggregated, grouped_errors, grouped_meta
from outsample.model import Verdict
from outsample.report.document import Document, Table
from outsample.report.formats import count, number, percent, ratio

__all__ = ["batch_document"]

_PERCENT = frozenset({"total_return", "cagr", "volatility", "max_drawdown", "time_in_market", "cost_drag", "win_rate"})


def batch_document(
    rows: Sequence[Row],
    *,
    summary: Mapping[str, Any],
    verdict: Verdict,
    facts: tuple[tuple[str, str], ...],
    alarm: str = "",
    notes: tuple[str, ...] = (),
) -> Document:
    """Return the report of a batch: summary, metrics, errors, groups, a row per strategy."""
    total = summary["total"]
    tables = (_metrics(rows), _errors(rows), _groups(rows), _stages(summary), _strategies(rows))
    return Document(
        title=f"Batch of {total} strateg{'y' if total == 1 else 'ies'}",
        facts=facts,
        level=verdict.level.name,
        reasons=(*verdict.reasons, *((alarm,) if alarm else ())),
        metrics=_summary(summary),
        tables=tuple(table for table in tables if table.rows),
        warnings=notes,
    )


def _summary(summary: Mapping[str, Any]) -> Table:
    wall, cpu, memory = summary["wall_seconds"], summary["cpu_seconds"], summary["peak_memory_mb"]
    measured = [
        ("time of the batch", f"{number(summary['seconds'])} s, {summary['parallel']} at once"),
        ("wall time: total / mean / median / min / max", _times(wall)),
        ("CPU time: total / mean / median / min / max", _times(cpu)),
        ("peak memory: median / max", f"{ratio(memory['median'], 1)} / {ratio(memory['max'], 1)} MiB"),
        ("not in a sandbox", percent(summary["overhead"], 1)),
        ("known, not run again", count(summary["cached"])),
        ("run again after faults of the machine", count(summary["retried"])),
    ]
    lines = [
        ("done", f"{count(summary['done'])} of {count(summary['total'])}"),
        ("executed", f"{count(summary['executed'])} ({percent(summary['rates']['EXECUTED'], 1)})"),
        *((f"level {name}", count(n)) for name, n in summary["by_level"].items()),
        ("time-outs", count(summary["timeouts"])),
        # A report of the cells of a notebook tells nothing that another run would not.
        *(measured if summary["seconds"] else ()),
    ]
    return Table(title="Summary", columns=("", "value"), rows=tuple(lines), numeric=frozenset({1}))


def _times(values: Mapping[str, float | None]) -> str:
    return " / ".join(ratio(values[name], 3) for name in ("total", "mean", "median", "min", "max")) + " s"


def _shown(name: str, value: object) -> str:
    return percent(value) if name in _PERCENT else ratio(value)


def _metrics(rows: Sequence[Row]) -> Table:
    lines = tuple(
        (
            name.replace("_", " "),
            *(_shown(name, item[part]) for part in ("mean", "median", "best", "worst")),
            f"{item['n']} of {item['of']}",
        )
        for name, item in aggregated(rows).items()
        if item["n"]
    )
    return Table(
        title="Metrics over all strategies",
        columns=("metric", "mean", "median", "best", "worst", "defined for"),
        rows=lines,
        numeric=frozenset(range(1, 6)),
        note="After costs. Strategies that did not run, and undefined values, are left out of a column.",
    )


def _errors(rows: Sequence[Row]) -> Table:
    lines = []
    for group in grouped_errors(rows):
        for place, shape in enumerate(group["shapes"]):
            example = shape["examples"][0]
            where = example["name"] + (f", line {example['line']}" if example["line"] else "")
            suggestion = group["suggestion"] if place == 0 else ""
            lines.append((group["category"], count(shape["count"]), _clipped(shape["shape"], 90), where, suggestion))
    return Table(
        title="Errors and findings",
        columns=("category", "count", "message", "for example", "what to do"),
        rows=tuple(lines),
        numeric=frozenset({1}),
    )


def _groups(rows: Sequence[Row]) -> Table:
    lines = tuple(
        (
            f"{group['key']}={group['value']}",
            count(group["count"]),
            count(group["executed"]),
            count(group["profitable"]),
            ratio(group["median_sharpe"]),
        )
        for group in grouped_meta(rows)
    )
    return Table(
        title="Groups",
        columns=("meta", "strategies", "executed", "profitable", "median Sharpe ratio"),
        rows=lines,
        numeric=frozenset({1, 2, 3, 4}),
    )


def _stages(summary: Mapping[str, Any]) -> Table:
    lines = tuple((stage, f"{seconds:,.3f}") for stage, seconds in summary["stages"].items() if summary["seconds"])
    return Table(
        title="Seconds by stage", columns=("stage", "seconds"), rows=lines, numeric=frozenset({1}), folded=True
    )


def _strategies(rows: Sequence[Row]) -> Table:
    lines = tuple(
        (
            str(row.place + 1),
            row.name,
            row.level.name,
            row.category.value if row.category else "",
            percent(row.metrics.get("total_return")),
            ratio(row.metrics.get("sharpe")),
            percent(row.metrics.get("max_drawdown")),
            count(row.metrics.get("n_trades")),
            f"{row.wall_seconds:.2f}" if row.wall_seconds else "",
            _why(row),
        )
        for row in rows
    )
    columns = (
        "#",
        "strategy",
        "level",
        "category",
        "total return",
        "Sharpe ratio",
        "drawdown",
        "trades",
        "seconds",
        "why",
    )
    return Table(title="Strategies", columns=columns, rows=lines, numeric=frozenset({0, 4, 5, 6, 7, 8}))


def _why(row: Row) -> str:
    text = row.message or "; ".join(row.reasons)
    text = f"line {row.line}: {text}" if row.line else text
    return _clipped(text, 160)


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
