"""`run_many`: every strategy has its row, in the order of the input, whatever happens to the others."""

import json
import math
import time
import tracemalloc

import jsonschema
import pytest

from outsample import errors
from outsample.batch import BatchReport, Components, Retry, Row, run_many, schema
from outsample.batch.pool import Pool
from outsample.config import SandboxPolicy
from outsample.data import load
from outsample.model import ErrorCategory, ExecutionResult, Status, SuccessLevel, Verdict
from outsample.pipeline import execute

CROSS = "fast = 5\nclose = data.get('close')\nposition = close.average(fast) > close.average(20)\n"
SOURCES = [
    CROSS,
    "position = 1 / 0",
    "position = data.get('nothing')",
    "position = data.get('close') < 0",
    "# meta: iteration=5 model='a b'\n" + CROSS,
    "x = (",
]
QUICK = Retry(delay=0.0)


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x200?seed=4")


@pytest.fixture(scope="module")
def report(data):
    return run_many(SOURCES, data, parallel=2, store=False, lookahead=False)


def _rows(n, **values):
    return tuple(Row(place=place, name=f"s{place}", **values) for place in range(n))


def test_rows_have_the_order_of_the_input(report):
    """Row k is strategy k, with its level and category."""
    assert [row.place for row in report] == list(range(len(SOURCES)))
    assert [row.category for row in report] == [
        None,
        ErrorCategory.CALCULATION,
        ErrorCategory.DATA_MISSING,
        ErrorCategory.ZERO_TRADES,
        None,
        ErrorCategory.SYNTAX,
    ]
    assert [row.executed for row in report] == [True, False, False, True, True, False]


def test_the_number_of_sandboxes_changes_no_number(data, report):
    """One at a time gives the same rows as two at a time."""
    alone = run_many(SOURCES, data, parallel=1, store=False, lookahead=False, use_cache=False)
    assert [row.numbers() for row in alone] == [row.numbers() for row in report]


def test_json_validates_against_the_shipped_schema(report):
    """The schema in the package describes the output, and has no loose ends."""
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(report.to_json()), schema())
    broken = json.loads(report.to_json())
    broken["rows"][0]["level"] = 9
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def test_an_empty_batch_is_a_valid_report(data):
    """Nothing to run: no row, level FAILED, still a report."""
    empty = run_many([], data, store=False)
    jsonschema.validate(json.loads(empty.to_json()), schema())
    assert empty.verdict.level is SuccessLevel.FAILED
    assert "Batch of 0" in empty.to_markdown()
    assert "<!doctype html>" in empty.to_html()


def test_an_infinite_metric_is_null_with_a_reason():
    """JSON has no Infinity."""
    row = Row(place=0, name="x", level=SuccessLevel.PROFITABLE, metrics={"profit_factor": math.inf, "sharpe": None})
    value = json.loads(BatchReport(rows=(row,), total=1).to_json())
    assert value["rows"][0]["metrics"]["profit_factor"] is None
    assert value["rows"][0]["metric_reasons"]["profit_factor"] == "infinite"
    assert value["metrics"]["profit_factor"]["n"] == 0


def test_metrics_are_aggregated_over_those_that_have_them(report):
    """Mean, median, best and worst say how many of how many."""
    values = [row.metrics["max_drawdown"] for row in report if row.executed]
    shown = json.loads(report.to_json())["metrics"]["max_drawdown"]
    assert (shown["n"], shown["of"]) == (3, 6)
    assert shown["mean"] == pytest.approx(sum(values) / 3)
    assert (shown["best"], shown["worst"]) == (max(values), min(values))


def test_errors_are_grouped_by_category_and_shape():
    """Messages that differ in names and numbers only are one shape, with a count and examples."""
    rows = [
        Row(place=n, name=f"s{n}", category=ErrorCategory.DATA_MISSING, message=f"There is no frame 'price:{n}'.")
        for n in range(5)
    ]
    rows.append(Row(place=5, name="s5", category=ErrorCategory.TIMEOUT, message="The limit is 3 s."))
    groups = json.loads(BatchReport(rows=tuple(rows), total=6).to_json())["errors"]
    assert [(group["category"], group["count"]) for group in groups] == [("DATA_MISSING", 5), ("TIMEOUT", 1)]
    assert [shape["shape"] for shape in groups[0]["shapes"]] == ["There is no frame <name>."]
    assert len(groups[0]["shapes"][0]["examples"]) == 3
    assert all(group["suggestion"] for group in groups)


