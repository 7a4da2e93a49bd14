"""Datasets: immutable snapshots of frames, how they come in, and how strategies read them."""

from outsample.data.dataset import Dataset
from outsample.data.frame import StrategyFrame
from outsample.data.loaders import SnapshotSource, load

__all__ = ["Dataset", "SnapshotSource", "StrategyFrame", "load"]
