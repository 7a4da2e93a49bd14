"""Sweeps and walk-forwards as jobs: what they chose is checked, and the summary says what was found."""

import pytest

from research.leaky import CLEAN, CLEAN_GRID, LEAKY, LEAKY_GRID, persistent

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.mark.parametrize(("source", "grid", "clean"), [(LEAKY, LEAKY_GRID, False), (CLEAN, CLEAN_GRID, True)])
def test_what_a_job_chose_is_checked(world, source, grid, clean):
    """The leaky one is found out and its clean twin is not, in both kinds; cross-validation brings its paths."""
    data = persistent()
    both = {"grid": grid, "lookahead": "auto"}
    sweep = world.submit(source, data, kind="sweep", **both)
    walk = world.submit(source, data, kind="walk_forward", train=300, test=150, combinatorial=(5, 2), **both)
    for job in (sweep, walk):
        summary = job.result(120).summary
        assert summary["lookahead_clean"] is clean
        assert summary["lookahead"].startswith("no look-ahead found" if clean else "look-ahead found")
        assert summary["evidence"]["n_trials"] == 2
        assert 0.0 <= summary["evidence"]["deflated_sharpe"] <= 1.0
    assert len(walk.result(10).tables["paths"]) == 4


def test_unchecked_is_said(world):
    """lookahead=False is no finding."""
    job = world.submit(CLEAN, persistent(), kind="sweep", grid=CLEAN_GRID, lookahead=False, force=True)
    assert job.result(120).summary["lookahead"] == "not checked"
