"""Log lines and spans."""

import json
import logging
import subprocess
import sys
import types

import pytest

from outsample.errors import ConfigError
from outsample.logs import bound, configure_logging, span


@pytest.fixture(autouse=True)
def _restored():
    logger = logging.getLogger("outsample")
    before = (list(logger.handlers), logger.level)
    yield
    logger.handlers, logger.level = before[0], before[1]


def test_nothing_is_configured_on_import():
    """No handler and no level, on our logger or on the root."""
    program = (
        "import logging, outsample, outsample.logs, outsample.batch, outsample.backtester\n"
        "ours = logging.getLogger('outsample')\n"
        "raise SystemExit(bool(ours.handlers or ours.level or logging.getLogger().handlers))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_line_is_a_json_object(capsys):
    """Message, level, what was bound, and the traceback; on one line, in ASCII."""
    configure_logging(form="json", level="INFO")
    with bound(run_id="r1"), bound(job_id="j2"):
        try:
            raise RuntimeError("壞\n了")
        except RuntimeError:
            logging.getLogger("outsample.batch").exception("it failed: %s", "x")
    logging.getLogger("outsample.batch").debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    value = json.loads(line)
    assert (value["level"], value["message"], value["run_id"], value["job_id"]) == ("ERROR", "it failed: x", "r1", "j2")
    assert "壞" in value["traceback"]
    assert line.isascii()


def test_a_second_call_replaces_the_first(capsys):
    """No line is shown twice, and a handler of the program stays."""
    logger = logging.getLogger("outsample")
    own = logging.NullHandler()
    logger.addHandler(own)
    configure_logging(form="json", level="INFO")
    configure_logging(form="text", level="INFO")
    logger.info("once")
    assert capsys.readouterr().err == "INFO outsample: once\n"
    assert own in logger.handlers


@pytest.mark.parametrize("wrong", [{"form": "xml"}, {"level": "LOUD"}])
def test_other_values_are_refused(wrong):
    """Form and level are checked."""
    with pytest.raises(ConfigError):
        configure_logging(**wrong)


def test_spans_go_through_opentelemetry(monkeypatch):
    """Where the package is there, a span with name and attributes is started and ended; else nothing happens."""
    with span("outsample.test", n=1):
        pass
    seen = []

    class Tracer:
        def start_as_current_span(self, name, attributes):
            seen.append((name, attributes))
            return bound()

    package, trace = types.ModuleType("opentelemetry"), types.ModuleType("opentelemetry.trace")
    trace.get_tracer = lambda name: Tracer()
    package.trace = trace
    monkeypatch.setitem(sys.modules, "opentelemetry", package)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)
    with span("outsample.test", n=1):
        pass
    assert seen == [("outsample.test", {"n": 1})]
