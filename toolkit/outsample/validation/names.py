"""The lists of the validator, as data: what a strategy may use.

Everything that is not listed is refused. The lists are for messages; the boundary is the sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DISPATCH_METHODS",
    "DUNDER_METHODS",
    "DUNDER_NAMES",
    "FILE_METHODS",
    "FINLAB",
    "FINLAB_ABSENT",
    "IMPORT_HINTS",
    "INDICATORS",
    "INTERNAL_ATTRIBUTES",
    "MODULES",
    "OPTION_PREFIXES",
    "PLOT_ATTRIBUTES",
    "PRESET_MODULES",
    "PRESET_NAMES",
    "SAFE_BUILTINS",
    "STUBBED",
    "TEXT_METHODS",
    "ModulePolicy",
]


@dataclass(frozen=True, slots=True)
class ModulePolicy:
    """Which names of a module a strategy may use.

    Attributes
    ----------
    listed : bool
        True: only what the module itself lists in ``__all__``. False: every public name.
    denied : frozenset of str
        Names refused all the same.
    only : frozenset of str or None
        If given, exactly these names.
    """

    listed: bool = True
    denied: frozenset[str] = frozenset()
    only: frozenset[str] | None = None


def _only(*names: str) -> ModulePolicy:
    return ModulePolicy(only=frozenset(names))


def _open(*denied: str) -> ModulePolicy:
    return ModulePolicy(listed=False, denied=frozenset(denied))


def _listed(*denied: str) -> ModulePolicy:
    return ModulePolicy(denied=frozenset(denied))


_NUMPY_DENIED = (
    "load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt", "fromfile", "fromregex",
    "memmap", "DataSource", "lib", "ctypeslib", "f2py", "testing", "test", "core", "compat", "typing", "show_config",
    "show_runtime", "info", "source", "lookfor", "get_include", "seterrcall", "from_dlpack", "distutils",
)  # fmt: skip
_PANDAS_DENIED = (
    "io", "core", "compat", "pandas", "plotting", "testing", "test", "util", "HDFStore", "ExcelFile", "ExcelWriter",
    "to_pickle", "show_versions", "annotations",
)  # fmt: skip
_HOLIDAYS = (
    "AbstractHolidayCalendar", "EasterMonday", "GoodFriday", "Holiday", "HolidayCalendarFactory",
    "USColumbusDay", "USFederalHolidayCalendar", "USLaborDay", "USMartinLutherKingJr", "USMemorialDay",
    "USPresidentsDay", "USThanksgivingDay", "after_nearest_workday", "before_nearest_workday", "get_calendar",
    "nearest_workday", "next_monday", "next_workday", "previous_friday", "previous_workday", "sunday_to_monday",
    "weekend_to_monday",
)  # fmt: skip
_SKLEARN = (
    "cluster", "compose", "covariance", "cross_decomposition", "decomposition",
    "discriminant_analysis", "ensemble", "feature_selection", "gaussian_process", "impute", "isotonic",
    "linear_model", "manifold", "metrics", "mixture", "model_selection", "multiclass", "naive_bayes",
    "neighbors", "neural_network", "pipeline", "preprocessing", "random_projection", "svm", "tree",
)  # fmt: skip

# Every module that may be imported, with its names. Submodules are reached only if they stand here.
MODULES: dict[str, ModulePolicy] = {
    "__future__": _only("annotations", "absolute_import", "division", "print_function", "unicode_literals"),
    "abc": _only("ABC", "abstractmethod"),
    "bisect": _open(),
    "calendar": _only("day_abbr", "day_name", "isleap", "month_abbr", "month_name", "monthrange", "weekday"),
    "cmath": _open(),
    "collections": _listed("UserString"),
    "collections.abc": _listed(),
    "contextlib": _only("contextmanager", "nullcontext", "suppress"),
    "copy": _only("copy", "deepcopy"),
    # make_dataclass builds source text from its arguments and executes it
    "dataclasses": _listed("make_dataclass"),
    "datetime": _listed(),
    "decimal": _open(),
    "enum": _listed("global_enum", "global_enum_repr", "global_flag_repr", "EnumType", "EnumMeta"),
    "fractions": _listed(),
    # singledispatch evaluates annotations; update_wrapper copies attributes whose names are strings
    "functools": _listed("singledispatch", "singledispatchmethod", "update_wrapper", "partialmethod"),
    "heapq": _listed(),
    "itertools": _open(),
    "json": _only("dumps", "loads"),
    "math": _open(),
    "numpy": _open(*_NUMPY_DENIED),
    "numpy.emath": _open(),
    "numpy.exceptions": _listed(),
    "numpy.fft": _listed("test"),
    "numpy.lib": _only(),
    "numpy.lib.stride_tricks": _only("sliding_window_view"),
    "numpy.linalg": _listed("test"),
    "numpy.ma": _listed("test", "fromfile"),
    "numpy.polynomial": _listed("test"),
    "numpy.polynomial.polynomial": _listed(),
    "numpy.random": _listed("test"),
    "numpy.strings": _listed(),
    "numbers": _listed(),
    "operator": _listed("attrgetter", "methodcaller"),
    "pandas": _open(*_PANDAS_DENIED),
    "pandas.api": _only(),
    "pandas.api.indexers": _listed(),
    "pandas.api.types": _open("annotations"),
    "pandas.arrays": _listed(),
    "pandas.errors": _listed(),
    "pandas.offsets": _listed(),
    "pandas.tseries": _only(),
    "pandas.tseries.frequencies": _listed(),
    "pandas.tseries.holiday": _only(*_HOLIDAYS),
    "pandas.tseries.offsets": _listed(),
    "random": _listed("SystemRandom"),
    "re": _listed(),
    "scipy": _only(),
    "scipy.linalg": _listed("test"),
    "scipy.optimize": _listed("test"),
    "scipy.signal": _listed("test"),
    "scipy.signal.windows": _listed(),
    "scipy.stats": _listed("test"),
    "scipy.stats.mstats": _listed(),
    "scipy.stats.qmc": _listed(),
    "sklearn": _only(),
    **{f"sklearn.{name}": _listed() for name in _SKLEARN},
    "sklearn.base": _only("BaseEstimator", "ClassifierMixin", "RegressorMixin", "TransformerMixin", "clone"),
    "sklearn.calibration": _only("CalibratedClassifierCV", "calibration_curve"),
    "sklearn.dummy": _only("DummyClassifier", "DummyRegressor"),
    "sklearn.kernel_ridge": _only("KernelRidge"),
    "statistics": _listed(),
    "time": _only("monotonic", "perf_counter", "process_time", "time"),
    # these evaluate strings as annotations
    "typing": _listed("get_type_hints", "ForwardRef", "evaluate_forward_ref", "no_type_check_decorator"),
    "warnings": _only("filterwarnings", "simplefilter", "catch_warnings", "warn", "resetwarnings"),
}

# Ours, under the names of finlab; nothing of finlab is imported.
FINLAB: dict[str, frozenset[str]] = {
    "finlab": frozenset({"data", "backtest", "dataframe", "report", "login"}),
    "finlab.backtest": frozenset({"sim"}),
    "finlab.data": frozenset({"get"}),
    "finlab.dataframe": frozenset({"FinlabDataFrame"}),
    "finlab.report": frozenset({"Report"}),
}

# What finlab's data has besides, and what does it here.
FINLAB_ABSENT = {
    "universe": "Choose the symbols of the dataset, or multiply by a boolean frame such as data.get('universe').",
    "us_universe": "Choose the symbols of the dataset, or multiply by a boolean frame such as data.get('universe').",
    "set_universe": "Choose the symbols of the dataset, or multiply by a boolean frame such as data.get('universe').",
    "search": "data.keys() lists what data.get answers.",
    "set_storage": "Delete the line; the dataset is chosen where the backtest is started.",
}

# Importing these gives a stub on which every call does nothing.
STUBBED = frozenset({"matplotlib", "seaborn", "plotly", "mplfinance", "bokeh", "altair", "IPython"})

PRESET_MODULES = {"np": "numpy", "pd": "pandas"}
PRESET_NAMES = frozenset({"data", "sim", "pd", "np"})

IMPORT_HINTS = {
    "asyncio": "A strategy runs from top to bottom; there is nothing to wait for.",
    "csv": "Read with data.get(key); add the file to the dataset.",
    "glob": "Read with data.get(key); add the files to the dataset.",
    "io": "Read with data.get(key); add the file to the dataset.",
    "logging": "print(...) is captured and shown with the result.",
    "multiprocessing": "Run strategies in parallel from outside: outsample run ... --parallel N.",
    "numba": "pandas, numpy and the methods of the frames (average, rise, hold_until) are compiled already.",
    "os": "A strategy sees no files and no environment; read with data.get(key).",
    "outsample": "data, sim, pd and np are there without an import.",
    "pathlib": "A strategy sees no files; read with data.get(key).",
    "pickle": "Read with data.get(key); add the table to the dataset.",
    "polars": "Use pandas: data.get(key) returns a DataFrame.",
    "pandas_datareader": "Load the data into a dataset first, then data.get(key).",
    "requests": "A strategy has no network; load the data into a dataset first, then data.get(key).",
    "shutil": "A strategy sees no files.",
    "socket": "A strategy has no network.",
    "statsmodels": "Use numpy.linalg.lstsq, scipy.stats or sklearn.linear_model.",
    "string": "f-strings format values.",
    "subprocess": "A strategy cannot start programs.",
    "sys": "raise an error to stop; print(...) to show.",
    "ta": "Write the formula with pandas, for example close.rolling(n).mean(), or use data.get(key).average(n).",
    "talib": "Write the formula with pandas, for example close.rolling(n).mean(), or use data.get(key).average(n).",
    "threading": "Run strategies in parallel from outside: outsample run ... --parallel N.",
    "tqdm": "Progress is shown from outside; loop over the values themselves.",
    "urllib": "A strategy has no network; load the data into a dataset first, then data.get(key).",
    "yfinance": "A strategy has no network; load the data into a dataset first, then data.get(key).",
    "vectorbt": "Return the position table; sim(position) backtests it.",
    "backtrader": "Return the position table; sim(position) backtests it.",
}

SAFE_BUILTINS = frozenset({
    "False", "None", "True", "NotImplemented", "Ellipsis", "abs", "all", "any", "ascii", "bin", "bool", "bytearray",
    "bytes", "callable", "chr", "classmethod", "complex", "dict", "divmod", "enumerate", "filter", "float", "format",
    "frozenset", "getattr", "hasattr", "hash", "hex", "id", "int", "isinstance", "issubclass", "iter", "len", "list",
    "map", "max", "min", "next", "object", "oct", "ord", "pow", "print", "property", "range", "repr", "reversed",
    "round", "set", "setattr", "slice", "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "zip",
})  # fmt: skip

# Names with underscores that a source may read.
DUNDER_NAMES = frozenset({"__name__", "__doc__"})

DUNDER_METHODS = frozenset({
    "__init__", "__post_init__", "__call__", "__repr__", "__str__", "__len__", "__iter__", "__next__", "__contains__",
    "__getitem__", "__setitem__", "__delitem__", "__reversed__", "__missing__", "__bool__", "__hash__", "__eq__",
    "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__enter__", "__exit__", "__int__", "__float__", "__index__",
    "__add__", "__radd__", "__iadd__", "__sub__", "__rsub__", "__isub__", "__mul__", "__rmul__", "__imul__",
    "__truediv__", "__rtruediv__", "__floordiv__", "__mod__", "__pow__", "__neg__", "__pos__", "__abs__",
    "__invert__", "__and__", "__or__", "__xor__", "__rand__", "__ror__", "__matmul__", "__round__",
})  # fmt: skip

# obj: an AttributeError holds whatever the attribute was looked for on, also a module.
INTERNAL_ATTRIBUTES = frozenset({
    "gi_frame", "gi_code", "gi_running", "gi_suspended", "gi_yieldfrom", "cr_frame", "cr_code", "cr_origin",
    "cr_await", "cr_running", "cr_suspended", "ag_frame", "ag_code", "ag_await", "ag_running", "ag_suspended",
    "tb_frame", "tb_next", "tb_lasti", "tb_lineno", "f_back", "f_builtins", "f_code", "f_globals", "f_lasti",
    "f_lineno", "f_locals", "f_trace", "f_trace_lines", "f_trace_opcodes", "co_code", "co_consts", "co_names",
    "co_varnames", "co_freevars", "co_cellvars", "co_filename", "co_name", "co_firstlineno", "co_flags",
    "func_globals", "func_code", "func_closure", "func_defaults", "im_func", "im_self", "im_class", "mro",
    "with_traceback", "ctypes", "data_as", "cell_contents", "obj", "cffi", "capsule", "from_custom_template",
})  # fmt: skip

# Methods that write files, whatever they are called on.
FILE_METHODS = frozenset({
    "to_csv", "to_excel", "to_parquet", "to_pickle", "to_hdf", "to_sql", "to_feather", "to_stata", "to_clipboard",
    "to_gbq", "to_orc", "to_iceberg", "tofile", "dump", "write_csv",
    "write_parquet", "savetxt", "fromfile", "memmap", "open_memmap",
})  # fmt: skip

# Methods that return text, and write a file when told where.
TEXT_METHODS = {
    "to_string": "buf", "to_json": "path_or_buf", "to_html": "buf", "to_latex": "buf", "to_markdown": "buf",
    "to_xml": "path_or_buffer", "info": "buf",
}  # fmt: skip

# Methods that call another one by its name.
DISPATCH_METHODS = frozenset({"agg", "aggregate", "apply", "transform"})

PLOT_ATTRIBUTES = frozenset({"plot", "hist", "boxplot", "style", "savefig", "write_html", "write_image"})

OPTION_PREFIXES = ("display.", "mode.", "future.", "precision", "max_", "chained_assignment")

INDICATORS = {
    "SMA": "close.average(n)",
    "MA": "close.average(n)",
    "EMA": "close.ewm(span=n, adjust=False).mean()",
    "WMA": "close.rolling(n).apply(lambda x: x @ np.arange(1, n + 1) / (n * (n + 1) / 2), raw=True)",
    "STDDEV": "close.rolling(n).std()",
    "BBANDS": "close.average(n) and close.rolling(n).std()",
    "MOM": "close.diff(n)",
    "ROC": "close.pct_change(n)",
    "MAX": "close.rolling(n).max()",
    "MIN": "close.rolling(n).min()",
    "MACD": "close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()",
    "RSI": "d = close.diff(); 100 - 100 / (1 + d.clip(lower=0).ewm(alpha=1 / n, adjust=False).mean() "
    "/ (-d).clip(lower=0).ewm(alpha=1 / n, adjust=False).mean())",
    "ATR": "the mean of the true range: np.maximum(high, prev) - np.minimum(low, prev) with prev = close.shift(1)",
    "WILLR": "-100 * (high.rolling(n).max() - close) / (high.rolling(n).max() - low.rolling(n).min())",
    "STOCH": "100 * (close - low.rolling(n).min()) / (high.rolling(n).max() - low.rolling(n).min())",
    "CCI": "tp = (high + low + close) / 3; (tp - tp.rolling(n).mean()) / (0.015 * tp.rolling(n).std())",
    "OBV": "(np.sign(close.diff()) * volume).cumsum()",
    "CORREL": "x.rolling(n).corr(y)",
}
