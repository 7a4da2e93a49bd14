"""The structure of the packages, held by walking their syntax trees."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {"outsample": ROOT / "toolkit" / "outsample", "outsample_widgets": ROOT / "widgets" / "outsample_widgets"}

# A module imports from a layer above it in this list, or from what stands left of it in its own.
LAYERS: list[list[str]] = [
    ["errors", "wiring"],
    ["jit", "canonical", "checks", "sequences", "config", "settings", "logs", "model"],
    ["data", "strategy"],
    ["validation", "stats", "engine", "metrics"],
    ["sandbox"],
    ["classify", "request", "pipeline"],
    ["research", "alpha"],
    ["store", "interop", "report"],
    ["ledger", "asking", "results", "api"],
    ["archive", "golden", "batch", "backtester", "doctor", "jobs", "guards"],
    ["notebook", "cli", "testing", "pytest_plugin", "widgets", "__main__"],
]
RANK = {name: (layer, place) for layer, names in enumerate(LAYERS) for place, name in enumerate(names)}

# Every exception from the 400-line and 40-line limits of the house style is listed with its reason.
LONG_MODULES: dict[str, str] = {
    "toolkit/outsample/engine/kernel.py": "one pass over the bars, with the helpers it inlines",
    "toolkit/outsample/engine/reference.py": "the whole of the rules, to be read in one place",
}
LONG_FUNCTIONS: dict[str, str] = {
    "toolkit/outsample/data/holding.py:_hold": "a kernel: one pass over the bars",
    "toolkit/outsample/data/operators.py:_rolling_mean": "a kernel: a fast and a general way through the columns",
    "toolkit/outsample/engine/kernel.py:make_kernel": "holds the kernel",
    "toolkit/outsample/engine/kernel.py:kernel": "one pass over the bars, in the order of the rules",
    "toolkit/outsample/engine/many_kernel.py:_make": "holds the kernel",
    "toolkit/outsample/engine/many_kernel.py:many": "one pass over the tables",
    "toolkit/outsample/engine/trade_kernel.py:_walk_fills": "one walk over the fills",
    "toolkit/outsample/engine/weights.py:_normalise_rows": "a kernel: one pass over the rows",
}


def _modules():
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            yield package, path


def _unit(package: str, path: Path) -> str:
    """The module or subpackage directly below the package; "" for the package's own __init__."""
    if package == "outsample_widgets":
        return "widgets"
    first = path.relative_to(SOURCES[package]).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def _imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [node.module or ""]
            if node.module in SOURCES:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, node.lineno) for name in names)


@pytest.mark.parametrize(("package", "path"), list(_modules()), ids=lambda value: getattr(value, "name", value))
def test_imports_go_down(package, path):
    """A module imports lower layers, or what stands left of it in its own, also inside functions."""
    own = _unit(package, path)
    if not own:
        return  # the package's own __init__ gathers the public names, lazily
    assert own in RANK, f"{path}: '{own}' has no layer; add it to LAYERS"
    for name, line in _imports(path):
        parts = name.split(".")
        if parts[0] not in SOURCES:
            continue
        other = "widgets" if parts[0] == "outsample_widgets" else (parts[1] if len(parts) > 1 else "")
        if other == own:
            continue
        if other not in RANK and own in LAYERS[-1]:
            continue  # rims may use the public names of the package itself
        assert RANK.get(other, (99, 0)) < RANK[own], f"{path}:{line}: {own} must not import {name}"


def test_no_cycles_between_modules():
    """No two modules import each other, directly or in a ring."""
    graph: dict[str, set[str]] = {}
    for package, path in _modules():
        relative = path.relative_to(SOURCES[package]).with_suffix("")
        name = ".".join([package, *relative.parts]).removesuffix(".__init__")
        graph[name] = {target for target, _ in _imports(path)}
    known = set(graph)
    edges = {
        name: {target if target in known else target.rpartition(".")[0] for target in targets} & known - {name}
        for name, targets in graph.items()
        if name not in SOURCES
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for target in sorted(edges.get(name, ())):
            # importing a.b from a's own __init__ is how packages gather names
            if not name.startswith(f"{target}."):
                visit(target, (*trail, name))
        done.add(name)

    for name in sorted(edges):
        visit(name, ())


def test_modules_and_functions_are_short():
    """Modules have at most 400 lines and functions 40, unless listed with a reason."""
    problems = []
    for _, path in _modules():
        text = path.read_text(encoding="utf-8")
        place = str(path.relative_to(ROOT))
        if text.count("\n") > 400 and place not in LONG_MODULES:
            problems.append(f"{place}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1
                if lines > 40 and f"{place}:{node.name}" not in LONG_FUNCTIONS:
                    problems.append(f"{place}:{node.lineno} {node.name}: {lines} lines")
    assert not problems, "\n".join(problems)


def _importable():
    for package, folder in SOURCES.items():
        for info in pkgutil.walk_packages([str(folder)], prefix=f"{package}."):
            if not info.name.endswith("__main__"):
                yield info.name


@pytest.mark.parametrize("name", list(_importable()))
def test_public_means_listed(name):
    """Every public name defined in a module is in its ``__all__``, and nothing else is."""
    module = importlib.import_module(name)
    listed = set(getattr(module, "__all__", ()))
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    defined = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    public = {item for item in defined if not item.startswith("_")}
    assert public <= listed, f"{name}: not in __all__: {sorted(public - listed)}"
    assert all(hasattr(module, item) for item in listed), f"{name}: in __all__ and not there"


def test_no_heavy_import_with_the_package():
    """Importing outsample loads none of the heavy libraries."""
    heavy = {"numba", "scipy", "matplotlib", "sqlalchemy", "IPython", "papermill", "sklearn", "arch", "pyarrow"}
    for package, path in _modules():
        if path.name != "__init__.py" or path.parent != SOURCES[package]:
            continue
        names = {name.split(".")[0] for name, _ in _imports(path)}
        assert not names & heavy
