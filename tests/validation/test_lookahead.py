"""The look-ahead lint: every planted flaw has a clean twin."""

import pytest

from outsample.validation import look_ahead_lint, validate

HEAD = "close = data.get('close')\nn = 5\n"
PAIRS = {
    "shift": ("x = close.shift(-1)", "x = close.shift(1)", "lookahead-shift"),
    "shift name": ("x = close.shift(-n)", "x = close.shift(n)", "lookahead-shift"),
    "shift keyword": ("x = close.shift(periods=-2)", "x = close.shift(periods=2)", "lookahead-shift"),
    "shift columns": ("x = close.shift(-1)", "x = close.shift(-1, axis=1)", "lookahead-shift"),
    "diff": ("x = close.diff(-1)", "x = close.diff()", "lookahead-shift"),
    "pct_change": ("x = close.pct_change(-n)", "x = close.pct_change(n)", "lookahead-shift"),
    "roll": ("x = np.roll(close, -1)", "x = close.shift(1).to_numpy()", "lookahead-shift"),
    "bfill": ("x = close.bfill()", "x = close.ffill()", "lookahead-fill"),
    "fillna": ("x = close.fillna(method='backfill')", "x = close.fillna(0)", "lookahead-fill"),
    "reindex": (
        "x = close.reindex(close.index, method='bfill')",
        "x = close.reindex(close.index, method='ffill')",
        "lookahead-fill",
    ),
    "interpolate": ("x = close.interpolate('time')", "x = close.ffill()", "lookahead-fill"),
    "merge_asof": (
        "x = pd.merge_asof(close, close, on='d', direction='forward')",
        "x = pd.merge_asof(close, close, on='d')",
        "lookahead-fill",
    ),
    "center": (
        "x = close.rolling(5, center=True).mean()",
        "x = close.rolling(5, center=False).mean()",
        "lookahead-center",
    ),
    "forward window": (
        "x = close.rolling(pd.api.indexers.FixedForwardWindowIndexer(window_size=3)).mean()",
        "x = close.rolling(3).mean()",
        "lookahead-center",
    ),
    "label": (
        "x = close.resample('W', label='left').last()",
        "x = close.resample('W', label='right').last()",
        "lookahead-label",
    ),
    "mean": ("x = close - close.mean()", "x = close.sub(close.mean(axis=1), axis=0)", "lookahead-sample"),
    "std": (
        "x = close / close.pct_change().std()",
        "x = close / close.pct_change().rolling(20).std()",
        "lookahead-sample",
    ),
    "max": ("x = close > close.max() * 0.9", "x = close > close.expanding().max() * 0.9", "lookahead-sample"),
    "quantile": (
        "x = close > close.quantile(0.8)",
        "x = close.ge(close.quantile(0.8, axis=1), axis=0)",
        "lookahead-sample",
    ),
    "rank": ("x = close.rank(axis=0, pct=True)", "x = close.rank(axis=1, pct=True)", "lookahead-sample"),
    "rank columns": ("x = close.rank(0)", "x = close.rank(pct=True)", "lookahead-sample"),
    "column": ("x = close['A'].mean()", "x = close['A'].rolling(5).mean()", "lookahead-sample"),
    "derived": ("r = close.pct_change()\nx = r > r.median()", "r = close.pct_change()\nx = r > 0", "lookahead-sample"),
    "printed": ("x = close.mean()", "print(close.mean())", "lookahead-sample"),
    "zscore": (
        "from scipy import stats\nx = stats.zscore(close)",
        "from scipy import stats\nx = stats.norm.ppf(0.9)",
        "lookahead-sample",
    ),
    "fit": (
        "from sklearn.linear_model import Ridge\nm = Ridge().fit(close, close)",
        "from sklearn.linear_model import Ridge\nm = Ridge()",
        "lookahead-fit",
    ),
    "split": (
        "from sklearn.model_selection import train_test_split\na, b = train_test_split(close)",
        "from sklearn.model_selection import train_test_split\na, b = train_test_split(close, shuffle=False)",
        "lookahead-fit",
    ),
    "iloc": ("x = close.iloc[-1]", "x = close.iloc[0]", "lookahead-last"),
    "iloc column": ("x = close.iloc[-1, 0]", "x = close.iloc[:, -1]", "lookahead-last"),
    "values": ("x = close.values[-1]", "x = close.values[0]", "lookahead-last"),
    "window last": (
        "x = close.iloc[-1]",
        "x = close.rolling(3).apply(lambda w: w.iloc[-1] - w.iloc[0])",
        "lookahead-last",
    ),
    "reverse": ("x = close.iloc[::-1].cummax()", "x = close.cummax()", "lookahead-reverse"),
    "reverse direct": ("x = close[::-1]", "x = 'abc'[::-1]", "lookahead-reverse"),
    "clock": ("x = pd.Timestamp.now()", "x = pd.Timestamp('2024-01-01')", "clock"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_flaw_is_warned_of(name):
    """The planted flaw gets exactly its warning."""
    flawed, _, rule = PAIRS[name]
    found = look_ahead_lint(HEAD + flawed)
    assert {(item.rule, item.severity) for item in found} == {(rule, "warning")}


@pytest.mark.parametrize("name", PAIRS)
def test_clean_twin_passes(name):
    """The clean twin gets no warning, and passes the whole validator."""
    assert validate(HEAD + PAIRS[name][1]) == []


@pytest.mark.parametrize("name", PAIRS)
def test_lint_is_part_of_validate(name):
    """Every warning of the lint is among the findings of validate."""
    source = HEAD + PAIRS[name][0]
    assert set(look_ahead_lint(source)) <= set(validate(source))


@pytest.mark.parametrize("name", PAIRS)
def test_flaw_inside_a_function(name):
    """The flaw is found also inside def strategy(data)."""
    flawed, _, rule = PAIRS[name]
    body = "\n".join(f"    {line}" for line in (HEAD + flawed).splitlines())
    assert rule in {item.rule for item in look_ahead_lint(f"def strategy(data):\n{body}\n    return x\n")}


def test_nothing_to_lint():
    """A source that cannot be parsed, or is too long, has no lint."""
    assert look_ahead_lint("x = (") == []
    assert look_ahead_lint("x = 1\n" * 50_000) == []
