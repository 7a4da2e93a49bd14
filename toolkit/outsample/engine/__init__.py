"""The engine: positions, prices and options in, a `Simulation` out."""

from outsample.engine.plan import decisions
from outsample.engine.reference import ReferenceEngine
from outsample.engine.registry import Engine, get_engine, list_engines
from outsample.engine.signals import from_signals
from outsample.engine.simulate import sim, simulate
from outsample.engine.simulation import Simulation
from outsample.engine.vectorised import VectorisedEngine

__all__ = [
    "Engine",
    "ReferenceEngine",
    "Simulation",
    "VectorisedEngine",
    "decisions",
    "from_signals",
    "get_engine",
    "list_engines",
    "sim",
    "simulate",
]
