"""The services of the compose file, on this machine: their commands, environments and health checks as they are
written there. Only what a container would bring along is put in: names of hosts, ports, folders.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.test_deploy import COMPOSE, SERVICES, WORKERS
from jobs.world import SOURCE, notebook_data, until
from outsample import backtest
from outsample.archive import Store
from outsample.jobs import submit

pytestmark = [pytest.mark.slow, pytest.mark.server]
SECRETS = {"POSTGRES_PASSWORD": "pg-s3cret", "REDIS_PASSWORD": "redis-s3cret", "JUPYTER_TOKEN": "t0ken"}


class Machine:
    """What compose would do: values of variables, the network, the volumes."""

    def __init__(self, folder, postgres, database, port):
        self.folder, self.port, self.processes = folder, port, {}
        self.places = {
            "@postgres/outsample": f"@/{database}?host={postgres.folder}",
            "@redis:6379": f"@127.0.0.1:{port}",
            "0.0.0.0": "127.0.0.1",
            "8888": str(port),
            "/results": str(folder),
        }

    def filled(self, text):
        """A value of the file as a container would see it, and then as this machine needs it."""
        text = re.sub(r"\$\{(\w+):\?\}", lambda found: SECRETS[found[1]], str(text))
        for before, after in self.places.items():
            text = text.replace(before, after)
        return text

    def environment(self, name):
        """The environment of a service."""
        here = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return here | {key: self.filled(value) for key, value in SERVICES[name]["environment"].items()}

    def words(self, words, *more):
        """A command of the file, with our interpreter and with what differs here at its end."""
        words = [self.filled(word) for word in words]
        own = {"outsample": ["-m", "outsample"], "jupyter": ["-m", "jupyter"], "python": []}
        return ([sys.executable, *own[words[0]], *words[1:]] if words[0] in own else words) + [*more]

    def start(self, name, *more):
        """Start the command of a service."""
        with (self.folder / f"{name}.log").open("wb") as log:
            command = self.words(SERVICES[name]["command"], *more)
            self.processes[name] = subprocess.Popen(command, env=self.environment(name), stdout=log, stderr=log)

    def run(self, name, words, *more, check=False):
        """Run a command in the environment of a service."""
        command = self.words(words, *more)
        return subprocess.run(
            command, env=self.environment(name), capture_output=True, text=True, timeout=90, check=check
        )

    def health(self, name, *more):
        """Whether the health check of a service passes."""
        program, *rest = SERVICES[name]["healthcheck"]["test"][1:]
        return self.run(name, [program, *more, *rest]).returncode == 0

    def stop(self):
        """End all services: with SIGTERM, as compose does, and say how each one ended."""
        for process in self.processes.values():
            process.terminate()
        return {name: process.wait(40) for name, process in self.processes.items()}


@pytest.fixture
def machine(tmp_path, postgres_server, free_port):
    """A machine with the database service and nothing else."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed: run tests/setup_system.sh")
    made = SERVICES["postgres"]["environment"]
    role, database = made["POSTGRES_USER"], f"{made['POSTGRES_DB']}_{os.getpid()}"
    with contextlib.suppress(Exception):
        postgres_server.execute(f"create role {role} login")
    postgres_server.execute(f"create database {database} owner {role}")
    found = Machine(tmp_path, postgres_server, database, free_port)
    try:
        yield found
    finally:
        found.stop()
        postgres_server.execute(f"drop database {database} with (force)")


def test_the_services_work_together(machine, monkeypatch):
    """Redis, migration and every kind of worker: healthy, jobs of all priorities done, ended with 0 on SIGTERM."""
    machine.start("redis", "--port", str(machine.port), "--bind", "127.0.0.1", "--dir", str(machine.folder))
    until(lambda: machine.health("redis", "-p", str(machine.port)), 20)
    for name, value in machine.environment("jupyter").items():
        monkeypatch.setenv(name, value)
    machine.run("migrate", SERVICES["migrate"]["command"], check=True)
    kinds = {tuple(SERVICES[name]["command"]): name for name in WORKERS}
    for name in kinds.values():
        machine.start(name)
    with Store.open() as store:
        assert store.dialect == "postgresql"
        jobs = [submit(SOURCE, "sample", store=store, lookahead=False, priority=p, seed=len(p)) for p in QUEUES]
        assert {job.row["backend"] for job in jobs} == {"rq"}
        assert {job.row["memory_limit_mb"] for job in jobs} == {4096}
        for job in jobs:
            assert job.wait(150).status == "completed", job.message
        assert machine.health(next(iter(kinds.values())))
        direct = backtest(SOURCE, "sample", store=False, lookahead=False, seed=len(QUEUES[0]))
        assert jobs[0].result().canonical_bytes == direct.canonical_bytes
    redis = machine.processes.pop("redis")
    assert set(machine.stop().values()) == {0}
    machine.processes = {"redis": redis}
    assert list(machine.folder.glob("appendonlydir/*"))  # what was queued outlives a restart


def test_the_dashboard_writes_only_where_it_may(machine, monkeypatch):
    """A job with data of a notebook is submitted from the service that may not write results."""
    machine.start("redis", "--port", str(machine.port), "--bind", "127.0.0.1", "--dir", str(machine.folder))
    until(lambda: machine.health("redis", "-p", str(machine.port)), 20)
    for name, value in machine.environment("jupyter").items():
        monkeypatch.setenv(name, value)
    machine.run("migrate", SERVICES["migrate"]["command"], check=True)
    before = set(machine.folder.rglob("*"))
    with Store.open() as store:
        job = submit("position = data.get('close') > data.get('revenue')", notebook_data(), store=store)
        assert job.status == "pending"
    mounts = [volume.split(":") for volume in SERVICES["jupyter"]["volumes"]]
    allowed = [Path(machine.filled(mount[1])) for mount in mounts if mount[-1] != "ro"]
    written = {path for path in set(machine.folder.rglob("*")) - before if path.is_file()}
    assert written
    assert [path for path in written if not any(place in path.parents for place in allowed)] == []
    assert {mount[0] for mount in mounts} <= set(COMPOSE["volumes"])


def test_the_notebook_server_answers_its_health_check(machine):
    """JupyterLab with the flags of the file answers on its port, and asks for the token."""
    machine.start("jupyter", "--allow-root", f"--notebook-dir={machine.folder}")
    until(lambda: machine.health("jupyter") or time.sleep(0.5), 90)
    check = "import urllib.request as u; u.urlopen('http://127.0.0.1:8888/api/contents', timeout=5)"
    assert "403" in machine.run("jupyter", ["python", "-c", check]).stderr
    known = check.replace("/api/contents", "/api/contents?token=" + SECRETS["JUPYTER_TOKEN"])
    assert machine.run("jupyter", ["python", "-c", known]).returncode == 0


QUEUES = ("high", "normal", "low")
