"""`fan` and `folds`: what is sent of a bootstrap and of a walk-forward."""

import numpy as np
import pytest

import outsample
from outsample import metrics
from outsample.errors import ConfigError
from outsample_widgets import fan, folds


def _arrays(widget):
    kinds = {"f8": "<f8", "f4": "<f4", "i4": "<i4", "u1": "|u1"}
    return {
        name: np.frombuffer(widget._data, kinds[part["kind"]], part["length"], part["at"])
        for name, part in widget.layout_of_data.items()
    }


@pytest.fixture(scope="module")
def walk(source, data):
    """Two windows of a small grid."""
    grid = {"fast": [10, 40], "slow": [100, 200]}
    return outsample.walk_forward(source, data, grid, train="2Y", test="1Y", store=False)


def test_a_fan_has_bands_and_the_actual_equity(result):
    """Percentiles are ordered on every date, and the last actual value is the growth of the result."""
    made = fan(outsample.bootstrap(result, n_paths=200))
    arrays = _arrays(made)
    for low, high in (("p5", "p25"), ("p25", "p50"), ("p50", "p75"), ("p75", "p95")):
        assert (arrays[low] <= arrays[high]).all()
    assert arrays["actual"][-1] == pytest.approx(result.equity.iloc[-1] / result.equity.iloc[0])


def test_a_distribution_counts_every_path(result):
    """The bars of each statistic add up to the number of its defined paths."""
    boot = outsample.bootstrap(result, n_paths=200)
    arrays = _arrays(fan(boot))
    for name, values in boot.samples.items():
        assert arrays[f"{name}.counts"].sum() == np.isfinite(values).sum()


def test_a_fan_of_plain_numbers_counts_bars():
    """Returns without dates have no calendar on their axis."""
    made = fan(outsample.bootstrap([0.01, -0.005, 0.002, 0.004] * 30, n_paths=50))
    assert made._about["dated"] is False


def test_a_heatmap_is_the_objective_of_each_combination(walk):
    """In and out of sample, recomputed from the returns of each combination."""
    for place, choice in enumerate(walk.run.choices):
        for sample, window in (("in", choice.window.train), ("out", choice.window.test)):
            table = folds(walk).heatmap(place, sample=sample)
            for one in walk.run.sweep.combinations:
                returns = one.outcome.simulation.returns.iloc[window.start : window.stop]
                value = table.loc[str(one.params["fast"]), str(one.params["slow"])]
                assert value == pytest.approx(metrics.sharpe(returns, periods_per_year=252))


def test_the_chosen_cell_is_the_largest_of_the_training(walk, asked):
    """The marked cell has the best objective in sample."""
    made = folds(walk)
    answer, arrays = asked(made, "window", place=1)
    row, column = answer["chosen"]
    assert arrays["inside"][row, column] == np.nanmax(arrays["inside"])


def test_windows_that_are_not_there_are_refused(walk, asked):
    """A number from the browser is checked."""
    answer, _ = asked(folds(walk), "window", place=99)
    assert "There are" in answer["error"]


def test_one_parameter_is_a_heatmap_of_one_column(source, data):
    """A grid over one name has the objective as its column."""
    walk = outsample.walk_forward(source, data, {"fast": [10, 40]}, train="2Y", test="1Y", store=False)
    assert folds(walk).heatmap(0).shape == (2, 1)


def test_twins_have_pictures_and_tables(walk, result):
    """What papermill and GitHub show."""
    for widget in (folds(walk), fan(outsample.bootstrap(result, n_paths=50))):
        bundle = widget.twin().bundle()
        assert "image/png" in bundle
        assert "<table>" in bundle["text/html"]


@pytest.mark.parametrize("maker", [fan, folds])
def test_other_values_are_refused(maker, result):
    """A result is neither a bootstrap nor a walk-forward."""
    with pytest.raises(ConfigError, match="Result"):
        maker(result)
