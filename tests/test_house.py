"""A user's own checks of results."""

import importlib.metadata

import pytest

from outsample import backtest
from outsample.errors import ConfigError, ValidationError
from outsample.results.house import HouseFinding

SOURCE = "position = data.get('close') > data.get('close').average(20)"


class Point:
    name, value = "restricted", "ourfirm.checks:restricted"

    def __init__(self, check):
        self.check = check

    def load(self):
        return self.check


@pytest.fixture
def registered(monkeypatch):
    real = importlib.metadata.entry_points

    def register(check):
        def points(group):
            return [Point(check)] if group == "outsample.checks" else real(group=group)

        monkeypatch.setattr(importlib.metadata, "entry_points", points)

    return register


def test_a_warning_stands_in_the_result_and_not_in_its_bytes(registered):
    """The check sees positions and outcome; the canonical bytes stay what they were."""
    before = backtest(SOURCE, "sample", lookahead=False, store=False)
    registered(
        lambda positions, outcome: [HouseFinding(f"holds FB, {outcome.metrics.n_trades} trades")] * ("FB" in positions)
    )
    after = backtest(SOURCE, "sample", lookahead=False, store=False)
    assert any(text.startswith("restricted: holds FB") for text in after.warnings)
    assert after.canonical_bytes == before.canonical_bytes


def test_an_error_refuses(registered):
    """The run ends like one that the validator refused, with the check's own words."""
    registered(lambda positions, outcome: [HouseFinding("FB is restricted", "error", "Leave FB out.")])
    with pytest.raises(ValidationError, match="FB is restricted") as caught:
        backtest(SOURCE, "sample", lookahead=False, store=False)
    assert caught.value.findings[0].rule == "house-restricted"
    assert caught.value.hint == "Leave FB out."


def test_a_broken_check_passes_nothing(registered):
    """A check that fails is an error, not silence."""
    registered(lambda positions, outcome: 1 / 0)
    with pytest.raises(ConfigError, match="division"):
        backtest(SOURCE, "sample", lookahead=False, store=False)
