"""The settings as values. Bounds and texts stand beside each key; pydantic reads them when there is something to check.

Plain dataclasses: a program that sets nothing never loads pydantic.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt, Interval, Le

from outsample.config import SandboxPolicy, Thresholds

__all__ = [
    "BATCH_MEMORY_MB",
    "BATCH_TIMEOUT",
    "SECTIONS",
    "ClassificationSettings",
    "ExecutionSettings",
    "JobSettings",
    "OutputSettings",
    "ParallelSettings",
    "RetrySettings",
    "SandboxSettings",
    "Settings",
    "StoreSettings",
    "Text",
]

# Limits of a strategy of a batch that nobody set.
BATCH_TIMEOUT = 420.0
BATCH_MEMORY_MB = 2048
_FORBID = {"extra": "forbid"}


@dataclass(frozen=True)
class Text:
    """What a key means, for `outsample config show`."""

    text: str


@dataclass(frozen=True, kw_only=True)
class ExecutionSettings:
    """Section ``execution``: what every run is given that says nothing else."""

    timeout: Annotated[
        float | None, Interval(gt=0, le=86_400), Text("seconds a run may take; unset: 120, in a batch 420")
    ] = None
    memory: Annotated[
        int | None, Interval(ge=16, le=1_048_576), Text("MiB a run may take; unset: 500, in a batch 2048")
    ] = None
    start: Annotated[str | None, Text("evaluation begins at this date")] = None
    end: Annotated[str | None, Text("evaluation ends at this date")] = None
    fee_ratio: Annotated[float | None, Interval(ge=0, le=0.2), Text("commission; unset: the market's")] = None
    tax_ratio: Annotated[float | None, Interval(ge=0, le=0.2), Text("tax on sales; unset: the market's")] = None
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class ClassificationSettings:
    """Section ``classification``: what a success level asks for."""

    coverage: Annotated[float, Interval(ge=0, le=1), Text("share of core metrics for VALID_METRICS")] = 0.60
    total_return: Annotated[float, Interval(ge=-1, lt=1e9), Text("PROFITABLE needs a total return above this")] = 0.0
    deflated_sharpe: Annotated[float, Interval(ge=0, le=1), Text("least deflated Sharpe ratio for ROBUST")] = 0.95
    batch_coverage: Annotated[float, Interval(ge=0, le=1), Text("share of valid strategies of a batch")] = 0.60
    batch_profitable: Annotated[float, Interval(ge=0, le=1), Text("share of profitable ones of a batch")] = 0.40
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class ParallelSettings:
    """Section ``parallel``."""

    workers: Annotated[int | None, Interval(ge=1, le=1024), Text("sandboxes at once; unset: one per core")] = None
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class OutputSettings:
    """Section ``output``."""

    progress: Annotated[bool, Text("show progress displays")] = True
    qlib_reports: Annotated[
        bool | Literal["auto"], Text("keep Qlib's reports with each result; auto: where Qlib is installed")
    ] = "auto"
    log: Annotated[Literal["text", "json"], Text("form of log lines of the command line")] = "text"
    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Text("least important log lines that are shown")] = (
        "WARNING"
    )
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Section ``store``."""

    url: Annotated[str | None, Text('URL of the store; "none": no store; unset: SQLite in the user\'s folder')] = None
    artefacts: Annotated[
        str | None, Text("folder of artefacts and snapshots; unset: beside an SQLite file, else the user's folder")
    ] = None
    compression: Annotated[Literal["snappy", "zstd", "gzip", "none"], Text("of the Parquet files of a result")] = (
        "snappy"
    )
    max_bytes: Annotated[
        int | None, Interval(ge=1, le=10**15), Text("bytes that all artefacts may take; unset: no limit")
    ] = None
    retention_days: Annotated[
        int | None,
        Interval(ge=1, le=36_500),
        Text("supervisors of jobs remove older results, never what a golden result names; unset: none"),
    ] = None
    role: Annotated[Literal["viewer", "runner", "admin"], Text("what this user may do: bookkeeping, no protection")] = (
        "admin"
    )
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Section ``jobs``."""

    backend: Annotated[Literal["local", "rq"], Text("where background jobs run")] = "local"
    redis: Annotated[str | None, Text("URL of Redis")] = None
    timeout: Annotated[float, Interval(ge=1, le=86_400), Text("seconds a job may take")] = 3600.0
    priority: Annotated[Literal["high", "normal", "low"], Text("queue of a job that names none")] = "normal"
    max_active_per_user: Annotated[
        int | None, Interval(ge=1, le=1_000_000), Text("pending and running jobs of a user; unset: no limit")
    ] = None
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Section ``sandbox``."""

    require: Annotated[
        Literal["kernel-confined", "partially-confined", "process-only"], Text("least protection of a run")
    ] = "kernel-confined"
    output_kb: Annotated[int, Interval(ge=0, le=1_048_576), Text("KiB of printed text that are kept")] = 64
    cpu_seconds: Annotated[
        float | None, Gt(0), Le(86_400.0 * 1024), Text("CPU seconds of a run; unset: time limit x cores")
    ] = None
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


