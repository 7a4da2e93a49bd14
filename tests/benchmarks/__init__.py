"""Workloads and what measures them.

A package, not a bare folder: old releases of pyarrow install a package of this name, which would be found instead.
"""
