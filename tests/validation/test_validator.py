"""The interface of the validator and the rules about scopes and places."""

import subprocess
import sys

import pytest

import outsample
from outsample.errors import ConfigError
from outsample.validation import Finding, no_ops, validate


def rules(source, **options):
    return [item.rule for item in validate(source, **options)]


def errors(source):
    return {item.rule for item in validate(source) if item.severity == "error"}


def test_all_findings_at_once_in_order():
    """Every fault of a source is reported in one call, in the order of the source."""
    source = "import os\nx = eval('1')\ny = data._store\nz = pd.read_csv('a').to_csv('b')\n"
    found = validate(source)
    assert [item.line for item in found] == sorted(item.line for item in found)
    assert {(item.line, item.rule) for item in found} == {
        (1, "import-denied"),
        (2, "dynamic-code"),
        (3, "attribute-private"),
        (4, "io-read"),
        (4, "io-write"),
    }


def test_places_count_characters():
    """Columns count characters, also behind Chinese text, and the end is the place behind the last one."""
    (finding,) = validate("收盤 = [eval('一')]")
    assert (finding.line, finding.column, finding.end_line, finding.end_column) == (1, 7, 1, 11)


def test_syntax_error_has_its_line():
    """What cannot be parsed is a finding at the line that Python names."""
    (finding,) = validate("x = 1\nif x\n    y = 2\n")
    assert (finding.rule, finding.severity, finding.line) == ("syntax", "error", 2)


def test_text_findings_come_with_a_syntax_error():
    """A source that cannot be parsed still gets what is wrong with its text."""
    assert set(rules("# \u202e\nx = (")) == {"source-bidi", "syntax"}


@pytest.mark.parametrize("source", ["", "\n", "   \n\t\n", "# only a comment", '"""only a text"""', "pass"])
def test_empty_sources(source):
    """A source without statements has no finding."""
    assert validate(source) == []


@pytest.mark.parametrize("given", [None, b"x = 1", 1, ["x"]])
def test_other_than_text_is_a_typed_error(given):
    """What is no text is refused with the type that was given."""
    with pytest.raises(ConfigError, match=type(given).__name__):
        validate(given)


def test_finding_is_frozen_and_readable():
    """A finding is a value that prints as one line."""
    finding = Finding("io-read", "error", 3, 1, 3, 5, "open(...) reaches files.", "Use data.get(key).")
    with pytest.raises(AttributeError):
        finding.line = 4
    assert str(finding) == "line 3:1: error: open(...) reaches files. Use data.get(key). [io-read]"


def test_invalid_escape_is_no_error_under_warnings_as_errors():
    """A backslash that Python only warns of stays a valid source."""
    assert validate(r"x = '\d+'") == []


def test_own_modules_may_be_imported():
    """Names of the user's strategy modules are importable when given, and only then."""
    source = "import helpers\nfrom helpers import score\nx = helpers.score(1) + score(2)\ny = [helpers]\n"
    assert validate(source, modules=["helpers"]) == []
    assert rules("import helpers") == ["import-denied"]


def test_no_ops_only():
    """no_ops lists the calls that do nothing and leaves out everything else."""
    source = "import os\nclose = data.get('close').shift(-1)\nclose.plot()\nsim(close).display()\n"
    assert [(item.line, item.rule) for item in no_ops(source)] == [(3, "plot-ignored"), (4, "display-ignored")]


