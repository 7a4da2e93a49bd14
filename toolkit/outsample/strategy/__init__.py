"""A strategy: source text, its literal parameters, and what identifies it."""

from outsample.strategy.core import Strategy
from outsample.strategy.parameters import Literal, Parameter

__all__ = ["Literal", "Parameter", "Strategy"]
