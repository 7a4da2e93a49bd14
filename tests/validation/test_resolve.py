"""What the allowed modules really hold, walked on the module objects themselves."""

import builtins
import importlib
import types
import warnings

import pytest

from installed import NUMPY_1
from outsample.validation.names import MODULES
from outsample.validation.resolve import look_up, public_names

DANGEROUS = ("eval", "exec", "compile", "open", "__import__", "getattr", "setattr", "delattr", "globals", "vars")
# Where the public names of the allowed modules are defined: themselves, and what they are written in.
HOMES = {
    "collections", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "itertools", "math",
    "numpy", "operator", "pandas", "random", "re", "scipy", "sklearn", "statistics", "typing", "warnings", "builtins",
    "dateutil", "abc", "bisect", "calendar", "cmath", "contextlib", "copy", "heapq", "json", "numbers", "time",
    "_future__",
}  # fmt: skip


def _real(path):
    if path == "numpy.strings" and NUMPY_1:
        pytest.skip("numpy 1 has no numpy.strings")
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        parent, _, name = path.rpartition(".")
        return getattr(importlib.import_module(parent), name)


@pytest.mark.parametrize("path", sorted(MODULES))
def test_no_allowed_name_is_a_module_or_dangerous(path):
    """No name allowed of a module is another module, a way to run text, or of a foreign library."""
    module = _real(path)
    forbidden = {id(getattr(builtins, name)) for name in DANGEROUS}
    for name in dir(module):
        if name.startswith("__"):
            continue
        verdict = look_up(path, name)
        if verdict.kind == "module":
            assert verdict.path in MODULES
        elif verdict.kind == "object":
            value = getattr(module, name)
            assert not isinstance(value, types.ModuleType), name
            assert id(value) not in forbidden, name
            home = getattr(value, "__module__", None) or type(value).__module__
            assert str(home).partition(".")[0].removeprefix("_") in HOMES, (name, home)


@pytest.mark.parametrize("path", sorted(MODULES))
def test_every_module_attribute_of_a_module_is_refused(path):
    """Every module found inside an allowed module is refused, unless it stands in the list itself."""
    module = _real(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some modules of scipy are deprecated and say so when looked at
        inside = [name for name in dir(module) if isinstance(getattr(module, name, None), types.ModuleType)]
    for name in inside:
        assert look_up(path, name).kind == ("module" if f"{path}.{name}" in MODULES else "denied")


def test_known_holes_exist():
    """Two of the holes that the corpus speaks of are there in this Python, so that refusing them proves something."""
    import enum
    import typing

    assert isinstance(enum.bltns, types.ModuleType)
    assert isinstance(typing.sys, types.ModuleType)


@pytest.mark.parametrize("path", ["dataclasses.builtins", "datetime.sys", "re.sre_compile", "collections.abc.sys"])
def test_holes_of_other_versions_are_refused(path):
    """A name that the standard library has only in other versions is refused in all."""
    module, _, name = path.rpartition(".")
    assert look_up(module, name).kind == "denied"


def test_public_names_are_allowed():
    """The names suggested in hints are names that the validator allows."""
    for path in MODULES:
        for name in public_names(path):
            assert look_up(path, name).kind in {"object", "module", "missing", "denied"}
            if MODULES[path].only is None:
                assert name not in MODULES[path].denied
