"""Settings of a machine or a user: defaults < outsample.yaml < environment < keyword or flag."""

from outsample.settings.loading import Origin, explain_settings, load_settings, settings_file
from outsample.settings.values import (
    ClassificationSettings,
    ExecutionSettings,
    JobSettings,
    OutputSettings,
    ParallelSettings,
    RetrySettings,
    SandboxSettings,
    Settings,
    StoreSettings,
)

__all__ = [
    "ClassificationSettings",
    "ExecutionSettings",
    "JobSettings",
    "Origin",
    "OutputSettings",
    "ParallelSettings",
    "RetrySettings",
    "SandboxSettings",
    "Settings",
    "StoreSettings",
    "explain_settings",
    "load_settings",
    "settings_file",
]
