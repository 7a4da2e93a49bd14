"""`outsample doctor` and `config show`, on healthy and on broken set-ups."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from outsample.cli import main
from outsample.doctor import check_queue, check_sandbox, check_settings, check_store
from outsample.sandbox.client import ServerProcess
from outsample.settings import load_settings
from outsample.store import Store


@pytest.fixture
def healthy(tmp_path, monkeypatch):
    """A store of its own and nothing else."""
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))


def _status(checks):
    return [check.status for check in checks]


def test_a_healthy_machine(healthy, capsys):
    """Every check is there, none failed, exit code 0; the same as JSON."""
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for name in ("system", "packages", "settings", "store", "data", "queue", "sandbox", "machine"):
        assert name in text
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {check["status"] for check in found} <= {"ok", "warning"}


def test_a_broken_store_is_exit_code_one(healthy, tmp_path, monkeypatch, capsys):
    """The cause and what to do."""
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "file" / "store.db"))
    assert main(["doctor"]) == 1
    assert "failed   store" in capsys.readouterr().out


@pytest.fixture
def read_only():
    """A store in a folder that this user may only read; root takes another user's rights meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="outsample-doctor-"))
    path = folder / "store.db"
    with Store.open(str(path)) as store:
        store.count("store")
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield path
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_store_that_cannot_be_written(read_only):
    """It is there, and a run could record nothing in it."""
    assert _status(check_store(load_settings({"OUTSAMPLE_STORE": str(read_only)}))) == ["failed"]


def test_no_store_is_a_warning():
    """It is allowed, and costs the counting of trials."""
    assert _status(check_store(load_settings({"OUTSAMPLE_STORE": "none"}))) == ["warning"]


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_no_redis_where_one_is_configured():
    """Failed, with the place and without the password."""
    url = f"redis://:secret@127.0.0.1:{_free_port()}/0"
    found = list(check_queue(load_settings({"OUTSAMPLE_JOBS__REDIS": url})))
    assert _status(found) == ["failed"]
    assert "secret" not in found[0].text


@pytest.mark.server
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on this machine")
def test_a_redis_that_answers(tmp_path):
    """Its version is shown."""
    port = _free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            settings = load_settings({"OUTSAMPLE_JOBS__REDIS": f"redis://127.0.0.1:{port}/0"})
            end = time.monotonic() + 10
            while _status(found := list(check_queue(settings))) != ["ok"] and time.monotonic() < end:
                time.sleep(0.1)
            assert found[0].text.startswith("Redis ")
        finally:
            process.terminate()


def test_a_missing_protection_is_found():
    """A server whose children really run without a layer: failed where all of it is required, else a warning."""
    with ServerProcess(off=frozenset({"seccomp", "landlock"})) as server:
        report = server.report
    strict = list(check_sandbox(load_settings({}), report))
    assert strict[0].status == "failed"
    assert "kernel-confined is required" in strict[0].text
    assert any("could" in check.text for check in strict)
    loose = list(check_sandbox(load_settings({"OUTSAMPLE_SANDBOX__REQUIRE": "process-only"}), report))
    assert loose[0].status == "ok"
    assert "warning" in _status(loose)


def test_wrong_settings_are_the_finding(monkeypatch, capsys):
    """The rest is not looked at: it could not be trusted."""
    monkeypatch.setenv("OUTSAMPLE_EXECUTION__TIMEOUT", "-1")
    assert main(["doctor"]) == 1
    assert "execution.timeout must be" in capsys.readouterr().out


def test_a_variable_that_nobody_reads_is_named(monkeypatch):
    """A misspelt setting would otherwise do nothing, silently."""
    monkeypatch.setenv("OUTSAMPLE_STOER", "x.db")
    assert any("OUTSAMPLE_STOER" in check.text for check in check_settings())


def test_config_show(healthy, tmp_path, capsys, monkeypatch):
    """Value, origin, range and meaning; passwords are hidden; JSON for machines; a wrong file is exit code 2."""
    monkeypatch.setenv("OUTSAMPLE_STORE", "postgresql+psycopg://me:secret@127.0.0.1/db")
    file = tmp_path / "outsample.yaml"
    file.write_text("execution:\n  timeout: 33\n")
    assert main(["config", "show", "--config", str(file)]) == 0
    text = capsys.readouterr().out
    assert f"33.0  ({file})" in text
    assert "a number in (0, 86,400]" in text
    assert "secret" not in text
    assert main(["config", "show", "--json"]) == 0
    values = {item["key"]: item for item in json.loads(capsys.readouterr().out)}
    assert values["store.url"]["origin"] == "OUTSAMPLE_STORE"
    file.write_text("execution:\n  timeot: 33\n")
    assert main(["config", "show", "--config", str(file)]) == 2
    assert "timeot" in capsys.readouterr().err
