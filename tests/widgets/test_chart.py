"""`chart`: what is sent, what a range measures, what is left where no script runs."""

import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import metrics
from outsample.errors import ConfigError, DataInvalid
from outsample_widgets import chart


def test_the_data_are_little_more_than_the_raw_arrays(result):
    """Six arrays of float64 (dates and five lines) and the trades, within 1.2 times their size."""
    n = len(result.equity)
    assert chart(result).sent_bytes < 1.2 * 6 * 8 * n


@pytest.mark.slow
def test_fifty_thousand_bars_are_little_more_than_their_arrays(source):
    """Dates and five lines of 50,000 bars: what is sent is within 1.2 times six arrays of float64."""
    data = outsample.load("synthetic:2x50000?seed=1")
    made = chart(outsample.backtest(source, data, store=False, lookahead=False))
    layout = made.layout_of_data
    assert {"x", "equity", "benchmark", "drawdown", "exposure", "close"} <= set(layout)
    assert layout["x"]["length"] == len(data.dates)
    assert made.sent_bytes < 1.2 * 6 * 8 * len(data.dates)


def test_the_lines_are_those_of_the_result(result):
    """Growth of 1, drawdown from the running peak, gross exposure, and the closes of the most traded symbol."""
    made = chart(result)
    arrays = {
        name: np.frombuffer(made._data, "<f8", part["length"], part["at"]) for name, part in made.layout_of_data.items()
    }
    equity = result.equity / result.equity.iloc[0]
    np.testing.assert_allclose(arrays["equity"], equity)
    np.testing.assert_allclose(arrays["drawdown"], equity / equity.cummax() - 1, atol=1e-15)
    np.testing.assert_allclose(arrays["exposure"], result.simulation.exposure["gross"])
    assert pd.Timestamp(arrays["x"][0], unit="ms") == result.equity.index[0]
    symbol = made._about["symbol"]
    np.testing.assert_allclose(arrays["close"], result.data.get("close")[symbol].loc[result.equity.index])


def test_a_range_is_measured_from_its_first_equity(result, asked):
    """The metrics of a range are those of the returns after its first bar."""
    dates = result.equity.index
    a, b = dates[300], dates[700]
    own = result.returns.loc[dates[301] : b]
    table = chart(result).measure(a, b)
    assert table.loc["total_return", "strategy"] == pytest.approx(result.equity[b] / result.equity[a] - 1)
    assert table.loc["sharpe", "strategy"] == pytest.approx(metrics.sharpe(own, periods_per_year=252))
    answer, _ = asked(chart(result), "range", **{"from": a.timestamp() * 1000, "to": b.timestamp() * 1000})
    assert answer["caption"].startswith(f"{a.date()} to {b.date()}, 401 bars")
    assert answer["rows"][0]["strategy"] == f"{100 * (result.equity[b] / result.equity[a] - 1):.2f} %"


def test_a_range_without_bars_is_an_error_in_words(result, asked):
    """The widget says what was wrong; the kernel goes on."""
    answer, _ = asked(chart(result), "range", **{"from": 0.0, "to": 1000.0})
    assert "two are needed" in answer["error"]
    with pytest.raises(DataInvalid):
        chart(result).measure("1970-01-01", "1970-01-02")


def test_another_symbol_brings_its_price_and_trades(result, asked):
    """As many entries as the table of trades has."""
    symbol = str(result.trades["symbol"].iloc[-1])
    _, arrays = asked(chart(result), "price", symbol=symbol)
    own = result.trades[result.trades["symbol"] == symbol]
    assert len(arrays["entry_x"]) == len(own)
    assert len(arrays["exit_x"]) == int((~own["open"]).sum())


def test_an_unknown_symbol_is_refused(result, asked):
    """Names come from the browser; only traded ones are looked up."""
    answer, _ = asked(chart(result), "price", symbol="../etc")
    assert "not traded" in answer["error"]


def test_what_is_no_result_is_refused():
    """A frame has no simulation."""
    with pytest.raises(ConfigError, match="DataFrame"):
        chart(pd.DataFrame())


def test_the_bundle_has_the_widget_and_its_twin(result):
    """Text, HTML and PNG stand beside the widget."""
    bundle, _ = chart(result)._repr_mimebundle_()
    assert {"text/plain", "text/html", "image/png", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
    assert "total return" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]


def test_the_twin_is_an_output_of_its_own(result, monkeypatch):
    """It is shown first and survives the kernel; the widget is the second output."""
    shown = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, *_: shown.append(data))
    with redirect_stdout(io.StringIO()):
        chart(result)._ipython_display_()
    assert "image/png" in shown[0]
    assert "application/vnd.jupyter.widget-view+json" not in shown[0]
    assert "application/vnd.jupyter.widget-view+json" in shown[1]


def test_nothing_traded_is_a_chart_too(data):
    """Without trades there is no price to show and no error."""
    flat = outsample.sim(data.get("close") * 0.0, data)
    assert chart(flat)._about["symbols"] == []
