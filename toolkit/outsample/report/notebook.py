"""Running a notebook with parameters, and its self-contained HTML."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from outsample.errors import ConfigError, DataMissing, StrategyError
from outsample.model import PINNED_TRIALS
from outsample.report.data import COLLECTING, suffixes, taken_out, write_data
from outsample.report.parameters import checked_parameters, notebook_parameters

__all__ = ["output_path", "run_notebook", "scheduled_report", "to_html"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def run_notebook(  # noqa: PLR0913 - what to run, and what to write
    notebook: str | Path,
    output: str | Path,
    *,
    parameters: Mapping[str, object] | None = None,
    html: bool = True,
    data: bool = True,
    timeout: int = 900,
    folder: str | Path | None = None,
) -> Path:
    """Execute a notebook with papermill; the executed notebook and its HTML are written also when it fails.

    They appear under their final names when they are complete, at once and never half-written. Two runs on
    equal inputs give equal bytes, as far as the cells do: nothing of the run itself (times, random ids,
    paths) is kept. A notebook with a parameter ``n_trials`` judges its results by that number, not by the
    store's count, which grows.

    Parameters
    ----------
    notebook, output : path
    parameters : mapping, optional
        Values for names of the cell tagged ``parameters``; see `checked_parameters`.
    html : bool
        Write ``output`` with the suffix ``.html`` beside it.
    data : bool
        Write the results that its cells show as JSON and Parquet beside it; see `outsample.report.data`.
    timeout : int
        Seconds a cell may take.
    folder : path, optional
        Where the kernel runs, and relative paths begin; default: here.

    Returns
    -------
    Path
        The executed notebook.

    Raises
    ------
    DataMissing
        There is no such notebook.
    ConfigError
        A parameter that the notebook does not have, or of another type; nothing was run.
    StrategyError
        A cell failed; message and place are those of the cell.
    """
    source, target = Path(notebook), Path(output)
    if not source.is_file():
        raise DataMissing(f"There is no notebook {str(source)!r}.")
    values = checked_parameters(source, parameters or {})
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".outsample-report-", dir=target.parent) as drafts:
        draft = Path(drafts) / target.name
        used = {name: item.default for name, item in notebook_parameters(source).items()} | values
        with _environment({PINNED_TRIALS: used.get("n_trials"), COLLECTING: 1 if data else None}):
            failure = _execute(source, draft, values, timeout=timeout, folder=folder)
        found = _tidied(draft)
        if data:
            write_data(found, draft, used)
        if html:
            draft.with_suffix(".html").write_text(to_html(draft, title=target.stem), encoding="utf-8")
        _publish(draft, target)
    if failure is not None:
        raise failure
    return target


def output_path(notebook: str | Path, pattern: str | None) -> Path:
    """Return where a report is written: the fields ``{name}`` and ``{date}`` (today's) of a pattern are filled in.

    Raises
    ------
    ConfigError
        Another field.

    Examples
    --------
    >>> output_path("notebooks/weekly.ipynb", "out/{name}.ipynb").as_posix()
    'out/weekly.ipynb'
    """
    source = Path(notebook)
    if pattern is None:
        return source.with_name(f"{source.stem}-report.ipynb")
    today = datetime.datetime.now().astimezone().date().isoformat()
    try:
        return Path(pattern.format(name=source.stem, date=today))
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(f"-o takes the fields {{name}} and {{date}}. Got {pattern!r}.") from error


def scheduled_report(notebook: str, output: str, **parameters: object) -> str:
    """Run a report for a scheduler that calls functions, such as ``rq cron``, and return where it is.

    Parameters
    ----------
    notebook : str
    output : str
        As `output_path` takes it; the date is that of the run.
    **parameters
        As `run_notebook` takes them.

    Raises
    ------
    OutsampleError
        As `run_notebook`: the scheduler's job fails with it.
    """
    return str(run_notebook(notebook, output_path(notebook, output), parameters=parameters))


def _publish(draft: Path, target: Path) -> None:
    """Move what is there to its final names, the notebook last; data of an older run without a successor go."""
    for suffix in (*suffixes(), ".html"):
        made, final = (path.with_name(f"{path.stem}{suffix}") for path in (draft, target))
        if made.exists():
            made.replace(final)
        elif suffix != ".html":
            final.unlink(missing_ok=True)
    draft.replace(target)


@contextlib.contextmanager
def _environment(changes: Mapping[str, object]) -> Iterator[None]:
    """What the kernel inherits; what is None is left as it is."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update({name: str(value) for name, value in changes.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _execute(
    source: Path, target: Path, parameters: dict[str, object], *, timeout: int, folder: str | Path | None
) -> StrategyError | None:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=parameters,
            progress_bar=False,
            execution_timeout=timeout,
            kernel_name="python3",
            cwd=None if folder is None else str(folder),
            # The kernel's own notices (on unencrypted loopback, say) are not the report's.
            extra_arguments=["--log-level=ERROR"],
        )
    except PapermillExecutionError as error:
        text = _ANSI.sub("", "\n".join(error.traceback) if error.traceback else str(error.evalue))
        return StrategyError(f"Cell {error.exec_count} of {source.name} failed.\n{text}", error_type=str(error.ename))
    return None


def _tidied(target: Path) -> list[dict[str, Any]]:
    """Remove what differs between two equal runs: times, paths, random ids, the state of widgets.

    Returns the data that the outputs brought along.
    """
    value = json.loads(target.read_text(encoding="utf-8"))
    found = taken_out(value)
    for name in ("papermill", "widgets"):
        value["metadata"].pop(name, None)
    for place, cell in enumerate(value["cells"]):
        cell["metadata"].pop("papermill", None)
        cell["metadata"].pop("execution", None)
        if "injected-parameters" in cell["metadata"].get("tags", ()):
            cell["id"] = f"injected-parameters-{place}"
        for output in cell.get("outputs", ()):
            # The live widget cannot live here; its static twin in the same bundle does.
            output.get("data", {}).pop(_WIDGET, None)
    target.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def to_html(notebook: str | Path, *, title: str | None = None) -> str:
    """Return a notebook as one HTML page that needs no network and no scripts.

    Rendered from the outputs' own HTML, or their text; nothing is fetched when it is read.
    """
    from nbconvert import HTMLExporter

    exporter = cast(Any, HTMLExporter)(
        template_name="lab",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
    )
    exporter.mathjax_url = ""
    exporter.require_js_url = ""
    exporter.jquery_url = ""
    exporter.mermaid_js_url = ""
    exporter.jupyter_widgets_base_url = ""
    resources = {"metadata": {"name": title or Path(notebook).stem}}
    body, _ = exporter.from_filename(str(notebook), resources=resources)
    return _without_scripts(str(body))


def _without_scripts(text: str) -> str:
    """Drop scripts: the template's own load MathJax and RequireJS from elsewhere."""
    return re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL | re.IGNORECASE)
