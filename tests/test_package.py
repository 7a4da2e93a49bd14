"""The package as a whole: its public names and the cost of importing it."""

import subprocess
import sys

import outsample


def test_every_public_name_is_there():
    """Names are loaded when they are used; each one loads."""
    for name in outsample.__all__:
        assert getattr(outsample, name) is not None
    assert set(outsample.__all__) <= set(dir(outsample))


def test_an_unknown_name_is_an_attribute_error():
    """As for any module."""
    assert not hasattr(outsample, "backtset")


def test_importing_loads_nothing_heavy():
    """`import outsample` brings none of the heavy libraries, not even pandas."""
    program = (
        "import sys, outsample\n"
        "heavy = {'numba', 'scipy', 'matplotlib', 'sqlalchemy', 'IPython', 'papermill', 'sklearn', 'pandas', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_data_and_strategies_needs_no_compiler():
    """Datasets and strategies come without numba, matplotlib, scipy.stats and SQLAlchemy."""
    program = (
        "import sys, outsample\n"
        "data = outsample.load('sample'); data.id; outsample.Strategy.from_source('a = 1').sha\n"
        "print(sorted({'numba', 'scipy.stats', 'matplotlib', 'sqlalchemy', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
