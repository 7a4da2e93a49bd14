"""A pytest plugin: ``pytest --outsample-golden`` runs the golden results of a folder as tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["GoldenFile", "GoldenItem", "pytest_addoption", "pytest_collect_file"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--outsample-golden``."""
    parser.getgroup("outsample").addoption(
        "--outsample-golden",
        action="store_true",
        help="run golden results (folders with a manifest.json of them) as tests",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GoldenFile | None:
    """Collect the manifest of a folder of golden results."""
    if not parent.config.getoption("--outsample-golden") or file_path.name != "manifest.json":
        return None
    from outsample.golden import golden_names

    if not golden_names(file_path.parent):
        return None
    found: GoldenFile = GoldenFile.from_parent(parent, path=file_path)
    return found


class GoldenFile(pytest.File):
    """The golden results of one folder."""

    def collect(self) -> Iterator[GoldenItem]:
        """Yield one test per name."""
        from outsample.golden import golden_names

        for name in golden_names(self.path.parent):
            yield GoldenItem.from_parent(self, name=name)


class GoldenItem(pytest.Item):
    """One golden result."""

    def runtest(self) -> None:
        """Run it again and fail if it drifted."""
        from outsample.golden import check_golden

        check_golden(self.name, folder=self.path.parent).raise_for_status()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        """Say what moved, without a traceback of ours."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the golden result."""
        return self.path, None, f"golden result {self.name}"
