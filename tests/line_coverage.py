"""Which lines of the toolkit the tests reach, without a package for it.

As a plugin: ``LINE_COVERAGE=build/coverage.json pytest -p line_coverage tests/batch`` adds the lines of that
run to the file. As a program: ``python tests/line_coverage.py build/coverage.json [--missing MODULE ...]`` prints
the share of each module. Lines that run in other processes (sandboxes, supervisors, workers) are not seen.
"""

import argparse
import ast
import json
import os
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[1] / "toolkit" / "outsample"


class Tracer:
    """Remembers the lines that ran; a function whose lines have all been seen is not traced any more."""

    def __init__(self):
        self.seen = {}
        self._left = {}
        self._prefix = str(ROOT)

    def __call__(self, frame, event, argument):
        code = frame.f_code
        left = self._left.get(code)
        if left is None:
            own = code.co_filename.startswith(self._prefix)
            left = {line for _, _, line in code.co_lines() if line} if own else set()
            self._left[code] = left
        return self._line if left else None

    def _line(self, frame, event, argument):
        code, line = frame.f_code, frame.f_lineno
        left = self._left[code]
        if line in left:
            left.discard(line)
            self.seen.setdefault(code.co_filename, set()).add(line)
        return self._line if left else None

    def start(self):
        """Trace this thread and those that start from now on."""
        threading.settrace(self)
        sys.settrace(self)

    def write(self, path):
        """Add what was seen to a file."""
        sys.settrace(None)
        found = {}
        if path.exists():
            found = {name: set(lines) for name, lines in json.loads(path.read_text()).items()}
        for name, lines in self.seen.items():
            found.setdefault(str(Path(name).relative_to(ROOT)), set()).update(lines)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: sorted(lines) for name, lines in sorted(found.items())}))


def executable(path):
    """Lines that hold code: not docstrings, nor what only a type checker reads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        protocol = isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
        if typing or protocol:
            skipped.update(range(node.lineno, node.end_lineno + 1))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.update(range(node.lineno, node.end_lineno + 1))
    lines = set()
    codes = [compile(tree, str(path), "exec")]
    while codes:
        code = codes.pop()
        codes += [item for item in code.co_consts if hasattr(item, "co_lines")]
        # The line of a `def` belongs to what is around it: entering a function is no line of it.
        lines.update(line for _, _, line in code.co_lines() if line)
    return lines - skipped


def shares(path):
    """Yield module, lines that hold code and lines among them that never ran."""
    found = {name: set(lines) for name, lines in json.loads(path.read_text()).items()}
    for module in sorted(ROOT.rglob("*.py")):
        name = str(module.relative_to(ROOT))
        lines = executable(module)
        if lines:
            yield name, len(lines), sorted(lines - found.get(name, set()))


def main():
    """Print the share of each module, the least first, and of all together."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--missing", nargs="*", default=[], help="print the lines that these modules miss")
    parsed = parser.parse_args()
    rows = list(shares(parsed.file))
    for name, total, missing in sorted(rows, key=lambda row: len(row[2]) / row[1]):
        print(f"{1 - len(missing) / total:7.1%}  {len(missing):4} of {total:4}  {name}")
        if name in parsed.missing:
            print(f"         {missing}")
    total, missing = (sum(part(row) for row in rows) for part in (lambda row: row[1], lambda row: len(row[2])))
    print(f"{1 - missing / total:7.1%}  {missing} of {total}  together")


if __name__ == "__main__":
    main()
elif os.environ.get("LINE_COVERAGE"):
    _tracer = Tracer()
    _tracer.start()

    def pytest_unconfigure():
        """Write what this run reached."""
        _tracer.write(Path(os.environ["LINE_COVERAGE"]))
