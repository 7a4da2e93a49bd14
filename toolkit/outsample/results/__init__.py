"""What users hold: results and studies, how they are displayed and compared, and a house's own rules about them."""

from outsample.results.comparison import Comparison, compare
from outsample.results.montecarlo import MonteCarlo, monte_carlo
from outsample.results.result import Result
from outsample.results.studies import Sweep, WalkForward

__all__ = ["Comparison", "MonteCarlo", "Result", "Sweep", "WalkForward", "compare", "monte_carlo"]
