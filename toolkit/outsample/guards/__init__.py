"""Planted flaws and their clean twins, run on the user's own machine."""

from outsample.guards.runner import SelfTestReport, selftest

__all__ = ["SelfTestReport", "selftest"]
