"""Errors: codes, hints, pickling."""

import inspect
import pickle

import pytest

from outsample import errors


def _classes():
    return [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.OutsampleError) and cls is not errors.OutsampleError
    ]


def _example(cls):
    return cls("numba", "x") if cls is errors.MissingExtra else cls("what happened", hint="what to do")


@pytest.mark.parametrize("cls", _classes(), ids=lambda cls: cls.__name__)
def test_every_error_survives_pickling_with_its_attributes(cls):
    """Errors cross processes: class, text and attributes stay."""
    error = _example(cls)
    error.extra = [1, 2]
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__


def test_codes_are_distinct_and_stable_looking():
    """Machines tell errors apart by code."""
    codes = [cls.code for cls in _classes()]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and " " not in code for code in codes)


def test_the_drawn_tree_names_every_class():
    """The docstring draws the tree that the code has."""
    for cls in _classes():
        assert cls.__name__ in errors.__doc__


def test_validation_and_config_errors_are_value_errors():
    """Callers that know only the standard classes catch them."""
    assert issubclass(errors.ValidationError, ValueError)
    assert issubclass(errors.ConfigError, ValueError)
