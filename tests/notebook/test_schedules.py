"""The schedule lines of the documentation, run as they stand by what would run them."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from browser.lab import free_port
from jobs.redis_server import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "reports.md").read_text(encoding="utf-8")
# What the lines name: quick, and with everything of the report in it.
NIGHTLY = "dataset: synthetic:4x900?seed=3\ngrid: {fast: [20, 50]}\ntrain: 1Y\ntest: 1Y\nn_paths: 0\n"
pytestmark = [pytest.mark.slow]


def section(title):
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def block(title, language, place=0):
    return re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL)[place]


@pytest.fixture
def research(tmp_path, monkeypatch):
    """The folder that the lines mean by /srv/research, with the notebook, its values and an environment."""
    folder = tmp_path / "research"
    (folder / "notebooks").mkdir(parents=True)
    # The template as far as its parameters: what it computes is shown elsewhere, here it is the lines that count.
    template = json.loads((ROOT / "notebooks" / "walk_forward_report.ipynb").read_text(encoding="utf-8"))
    place = next(n for n, cell in enumerate(template["cells"]) if "parameters" in cell["metadata"].get("tags", ()))
    code = {"cell_type": "code", "id": "last", "metadata": {}, "outputs": [], "execution_count": None}
    template["cells"][place + 1 :] = [{**code, "source": "print('report on', dataset, n_paths)"}]
    (folder / "notebooks" / "walk_forward_report.ipynb").write_text(json.dumps(template), encoding="utf-8")
    (folder / "nightly.yaml").write_text(NIGHTLY)
    binary = folder / ".venv" / "bin"
    binary.mkdir(parents=True)
    (binary / "outsample").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m outsample "$@"\n')
    (binary / "outsample").chmod(0o755)
    (binary / "mail").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > mailed\ncat >> mailed\n')
    (binary / "mail").chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OUTSAMPLE_STORE", str(tmp_path / "store.db"))
    return folder


def written(folder):
    """The report of today, whole."""
    today = datetime.now().astimezone().date().isoformat()
    made = folder / "out" / f"walk_forward_report-{today}.ipynb"
    assert made.is_file(), sorted(str(path) for path in folder.rglob("*") if "venv" not in str(path))
    assert "report on synthetic:4x900?seed=3 0" in made.with_suffix(".html").read_text(encoding="utf-8")
    return made


@pytest.mark.notebook
def test_the_line_of_cron(research):
    """Its five fields are working days at 06:15; its command writes the report, and mails the reason if it cannot."""
    from croniter import croniter

    line = block("cron", "text").strip()
    fields, command = " ".join(line.split()[:5]), line.split(maxsplit=5)[5]
    assert croniter(fields, datetime(2026, 1, 2, 7, tzinfo=UTC)).get_next(datetime) == datetime(
        2026, 1, 5, 6, 15, tzinfo=UTC
    )
    assert "%" not in command  # which means a line break to cron
    command = command.replace("/srv/research", shlex.quote(str(research)))
    subprocess.run(["/bin/sh", "-c", command], check=True, cwd="/", timeout=120)
    written(research)
    assert not (research / "mailed").exists()
    (research / "nightly.yaml").write_text("n_pahts: 0\n")
    subprocess.run(["/bin/sh", "-c", command], check=True, cwd="/", timeout=120)
    mailed = (research / "mailed").read_text()
    assert mailed.startswith("-s\nreport failed\ndesk\n")
    assert "'n_paths'" in mailed


@pytest.mark.notebook
def test_the_units_of_systemd(research, tmp_path):
    """systemd finds nothing to object to, and what it would start writes the report."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not on this machine")
    parts = re.split(r"^# /etc/systemd/system/(\S+)$", block("systemd", "ini"), flags=re.MULTILINE)
    units = {
        name: text.replace("/srv/research", str(research)) for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    assert sorted(units) == ["outsample-report.service", "outsample-report.timer"]
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in units]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "outsample-report" in line]
    assert (done.returncode, ours) == (0, []), done.stderr
    when = re.search(r"OnCalendar=(.*)", units["outsample-report.timer"])[1]
    assert subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, check=False).returncode == 0
    started = re.search(r"ExecStart=(.*)", units["outsample-report.service"])[1]
    assert "%" not in started  # which means a specifier to systemd
    subprocess.run(shlex.split(started), check=True, cwd=research, timeout=120)
    written(research)


