"""Settings: defaults < file < environment < keyword, and every wrong one refused with its place and range."""

import dataclasses
import subprocess
import sys

import pytest

from outsample.config import Costs, SandboxPolicy, Thresholds
from outsample.errors import ConfigError
from outsample.settings import Settings, explain_settings, load_settings, settings_file
from outsample.settings.values import SECTIONS


@pytest.fixture
def file(tmp_path):
    """A settings file that sets one key of most sections."""
    path = tmp_path / "outsample.yaml"
    path.write_text(
        "dataset: synthetic:2x50\n"
        "execution:\n  timeout: 60\n  memory: 300\n  start: 2010-01-01\n  fee_ratio: 0.001\n"
        "classification:\n  batch_profitable: 0.5\n"
        "parallel:\n  workers: 3\n"
        "output:\n  progress: false\n"
        "store:\n  url: sqlite:///x.db\n"
        "jobs:\n  backend: rq\n"
        "sandbox:\n  output_kb: 8\n"
        "retry:\n",
        encoding="utf-8",
    )
    return path


def test_each_layer_beats_the_one_below(file):
    """Default, file, environment, keyword."""
    assert load_settings({}).batch_policy().timeout == 420
    assert load_settings({}, file=file).execution.timeout == 60
    environ = {"OUTSAMPLE_EXECUTION__TIMEOUT": "30"}
    assert load_settings(environ, file=file).execution.timeout == 30
    overrides = {"execution.timeout": 10, "execution.memory": None}
    settings = load_settings(environ, file=file, overrides=overrides)
    assert settings.execution.timeout == 10
    assert settings.execution.memory == 300


def test_what_the_file_sets_is_used(file):
    """Values of all sections arrive where they are read."""
    settings = load_settings({}, file=file)
    assert settings.dataset == "synthetic:2x50"
    assert dict(settings.options) == {"start": "2010-01-01", "fee_ratio": 0.001}
    assert settings.thresholds == Thresholds(batch_profitable=0.5)
    assert settings.parallel.workers == 3
    assert not settings.progress
    assert settings.store == "sqlite:///x.db"
    assert settings.jobs.backend == "rq"
    assert settings.batch_policy() == SandboxPolicy(timeout=60, memory_mb=300, output_kb=8)


def test_defaults_are_those_of_the_options():
    """The same numbers as in the classes that use them."""
    settings = load_settings({})
    assert settings == Settings()
    assert settings.thresholds == Thresholds()
    assert settings.policy() == SandboxPolicy()
    assert settings.options == {}


def test_bounds_are_those_of_the_options():
    """What the settings allow, the options take; what they refuse, the options refuse."""
    for environ in ({"OUTSAMPLE_FEE_RATIO": "0.2"}, {"OUTSAMPLE_EXECUTION__MEMORY": "16"}):
        settings = load_settings(environ)
        Costs(**settings.options)
        settings.policy()
    for make in (lambda: Costs(fee_ratio=0.21), lambda: SandboxPolicy(memory_mb=15), lambda: Thresholds(coverage=1.1)):
        with pytest.raises(ConfigError):
            make()
    for environ in (
        {"OUTSAMPLE_FEE_RATIO": "0.21"},
        {"OUTSAMPLE_EXECUTION__MEMORY": "15"},
        {"OUTSAMPLE_CLASSIFICATION__COVERAGE": "1.1"},
    ):
        with pytest.raises(ConfigError):
            load_settings(environ)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("execution:\n  timeot: 3\n", ["'execution.timeot'", "Did you mean 'timeout'?"]),
        ("execution:\n  timeout: -3\n", ["execution.timeout must be a number in (0, 86,400]", "-3"]),
        ("execution:\n  timeout: yes\n", ["execution.timeout must be a number", "True"]),
        ("execution:\n  timeout: [1]\n", ["execution.timeout", "[1]"]),
        ("parallel:\n  workers: 2.5\n", ["parallel.workers must be a whole number in [1, 1,024]", "2.5"]),
        ("jobs:\n  backend: celery\n", ["jobs.backend must be one of local, rq", "celery"]),
        ("executon:\n  timeout: 3\n", ["'executon.timeout'", "'execution'"]),
        ("timeout: 3\n", ["'timeout'"]),
        ("execution: 3\n", ["execution is a section"]),
        ("execution:\n  tax_ratio: 9\n  fee_ratio: 9\n", ["execution.tax_ratio", "execution.fee_ratio", "[0, 0.2]"]),
        ("- a list\n", ["is not YAML"]),
        ("a: [\n", ["is not YAML"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, text, parts):
    """File, key, what is allowed and what was given; all faults at once."""
    path = tmp_path / "outsample.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings({}, file=path)
    assert all(part in str(caught.value) for part in [str(path), *parts])


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"OUTSAMPLE_EXECUTION__TIMEOT": "3"}, ["OUTSAMPLE_EXECUTION__TIMEOT", "'timeout'"]),
        ({"OUTSAMPLE_FEE_RATIO": "much"}, ["OUTSAMPLE_FEE_RATIO", "[0, 0.2]", "'much'"]),
        ({"OUTSAMPLE_PROGRESS": "maybe"}, ["OUTSAMPLE_PROGRESS", "true or false"]),
    ],
)
def test_a_wrong_variable_is_named(environ, parts):
    """The variable, not only the key."""
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    assert all(part in str(caught.value) for part in parts)


def test_an_empty_variable_is_not_set():
    """As a shell leaves it."""
    assert load_settings({"OUTSAMPLE_STORE": "", "OUTSAMPLE_EXECUTION__TIMEOUT": ""}) == Settings()


def test_the_file_is_looked_for(file, tmp_path, monkeypatch):
    """OUTSAMPLE_CONFIG first, then outsample.yaml in the working folder; a missing one that was named is an error."""
    monkeypatch.delenv("OUTSAMPLE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert settings_file().name == file.name
    other = tmp_path / "other.yaml"
    other.write_text("dataset: other\n")
    assert load_settings({"OUTSAMPLE_CONFIG": str(other)}).dataset == "other"
    with pytest.raises(ConfigError, match="OUTSAMPLE_CONFIG"):
        load_settings({"OUTSAMPLE_CONFIG": str(tmp_path / "none.yaml")})


def test_a_changed_file_is_read_again(file):
    """Nothing is remembered longer than the file stays as it is."""
    assert load_settings({}, file=file).execution.timeout == 60
    file.write_text("execution:\n  timeout: 6\n")
    assert load_settings({}, file=file).execution.timeout == 6


def test_every_key_is_explained(file):
    """Value, origin, what is allowed and what it means, for each field of each section."""
    found = explain_settings({"OUTSAMPLE_STORE": "none"}, file=file, overrides={"parallel.workers": 2})
    keys = {item.key: item for item in found}
    expected = {f"{name}.{field.name}" for name, cls in SECTIONS.items() for field in dataclasses.fields(cls)}
    assert set(keys) == expected | {"dataset"}
    assert all(item.allowed and item.text for item in found)
    assert (keys["store.url"].value, keys["store.url"].origin) == ("none", "OUTSAMPLE_STORE")
    assert (keys["execution.timeout"].value, keys["execution.timeout"].origin) == (60.0, str(file))
    assert (keys["parallel.workers"].value, keys["parallel.workers"].origin) == (2, "--workers")
    assert keys["retry.attempts"].origin == "default"


def test_the_settings_of_nobody_load_no_pydantic():
    """A program that sets nothing does not pay for checking it."""
    program = (
        "from outsample.settings import load_settings as f; f({}); import sys; sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