def test_meta_travels_into_rows_and_groups(data):
    """Comments of the source, and the caller's over them."""
    report = run_many([SOURCES[4], CROSS], data, store=False, lookahead=False, meta={"iteration": "7"})
    assert [dict(row.meta) for row in report] == [{"iteration": "7", "model": "a b"}, {"iteration": "7"}]
    groups = json.loads(report.to_json())["groups"]
    assert [(group["key"], group["value"], group["count"]) for group in groups] == [
        ("iteration", "7", 2),
        ("model", "a b", 1),
    ]


def test_every_stage_has_its_seconds(data):
    """load, validate, sandbox, simulate, measure, look-ahead, store and report are timed."""
    row = run_many([CROSS], data, store=False, use_cache=False).rows[0]
    stages = {"load", "validate", "sandbox", "simulate", "measure", "look-ahead", "store", "report"}
    assert set(row.stages) == stages
    assert all(seconds >= 0 for seconds in row.stages.values())
    assert row.stages["sandbox"] >= row.wall_seconds
    assert row.stages["validate"] > 0


def test_what_is_known_is_not_run_again(data):
    """The second batch has the same numbers; its times are not counted a second time."""
    source = CROSS + "tag = 'known'\n"
    first = run_many([source], data, store=False, lookahead=False)
    second = run_many([source], data, store=False, lookahead=False)
    assert (first.rows[0].cached, second.rows[0].cached) == (False, True)
    assert first.rows[0].numbers() == second.rows[0].numbers()
    assert second.summary["wall_seconds"]["total"] == 0
    assert "sandbox" not in second.rows[0].stages


def test_a_wrong_option_is_an_error_of_the_call(data):
    """It is not reported a thousand times, once per strategy."""
    with pytest.raises(errors.ConfigError, match="fee_ratio"):
        run_many([CROSS] * 3, data, store=False, fee_ration=0.1)
    with pytest.raises(errors.ConfigError, match="parallel"):
        run_many([CROSS], data, store=False, parallel=0)
    with pytest.raises(errors.ConfigError, match="int"):
        run_many([3], data, store=False)


def test_components_are_handed_over(data):
    """Executor, extraction, classifiers and reporter are arguments; each is called with what the one before gave."""
    seen = []

    def executor(request, cancel):
        seen.append("executor")
        return execute(request, cancel)

    def extract(result):
        seen.append("extract")
        return result.metrics

    def success(metrics, *, thresholds):
        seen.append("success")
        return Verdict(level=SuccessLevel.VALID_METRICS, reasons=("as told",))

    def reporter(**fields):
        seen.append("reporter")
        return BatchReport(**fields)

    parts = Components(executor=executor, extract=extract, success=success, reporter=reporter, retry=QUICK)
    report = run_many([CROSS], data, store=False, lookahead=False, use_cache=False, components=parts)
    assert seen == ["executor", "extract", "success", "reporter"]
    assert report.rows[0].reasons == ("as told",)


def test_a_fault_of_ours_is_internal_and_the_rest_run(data, caplog):
    """An exception that is no OutsampleError is logged with its traceback."""

    def extract(result):
        if "5" in result.strategy.source:
            raise RuntimeError("a bug")
        return result.metrics

    parts = Components(extract=extract, retry=QUICK)
    report = run_many(
        [CROSS, CROSS.replace("5", "6")], data, store=False, lookahead=False, use_cache=False, components=parts
    )
    assert [row.category for row in report] == [ErrorCategory.INTERNAL, None]
    assert "a bug" in caplog.text
    assert "Traceback" in caplog.text


def _crashing(times):
    left = iter(range(times))

    def executor(request, cancel):
        if next(left, None) is not None:
            return ExecutionResult(status=Status.CRASHED, error="The sandbox server does not answer.")
        return execute(request, cancel)

    return executor


def test_a_fault_of_the_machine_is_tried_again(data):
    """Two crashes of the server, and the third attempt counts; attempts are recorded."""
    parts = Components(executor=_crashing(2), retry=QUICK)
    row = run_many([CROSS], data, parallel=1, store=False, lookahead=False, use_cache=False, components=parts).rows[0]
    assert row.executed
    assert row.attempts == 3


