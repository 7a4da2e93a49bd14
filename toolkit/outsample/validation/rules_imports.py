"""Imports: a list of allowed modules, everything else refused with what to use instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from outsample.validation.finding import Finding
from outsample.validation.names import FINLAB, IMPORT_HINTS, MODULES
from outsample.validation.places import flag
from outsample.validation.reading import Facts
from outsample.validation.resolve import Reached, Resolver, look_up, public_names

__all__ = ["check_imports", "denied_name"]

_FINLAB_NAMES = "Supported: from finlab import data; from finlab.backtest import sim; data.get(key)."
_ALLOWED = "Allowed are pandas, numpy, scipy, sklearn and small modules of the standard library."
_PUBLIC = "Use the public functions of the module."
_PLOT_HINT = "Nothing to change: the report draws equity and drawdown by itself; drawing calls do nothing here."


def check_imports(facts: Facts, resolver: Resolver) -> Iterator[Finding]:
    """Yield the findings of every import statement."""
    for node, scope in facts.imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(facts, node, resolver.imported(alias.name), alias.name)
        elif node.level:
            hint = "Import a strategy module by its name."
            yield flag(facts, node, "import-relative", "A relative import has nothing to be relative to.", hint=hint)
        else:
            yield from _from(facts, node, resolver)
        if scope.kind == "class":
            hint = "Move it to the top of the source."
            yield flag(
                facts, node, "import-class", "An import inside a class body makes modules attributes.", hint=hint
            )


def _from(facts: Facts, node: ast.ImportFrom, resolver: Resolver) -> Iterator[Finding]:
    module = node.module or ""
    base = resolver.imported(module)
    star = any(alias.name == "*" for alias in node.names)
    if base.kind == "denied" and module.rpartition(".")[0] in FINLAB:
        message = f"'{module}' of finlab is not supported."
        yield flag(facts, node, "finlab-name", message, hint=_FINLAB_NAMES)
        return
    if base.kind not in {"module", "object"}:
        yield from _module(facts, node, base, module)
    if star and base.kind != "denied":
        message = f"'from {module} import *' brings names that nobody can see."
        yield flag(facts, node, "import-star", message, hint="Import the names you use.")
        return
    for alias in node.names:
        if base.kind == "module" and alias.name != "*":
            found = look_up(module, alias.name)
            if found.kind in {"denied", "missing"}:
                yield denied_name(facts, node, found)
            elif found.path == "pandas.eval":
                yield flag(facts, node, "string-eval", "pd.eval evaluates texts.", hint="Write the expression itself.")
        elif base.kind == "object" and alias.name not in FINLAB.get(module, frozenset()):
            message = f"'{module}.{alias.name}' is not supported."
            yield flag(facts, node, "finlab-name", message, hint=_FINLAB_NAMES)


def _module(facts: Facts, node: ast.AST, found: Reached, name: str) -> Iterator[Finding]:
    top = name.partition(".")[0]
    if found.kind == "stub":
        message = f"'{top}' draws; drawing is left out of a backtest."
        if top == "IPython":
            message = "'IPython' displays; displaying is left out of a backtest."
        yield flag(facts, node, "plot-ignored", message, hint=_PLOT_HINT, severity="warning")
    elif found.kind == "missing":
        message = f"'{name}' is allowed, and is not installed here."
        yield flag(
            facts, node, "import-missing", message, hint=f"Install {'scikit-learn' if top == 'sklearn' else top}."
        )
    elif found.kind == "denied":
        if top == "finlab":
            yield flag(facts, node, "finlab-name", f"'{name}' of finlab is not supported.", hint=_FINLAB_NAMES)
            return
        yield flag(facts, node, "import-denied", f"A strategy must not import '{name}'.", hint=_hint(facts, name, top))


def _hint(facts: Facts, name: str, top: str) -> str:
    if name.startswith("pandas.plotting"):
        return "Leave drawing out; the report draws equity and drawdown by itself."
    if top in IMPORT_HINTS:
        return IMPORT_HINTS[top]
    if top in MODULES:
        children = sorted(item for item in MODULES if item.startswith(f"{top}.") and item.count(".") == 1)
        return f"Allowed of {top}: {', '.join(children[:8])}{', ...' if len(children) > 8 else '.'}" if children else ""
    return facts.guess(top, MODULES) or _ALLOWED


def denied_name(facts: Facts, node: ast.AST, found: Reached) -> Finding:
    """Return the finding for a name of a module that may not be used, or is not there."""
    module, _, name = found.path.rpartition(".")
    shown = {"numpy": "np", "pandas": "pd"}.get(module, module)
    if found.kind == "missing":
        hint = facts.guess(name, public_names(module))
        message = f"'{shown}' has no name '{name}' in the installed version."
        return flag(facts, node, "attribute-unknown", message, hint=hint, severity="warning")
    if module in FINLAB:
        return flag(facts, node, "finlab-name", f"'{found.path}' is not supported.", hint=_FINLAB_NAMES)
    if name.startswith("read_") or name in _READERS:
        hint = "Read with data.get(key), for example data.get('close'); add the file to the dataset."
        return flag(facts, node, "io-read", f"{shown}.{name} reads files; a strategy sees only its dataset.", hint=hint)
    if name in _WRITERS:
        hint = "print(...) what you want to see, or save from the notebook after the backtest."
        return flag(facts, node, "io-write", f"{shown}.{name} writes files; a strategy cannot.", hint=hint)
    if module == "pandas" and name == "plotting":
        hint = "Leave it out; the report draws equity and drawdown by itself."
        return flag(facts, node, "attribute-module", "pd.plotting draws; drawing is left out of a backtest.", hint=hint)
    hint = _DENIED_HINTS.get(found.path) or facts.guess(name, public_names(module)) or _PUBLIC
    return flag(
        facts, node, "attribute-module", f"'{shown}.{name}' is not among the names a strategy may use.", hint=hint
    )


_READERS = frozenset({
    "load", "loadtxt", "genfromtxt", "fromfile", "memmap", "fromregex", "ExcelFile", "HDFStore", "DataSource", "io",
})  # fmt: skip
_WRITERS = frozenset({"save", "savez", "savez_compressed", "savetxt", "ExcelWriter", "to_pickle"})
_DENIED_HINTS = {
    "dataclasses.make_dataclass": "Write the class with @dataclass.",
    "functools.singledispatch": "Use if isinstance(...).",
    "functools.update_wrapper": "Use @functools.wraps(function).",
    "numpy.lib": "np.lib.stride_tricks.sliding_window_view is allowed.",
    "numpy.lib.stride_tricks.as_strided": "Use sliding_window_view: it cannot leave the array.",
    "operator.attrgetter": "Use lambda x: x.name.",
    "operator.methodcaller": "Use lambda x: x.method().",
    "random.SystemRandom": "Use random.Random(seed): a result must be repeatable.",
    "typing.get_type_hints": "It evaluates strings as code.",
}
