"""The shipped deployment files: parsed, linted, and every command in them run as far as `--help`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from outsample.jobs.guard import check_environment
from outsample.jobs.limits import memory_limit_mb
from outsample.jobs.states import PRIORITIES

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "outsample")
WORKERS = sorted(name for name in OURS if name.startswith("worker-"))


def _commands():
    """Every command line of the files, as a list of words, each once."""
    found = [service["command"] for service in SERVICES.values() if "command" in service]
    found += [service["healthcheck"]["test"][1:] for service in SERVICES.values() if "healthcheck" in service]
    found += [yaml.safe_load(text) for text in re.findall(r"CMD (\[.*\])", DOCKERFILE)]
    return [pytest.param(list(words), id=" ".join(words)[:50]) for words in sorted({tuple(words) for words in found})]


@pytest.mark.parametrize("command", _commands())
def test_every_command_is_one(command):
    """Each command of the files is known, with its verb and flags."""
    if command[0] == "outsample":
        run = subprocess.run(
            [sys.executable, "-m", "outsample", *command[1:], "--help"], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        assert all(flag in run.stdout for flag in command if flag.startswith("--"))
    elif command[0] == "python":
        compile(command[2], "<health>", "exec")
    elif command[0] == "jupyter":
        run = subprocess.run([sys.executable, "-m", "jupyterlab", "--version"], capture_output=True, check=False)
        assert run.returncode == 0
    else:
        assert command[0] in {"redis-server", "redis-cli", "pg_isready"}
        found = shutil.which(command[0]) or pytest.skip(f"{command[0]} is not installed")
        assert subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0


def test_two_workers_per_priority():
    """Every queue is served by two services of their own at least."""
    served = [SERVICES[name]["command"][-1].split(",") for name in WORKERS]
    for priority in PRIORITIES:
        assert sum(priority in queues for queues in served) >= 2
        assert {f"worker-{priority}-1", f"worker-{priority}-2"} <= set(WORKERS)


def test_hostnames_of_workers_differ():
    """Health files carry the name of the host, so no two workers may share one."""
    names = [SERVICES[name]["hostname"] for name in [*WORKERS, "jupyter"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_limits_and_health(name):
    """Every service has limits of memory and processor, and every lasting one a health check."""
    service = SERVICES[name]
    assert "mem_limit" in service
    assert "cpus" in service
    if service["restart"] != "no":
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", OURS)
def test_the_development_user_is_not_deployed(name, monkeypatch):
    """No shipped service turns the development user on, and each is one where it would be refused."""
    environment = SERVICES[name]["environment"]
    assert "OUTSAMPLE_DEV_AUTH" not in environment
    check_environment(environment)
    with pytest.raises(ValueError, match="OUTSAMPLE_DEV_AUTH"):
        check_environment({**environment, "OUTSAMPLE_DEV_AUTH": "true"})
    monkeypatch.setenv("OUTSAMPLE_JOB_MEMORY_LIMIT", environment["OUTSAMPLE_JOB_MEMORY_LIMIT"])
    assert memory_limit_mb() == 4096


def test_the_image_is_built_in_stages_and_runs_as_nobody_special():
    """Two stages, the last one with a user that is not root and a health check; nothing of development in it."""
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(stages) == 2
    assert all(":" in stage and not stage.endswith(":latest") for stage in stages)
    last = DOCKERFILE.rpartition("FROM ")[2]
    user = re.findall(r"^USER (\S+)", last, re.MULTILINE)[-1]
    assert user.split(":")[0] not in {"root", "0"}
    assert "HEALTHCHECK" in last
    assert "OUTSAMPLE_DEV_AUTH" not in DOCKERFILE


def test_versions_and_secrets():
    """PostgreSQL >= 13, Redis >= 6.2 that keeps a log; passwords come from outside and are demanded."""
    assert int(re.search(r":(\d+)", SERVICES["postgres"]["image"]).group(1)) >= 13
    assert int(re.search(r":(\d+)", SERVICES["redis"]["image"]).group(1)) >= 7
    assert SERVICES["redis"]["command"][1:3] == ["--appendonly", "yes"]
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$\{(\w+):\?\}", text))
    assert wanted == set(re.findall(r"^(\w+)=$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert not re.findall(r"\$\{\w+\}", text)  # every one of them with :?


def test_results_are_read_only_for_people():
    """The dashboard's service cannot write results; workers can."""
    assert "results:/results:ro" in SERVICES["jupyter"]["volumes"]
    assert all("results:/results" in SERVICES[name]["volumes"] for name in WORKERS)
    used = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