def test_a_failure_of_the_strategy_is_never_tried_again(data):
    """One attempt, whatever it raised."""
    row = run_many(["raise TimeoutError('network')"], data, store=False, components=Components(retry=QUICK)).rows[0]
    assert row.attempts == 1
    assert row.category is ErrorCategory.TIMEOUT


def test_five_faults_of_the_machine_in_a_row_end_the_batch(data):
    """The report has what is done and the cause once; the other strategies are not tried."""
    parts = Components(executor=_crashing(100), retry=Retry(attempts=1))
    report = run_many([CROSS] * 20, data, parallel=1, store=False, lookahead=False, use_cache=False, components=parts)
    assert len(report) == 5
    assert not report.complete
    assert report.ended.count("The sandbox server does not answer.") == 1
    assert report.ended in report.to_markdown().replace("\\", "")
    jsonschema.validate(json.loads(report.to_json()), schema())


def test_ctrl_c_gives_the_report_of_what_is_done(data):
    """The strategies that were ended by it are not judged; those that were done are."""

    def interrupt(finished):
        raise KeyboardInterrupt

    endless = "while True:\n    pass"
    report = run_many([CROSS, *[endless] * 6], data, parallel=2, store=False, lookahead=False, on_result=interrupt)
    assert report.ended == "interrupted"
    assert [row.place for row in report] == [0]
    assert not report.complete


def test_on_result_sees_the_whole_result(data):
    """It is called with row, result or error, and how many are done."""
    seen = []
    run_many([CROSS, "position = 1 / 0"], data, parallel=1, store=False, lookahead=False, on_result=seen.append)
    assert [(item.done, item.total) for item in seen] == [(1, 2), (2, 2)]
    assert seen[0].result.metrics.n_trades > 0
    assert isinstance(seen[1].error, errors.StrategyError)


def test_limits_are_those_of_the_policy(data):
    """A strategy that runs longer than the policy allows is a TIMEOUT and says so."""
    row = run_many(["while True:\n    pass"], data, store=False, policy=SandboxPolicy(timeout=0.5)).rows[0]
    assert row.category is ErrorCategory.TIMEOUT
    assert 0.4 < row.wall_seconds < 5


def test_a_thousand_rows_are_written_in_a_second():
    """JSON and Markdown of 1,000 strategies; the figure is 1 s, the guard 5."""
    metrics = dict.fromkeys(("total_return", "sharpe", "max_drawdown", "n_trades"), 0.5)
    rows = _rows(1000, level=SuccessLevel.PROFITABLE, metrics=metrics, message="x" * 100, reasons=("because",) * 3)
    began = time.perf_counter()
    report = BatchReport(rows=rows, total=1000)
    assert len(report.to_json()) > 100_000
    assert len(report.to_markdown()) > 100_000
    assert time.perf_counter() - began < 5


@pytest.mark.slow
def test_memory_stays_constant(data):
    """Rows are kept, simulations are not: the second fifty add less than 20 kB each."""
    sources = [CROSS.replace("5", str(5 + n % 13)) + f"tag = {n}\n" for n in range(100)]
    run_many(sources[:20], data, store=False, lookahead=False, use_cache=False)
    tracemalloc.start()
    try:
        sizes = []
        for part in (sources[:50], sources[50:]):
            report = run_many(part, data, store=False, lookahead=False, use_cache=False)
            assert report.summary["executed"] == 50
            sizes.append(tracemalloc.get_traced_memory()[0])
        assert sizes[1] - sizes[0] < 50 * 20_000
    finally:
        tracemalloc.stop()


def test_what_a_thread_raises_ends_the_pool():
    """A bug in the pool's own work is not swallowed."""

    def work(place, item, stop):
        raise ArithmeticError(str(place))

    with pytest.raises(ArithmeticError):
        Pool(work, threads=2).run([1, 2, 3], lambda place, value: None)


def test_a_pool_hands_every_item_over_once():
    """Each place is seen exactly once, with its result."""
    seen = {}
    pool = Pool(lambda place, item, stop: item * 2, threads=7)
    assert pool.run(list(range(200)), seen.setdefault)
    assert seen == {place: 2 * place for place in range(200)}