@pytest.mark.notebook
def test_the_workflow_of_github(research):
    """The workflow is well-formed, its actions are pinned to a version, and its own steps write the report."""
    workflow = yaml.safe_load(block("GitHub Actions", "yaml"))
    assert workflow[True]["schedule"] == [{"cron": "15 6 * * 1-5"}]  # YAML 1.1 reads "on" as true
    steps = workflow["jobs"]["report"]["steps"]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    runs = [step["run"] for step in steps if "run" in step]
    assert runs[0] == "pip install outsample"  # installed here already, and from this folder
    for run in runs[1:]:
        subprocess.run(["bash", "-e", "-c", run], check=True, cwd=research, timeout=120)
    kept = next(step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", ""))
    assert written(research).parent == research / kept


@pytest.mark.notebook
@pytest.mark.server
def test_rq_cron_with_a_real_redis(research, redis_url):
    """RQ's scheduler puts the documented job on its queue, RQ's worker runs it, and the report is there."""
    source = block("rq cron", "python").replace('cron="15 6 * * 1-5"', "interval=3600").replace(
        'kwargs={"n_paths": 500}', f"kwargs={yaml.safe_load(NIGHTLY)!r}"
    )  # fmt: skip
    assert "interval=3600" in source
    assert "synthetic" in source
    (research / "nightly.py").write_text(source)
    rq = [str(Path(sys.executable).parent / "rq")]
    cron, worker = (
        shlex.split(line.replace("redis://127.0.0.1:6379/0", redis_url))[1:]
        for line in block("rq cron", "text").strip().splitlines()
    )
    processes = [subprocess.Popen([*rq, *words], cwd=research, stderr=subprocess.DEVNULL) for words in (worker, cron)]
    try:
        limit = time.monotonic() + 120
        # It appears under its name when it is complete.
        while not list(research.glob("out/*.ipynb")):
            assert time.monotonic() < limit, "no report was made"
            time.sleep(0.2)
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait(30)
    written(research)


def test_a_scheduled_report_that_fails_fails(tmp_path):
    """What a scheduler calls raises: a job that could not run is not done."""
    from outsample.errors import ConfigError, DataMissing
    from outsample.report.notebook import scheduled_report

    with pytest.raises(DataMissing):
        scheduled_report("nowhere.ipynb", "out.ipynb")
    with pytest.raises(ConfigError, match="fields"):
        scheduled_report(str(ROOT / "notebooks" / "alpha_report.ipynb"), "{when}.ipynb")
    with pytest.raises(ConfigError, match="n_path"):
        scheduled_report(str(ROOT / "notebooks" / "alpha_report.ipynb"), str(tmp_path / "out.ipynb"), n_path=3)


@pytest.mark.notebook
def test_a_template_runs_as_jupyter_scheduler_runs_it(research, monkeypatch):
    """nbconvert's preprocessor in a folder of its own, parameters as a cell of assignments behind the tagged one."""
    import nbformat
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import ExecutePreprocessor

    monkeypatch.chdir(research)
    made = nbformat.read(ROOT / "notebooks" / "walk_forward_report.ipynb", as_version=4)
    values = {name: repr(value) for name, value in yaml.safe_load(NIGHTLY).items()}
    cell = nbformat.v4.new_code_cell("\n".join(f"{name} = {text}" for name, text in values.items()))
    place = next(n for n, item in enumerate(made.cells) if "parameters" in item.metadata.get("tags", ()))
    made.cells.insert(place + 1, cell)
    ExecutePreprocessor(kernel_name=made.metadata.kernelspec["name"], store_widget_state=True).preprocess(
        made, {"metadata": {"path": str(research)}}
    )
    page, _ = HTMLExporter().from_notebook_node(made)
    assert "synthetic" in page
    assert "best combination, with hindsight" in page


@pytest.mark.notebook
def test_jupyter_scheduler_itself(research):
    """A real Jupyter Server with the extension: a job over its own API, with parameters, ends as COMPLETED.

    It is in no group of the lock file; without it this test is skipped everywhere.
    """
    pytest.importorskip("jupyter_scheduler")
    shutil.copy(ROOT / "notebooks" / "walk_forward_report.ipynb", research / "template.ipynb")
    port = free_port()
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--ServerApp.root_dir={research}", "--IdentityProvider.token=", "--ServerApp.password="]
    command += ["--ServerApp.disable_check_xsrf=True", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.jpserver_extensions=jupyter_scheduler=True"]
    home = {name: str(research / name.lower()) for name in ("HOME", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    home["JUPYTER_CONFIG_DIR"] = str(research / "config")
    log = research / "server.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(command, env={**os.environ, **home}, cwd=research, stdout=stream, stderr=stream)

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/scheduler/{path}", data=data)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    try:
        limit = time.monotonic() + 240
        job = None
        body = {
            "name": "nightly",
            "input_uri": "template.ipynb",
            "runtime_environment_name": "any",
            "output_formats": ["ipynb", "html"],
            "parameters": {name: repr(value) for name, value in yaml.safe_load(NIGHTLY).items()},
        }
        while time.monotonic() < limit:
            try:
                if job is None:
                    environments = ask("runtime_environments")
                    job = ask("jobs", {**body, "runtime_environment_name": environments[0]["name"]})["job_id"]
                state = ask(f"jobs/{job}")
                if state["status"] in {"COMPLETED", "FAILED"}:
                    break
            except OSError:
                assert server.poll() is None, log.read_text()
            time.sleep(0.5)
        assert state["status"] == "COMPLETED", (state, log.read_text())
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
