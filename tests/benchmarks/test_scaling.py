"""The measurements behind docs/scaling.md at a hundredth of their size: that they run, not how long they take."""

from benchmarks import scaling


def test_the_report_is_made_of_what_was_measured():
    """All pieces are measured at two sizes, and the report has a row for each limit."""
    text = scaling.report(
        scaling.strategies((125, 250), days=300), scaling.paths((100, 200), days=250), scaling.jobs((100, 200), each=3)
    )
    for limit in ("1,000 strategies x 5,000 assets x 20 years", "1,000,000 bootstrap paths", "100,000 jobs"):
        assert f"| {limit}" in text
    assert "| 250 |" in text
    assert "| submit | claim and finish |" in text
