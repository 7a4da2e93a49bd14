"""Results that earlier versions wrote: one bundle per released version (`compat/make.py`), kept for good."""

import json
import zipfile
from pathlib import Path

import pytest

from outsample.bundle import open_bundle

BUNDLES = sorted(Path(__file__).parent.glob("compat/result-*.zip"))


@pytest.mark.parametrize("path", BUNDLES, ids=lambda path: path.stem)
def test_a_result_of_an_earlier_version_opens(path):
    """Its numbers are those that it was written with."""
    opened = open_bundle(path)
    with zipfile.ZipFile(path) as packed:
        summary = json.loads(packed.read("result/summary.json"))
    assert opened.key == summary["key"]
    assert opened.metrics.sharpe == pytest.approx(summary["metrics"]["sharpe"], rel=1e-12)
    assert opened.metrics.total_return == pytest.approx(summary["metrics"]["total_return"], rel=1e-12)
    assert opened.data.id == summary["snapshot_id"]


def test_there_is_one():
    """The first version has its bundle."""
    assert BUNDLES
