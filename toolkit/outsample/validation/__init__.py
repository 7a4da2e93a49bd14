"""The validator: every finding about the source of a strategy, before anything runs.

It gives early, precise messages and is not the boundary: that is the sandbox, which holds without it.
"""

from __future__ import annotations

from outsample.validation.finding import Finding
from outsample.validation.lookahead import look_ahead_lint
from outsample.validation.validator import no_ops, validate

__all__ = ["Finding", "look_ahead_lint", "no_ops", "validate"]
