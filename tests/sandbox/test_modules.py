"""Helper modules that come with a strategy."""

import pytest

from outsample import Strategy, backtest
from outsample.errors import ConfigError, StrategyError, ValidationError

SOURCE = "import tools\nn = 20\nposition = tools.above(data.get('close'), n)"
TOOLS = "from helper import twice\ndef above(c, n):\n    return c.average(n) > c.average(twice(n))"
HELPER = "def twice(n):\n    return 2 * n"
PLAIN = "n = 20\nposition = data.get('close').average(n) > data.get('close').average(2 * n)"


def strategy(**changes):
    return Strategy.from_source(SOURCE).with_modules({"tools": TOOLS, "helper": HELPER, **changes})


def test_a_strategy_imports_its_modules():
    """Modules import one another; the result is that of the same code in one piece, probes and all."""
    result = backtest(strategy(), "sample", store=False)
    plain = backtest(PLAIN, "sample", store=False)
    assert result.equity.equals(plain.equity)
    assert result.lookahead.clean


def test_modules_count_in_the_structure():
    """Other code is another strategy; comments are not."""
    base = strategy()
    assert base.sha != Strategy.from_source(SOURCE).sha
    assert base.sha == strategy(helper="# doubles\ndef twice(n):\n    return 2 * n").sha
    assert base.sha != strategy(helper="def twice(n):\n    return 3 * n").sha


def test_modules_are_checked_like_strategies():
    """A module may not do what a strategy may not; the message says which module and line."""
    bad = "x = 1\nimport os\ndef twice(n):\n    return os.getpid()"
    with pytest.raises(ValidationError, match="module 'helper', line 2"):
        backtest(strategy(helper=bad), "sample", store=False)


def test_an_error_inside_a_module_is_the_strategys():
    """It is reported with the line of the strategy that led there."""
    with pytest.raises(StrategyError, match="division") as caught:
        backtest(strategy(helper="def twice(n):\n    return n / 0"), "sample", store=False)
    assert caught.value.line == 3


@pytest.mark.parametrize("name", ["os", "pandas", "data", "a-b", "class", "a.b"])
def test_names_of_modules(name):
    """Names that mean something else are refused."""
    with pytest.raises(ConfigError, match="cannot be called"):
        Strategy.from_source(SOURCE).with_modules({name: "x = 1"})
