"""The IPython extension: ``%load_ext outsample``."""

from outsample.notebook.extension import load, unload

__all__ = ["load", "unload"]