@dataclass(frozen=True, kw_only=True)
class RetrySettings:
    """Section ``retry``: after faults of the network, the store or the machine, never of a strategy."""

    attempts: Annotated[int, Interval(ge=1, le=100), Text("attempts in all")] = 3
    delay: Annotated[float, Interval(ge=0, le=3600), Text("seconds before the second attempt")] = 1.0
    factor: Annotated[float, Interval(ge=1, le=100), Text("each further wait is so many times longer")] = 2.0
    max_delay: Annotated[float, Interval(ge=0, le=86_400), Text("longest wait in seconds")] = 60.0
    __pydantic_config__: ClassVar[Mapping[str, Any]] = _FORBID


SECTIONS: Mapping[str, type] = {
    "execution": ExecutionSettings,
    "classification": ClassificationSettings,
    "parallel": ParallelSettings,
    "output": OutputSettings,
    "store": StoreSettings,
    "jobs": JobSettings,
    "sandbox": SandboxSettings,
    "retry": RetrySettings,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a machine or a user sets once.

    Parameters
    ----------
    dataset : str
        Dataset of a cell or command that names none.
    execution, classification, parallel, output, sandbox, retry, jobs, store_settings
        The sections; `store_settings` is the section ``store``.
    """

    dataset: str = "sample"
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    classification: ClassificationSettings = field(default_factory=ClassificationSettings)
    parallel: ParallelSettings = field(default_factory=ParallelSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    store_settings: StoreSettings = field(default_factory=StoreSettings)
    jobs: JobSettings = field(default_factory=JobSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)

    @property
    def store(self) -> str | None:
        """URL of the store; None: SQLite in the user's data folder; "none": no store."""
        return self.store_settings.url

    @property
    def progress(self) -> bool:
        """Whether progress displays are shown."""
        return self.output.progress

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """Options of ``sim`` that stand between the strategy's own and the market's."""
        names = ("start", "end", "fee_ratio", "tax_ratio")
        values = {name: getattr(self.execution, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def thresholds(self) -> Thresholds:
        """What a success level asks for."""
        return Thresholds(**dataclasses.asdict(self.classification))

    def policy(self, *, timeout: float = 120.0, memory_mb: int = 500) -> SandboxPolicy:
        """Return the limits of a run that was given none; the arguments stand where nothing is set."""
        given = self.execution
        return SandboxPolicy(
            timeout=timeout if given.timeout is None else given.timeout,
            memory_mb=memory_mb if given.memory is None else given.memory,
            cpu_seconds=self.sandbox.cpu_seconds,
            output_kb=self.sandbox.output_kb,
            require=self.sandbox.require,
        )

    def batch_policy(self) -> SandboxPolicy:
        """Return the limits of a strategy of a batch."""
        return self.policy(timeout=BATCH_TIMEOUT, memory_mb=BATCH_MEMORY_MB)