def test_validating_imports_no_heavy_library():
    """An ordinary source makes the validator import neither scipy nor sklearn nor matplotlib."""
    code = (
        "import sys; from outsample.validation import validate;"
        "validate('import matplotlib.pyplot as plt\\nimport math\\nx = np.mean(data.get(\"close\"))');"
        "print([name for name in ('scipy', 'sklearn', 'matplotlib', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


SHADOWED = [
    "open = data.get('open')\nx = open.shift(1)",
    "open, high = data.get('open'), data.get('high')\nx = open / high",
    "def f(open):\n    return open + 1",
    "def f():\n    open = data.get('open')\n    return [open for _ in range(2)]",
    "open = data.get('open')\ndef f():\n    return open.shift(1)",
    "x = [open for open in [1, 2]]",
    "f = lambda open, input: open + input",
    "vars = {'a': 1}\nx = vars['a']",
    "class A:\n    def f(self, dir):\n        return dir",
]


@pytest.mark.parametrize("source", SHADOWED)
def test_own_names_may_hide_builtins(source):
    """A table called open is the strategy's own, wherever Python says so."""
    assert validate(source) == []


UNSURE = [
    "x = open.shift(1)\nopen = data.get('open')",
    "if data:\n    open = 1\nx = open",
    "class A:\n    open = 1\n    def f(self):\n        return open",
    "open = 1\ndel open\nx = open",
    "def f():\n    return open\nopen = 1",
    "x = [1 for i in open]",
]


@pytest.mark.parametrize("source", UNSURE)
def test_a_name_that_may_be_the_builtin_is_refused(source):
    """Where the name may still be the builtin, it is treated as the builtin."""
    assert errors(source) == {"io-read"}


def test_a_name_may_be_reused_for_a_value():
    """A module's name that is later a value is one, from there on."""
    assert validate("from scipy import signal\nsignal = data.get('close') > 1\nx = [signal]") == []
    assert validate("import datetime\nfrom datetime import datetime\nx = [datetime, datetime(2020, 1, 1)]") == []
    assert errors("from scipy import signal\nx = [signal]\nsignal = 1") == {"module-value"}


def test_parameters_hide_modules():
    """A parameter called np is not the module."""
    assert validate("def f(np):\n    return [np, np.load]") == []


PRIVATE = [
    "class A:\n    def __init__(self):\n        self._x = 1\n    def f(self):\n        return self._x",
    "class A:\n    _x = 1\n    def f(self):\n        return self._x",
    (
        "class A:\n    @classmethod\n    def _make(cls):\n        return cls()\n"
        "    @classmethod\n    def f(cls):\n        return cls._make()"
    ),
    (
        "class A:\n    def __init__(self):\n        self.__x = 1\n"
        "    def f(self):\n        return [self.__x for _ in range(2)]"
    ),
    "class A:\n    def __init__(this):\n        this._x: int = 1\n    def f(me):\n        return lambda: me._x",
]


@pytest.mark.parametrize("source", PRIVATE)
def test_own_private_attributes_are_allowed(source):
    """An attribute with an underscore is allowed on self when the class declares it."""
    assert validate(source) == []


FOREIGN = [
    "class A:\n    def f(self):\n        return self._x",
    "class A:\n    def f(self, other):\n        self._x = 1\n        return other._x",
    "class A:\n    def __init__(self):\n        self._x = 1\nx = A()._x",
    "self = data\nx = self._dataset",
    "def f(self):\n    return self._dataset",
]


@pytest.mark.parametrize("source", FOREIGN)
def test_foreign_private_attributes_are_refused(source):
    """An attribute with an underscore of anything else is refused."""
    assert errors(source) == {"attribute-private"}


QUERIES = [
    "a > 1",
    "`close price` >= @limit",
    "a > 1 and not b < 2",
    "a in [1, 2]",
    "a == 'x'",
    "index > '2020-01-01'",
    "1 < a < 3",
]


@pytest.mark.parametrize("text", QUERIES)
def test_literal_comparisons_may_be_queried(text):
    """A literal comparison of columns passes query and eval."""
    assert validate(f"limit = 1\nx = data.get('close').query({text!r})\ny = data.get('close').eval({text!r})") == []


@pytest.mark.parametrize("text", ["f(a) > 1", "a.b > 1", "@pd.x > 1", "a[0] > 1", "x = 1", "a > 1; b", "__a > 1", ""])
def test_other_queries_are_refused(text):
    """Calls, attributes, items and assignments in a query are refused."""
    assert errors(f"x = data.get('close').query({text!r})") == {"string-eval"}


@pytest.mark.parametrize("template", ["{}", "{0} {1:>8}", "{name!r:.2f}", "{{}}", "{:{}}", "100 %", "{"])
def test_plain_templates_may_be_formatted(template):
    """A literal template without attributes or items passes."""
    assert validate(f"x = {template!r}.format(1, 2, name=3)") == []


@pytest.mark.parametrize(
    "source",
    [
        "t = '{} of {:.2f}'\nx = t.format(1, 2)",
        "T = '{}'\ndef f(x):\n    return T.format(x)",
        "t = 'a {}'\nif data:\n    t = 'b {}'\nx = t.format(1)",
    ],
)
def test_named_literal_templates_may_be_formatted(source):
    """A name whose every value is a harmless literal is as good as the literal."""
    assert validate(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(kind: type) -> type:\n    return kind",
        "x: dict[str, type] = {}",
        "def f(a: type | None = None, *, b: list[type] = ()):\n    return a",
        "x = [type(1), type(1) is type(2), isinstance(int, type), isinstance(int, (type, str))]",
        "x = data.get('close').iloc[:, 0].apply(type)",
    ],
)
def test_type_in_everyday_places(source):
    """type(x), annotations and isinstance are everyday uses."""
    assert validate(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "from pandas.tseries.offsets import BDay, BMonthEnd, MonthEnd, Week, CustomBusinessDay\nx = BDay(1)",
        "from pandas.tseries.holiday import USFederalHolidayCalendar\nx = USFederalHolidayCalendar()",
        "x = pd.offsets.MonthEnd(1), pd.tseries.offsets.BDay(2)",
        "from pandas.api.types import is_numeric_dtype\nx = is_numeric_dtype(1)",
        "from pandas.errors import EmptyDataError\ntry:\n    x = 1\nexcept EmptyDataError:\n    x = 2",
        "import numpy.ma as ma\nx = ma.masked_invalid([1.0]), np.linalg.norm([1]), np.fft.rfft([1.0])",
        "from numpy import nan, inf, sqrt\nx = [nan, inf, sqrt(2)]",
        "from numpy.random import default_rng\nx = default_rng(1)",
        "from scipy.signal.windows import hann\nx = hann(5)",
    ],
)
def test_public_names_of_the_libraries(source):
    """Names that the documentation of pandas, numpy and scipy shows may be imported and used."""
    assert validate(source) == []


def test_docstring_may_mention_anything():
    """Words in texts and comments are no findings."""
    assert (
        validate("'''eval(open('x')) and __class__, df.to_csv, %matplotlib'''\n# import os\nx = 'call to_csv later'")
        == []
    )


def test_public_name():
    """validate is importable from the package itself."""
    assert outsample.validate is validate
