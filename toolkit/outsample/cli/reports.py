"""``outsample report``: execute notebooks with parameters, here or as a background job."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.cli.common import CANNOT_RUN, COULD_NOT_RUN, DONE, FAILED
from outsample.errors import ConfigError, DataMissing, JobError, OutsampleError

if TYPE_CHECKING:
    from outsample.cli.common import Commands
    from outsample.jobs import Job

__all__ = ["add"]

_CELL_SECONDS = 900


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    report = commands.add_parser(
        "report",
        help="execute a notebook with parameters",
        description="Execute a notebook and write it, with a self-contained HTML page and its results as data beside "
        "it: NAME-data.json, NAME-equity.parquet, NAME-trades.parquet.",
        epilog="Example: outsample report notebooks/quickstart.ipynb -p slow=100 -o out/{name}-{date}.ipynb. "
        "Exit codes: 0 done, 1 a cell failed (all files are written all the same), 2 could not run.",
        allow_abbrev=False,
    )
    report.add_argument("notebook")
    report.add_argument("-p", dest="params", action="append", default=[], metavar="K=V", help="a parameter")
    report.add_argument("-f", dest="files", action="append", default=[], metavar="FILE", help="parameters in YAML")
    report.add_argument(
        "-o", dest="output", metavar="FILE", help="the executed notebook; {name} and {date} are filled in"
    )
    report.add_argument("--parameters", action="store_true", help="list the parameters of the notebook and stop")
    report.add_argument("--no-html", action="store_true", help="write no HTML page")
    report.add_argument("--no-data", action="store_true", help="write no results as data")
    report.add_argument("--timeout", type=int, metavar="S", help=f"seconds a cell may take; default: {_CELL_SECONDS}")
    report.add_argument("--job", action="store_true", help="run it as a background job, which keeps the report")
    report.add_argument("--priority", choices=["high", "normal", "low"], help="with --job")
    report.add_argument("--wait", action="store_true", help="with --job: wait for it and copy the report to -o")
    report.add_argument("--notify", metavar="CMD", help="run this command at the end, with the outcome on its input")
    report.set_defaults(command=_report)


def _report(parsed: argparse.Namespace) -> int:
    from outsample.report.notebook import output_path

    source = Path(parsed.notebook)
    if parsed.parameters:
        return _list(source)
    _check(parsed)
    target = output_path(source, parsed.output)
    outcome: dict[str, object] = {"notebook": str(source), "output": str(target), "exit_code": DONE, "error": None}
    try:
        if parsed.job:
            outcome |= _as_job(source, target, parsed)
        else:
            _here(source, target, parsed)
    except OutsampleError as error:
        outcome |= {"exit_code": COULD_NOT_RUN if isinstance(error, CANNOT_RUN) else FAILED, "error": str(error)}
        raise
    finally:
        if parsed.notify:
            from outsample.cli.notifying import tell

            tell(parsed.notify, outcome)
    return int(str(outcome["exit_code"]))


def _check(parsed: argparse.Namespace) -> None:
    """Refuse options that would be ignored."""
    if not parsed.job and (parsed.wait or parsed.priority):
        raise ConfigError("--wait and --priority belong to --job.")
    if parsed.job and not parsed.wait and (parsed.output or parsed.notify):
        raise ConfigError(
            "A job keeps its report in the store; -o and --notify need --wait.", hint="Add --wait, or leave them out."
        )
    if parsed.job and (parsed.no_html or parsed.no_data):
        raise ConfigError("A job writes page and data; --no-html and --no-data are for reports that run here.")


def _here(source: Path, target: Path, parsed: argparse.Namespace) -> None:
    from outsample.report.notebook import run_notebook

    run_notebook(
        source,
        target,
        parameters=_given(parsed),
        html=not parsed.no_html,
        data=not parsed.no_data,
        timeout=parsed.timeout or _CELL_SECONDS,
    )
    _say(target)


def _say(target: Path) -> None:
    """Name the files that are there."""
    from outsample.report.data import suffixes

    print(f"notebook: {target}")
    for label, suffix in (("html", ".html"), *(("data", suffix) for suffix in suffixes())):
        path = target.with_name(f"{target.stem}{suffix}")
        if path.exists():
            print(f"{label}: {path}")


def _as_job(source: Path, target: Path, parsed: argparse.Namespace) -> dict[str, object]:
    """Submit the notebook; with --wait, copy what became of it."""
    from outsample.jobs import submit

    # A report is asked for because its data may have changed: a completed one is run again.
    job = submit(
        source, kind="notebook", parameters=_given(parsed), priority=parsed.priority, timeout=parsed.timeout, force=True
    )
    if not parsed.wait:
        print(f"job: {job.id[:12]} {job.status}\nLook at it with: outsample jobs show {job.id[:12]}")
        return {"job_id": job.id}
    row = job.wait().row
    found = {"job_id": job.id, "status": row["status"], "error": row["error_message"]}
    if row["result_path"]:
        _copy(Path(job.store.folder, row["result_path"]), source, target)
        _say(target)
    if row["status"] != "completed":
        raise _ending(job, str(row["error_category"]), str(row["error_message"]))
    return found


def _ending(job: Job, category: str, message: str) -> OutsampleError:
    """How a job that did not complete ends the command: as the same report would that ran here."""
    from outsample.errors import StrategyError

    text = f"The job {job.id[:12]} is {job.status}: {message}"
    return JobError(text) if category == "None" else StrategyError(text)


def _copy(folder: Path, source: Path, target: Path) -> None:
    """Copy the files of a report under its final names, each at once and whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.iterdir(), key=lambda path: path.suffix == ".ipynb"):
        if file.name.startswith(source.stem):
            final = target.with_name(f"{target.stem}{file.name.removeprefix(source.stem)}")
            draft = final.with_name(f".{final.name}.draft")
            shutil.copyfile(file, draft)
            draft.replace(final)


def _list(source: Path) -> int:
    from outsample.report.parameters import notebook_parameters

    if not source.is_file():
        raise DataMissing(f"There is no notebook {str(source)!r}.")
    for item in notebook_parameters(source).values():
        print(f"{item.name} = {item.default!r}{f'  # {item.help}' if item.help else ''}")
    return DONE


def _given(parsed: argparse.Namespace) -> dict[str, object]:
    """Parameters of the files, beaten by those of the command line."""
    import yaml

    found: dict[str, object] = {}
    for name in parsed.files:
        try:
            values = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"The file of parameters {name!r} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise ConfigError(f"{name!r} must hold names and values. Got {type(values).__name__}.", hint="slow: 100")
        found |= values
    for word in parsed.params:
        name, separator, text = word.partition("=")
        if not separator or not name.isidentifier():
            raise ConfigError(f"A parameter is written name=value. Got {word!r}.")
        found[name] = text  # read as the type that the notebook's default has
    return found
