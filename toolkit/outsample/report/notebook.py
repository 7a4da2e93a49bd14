"""Running a notebook with parameters, and its self-contained HTML."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from outsample.errors import DataMissing, StrategyError
from outsample.model import PINNED_TRIALS
from outsample.report.parameters import checked_parameters, notebook_parameters

__all__ = ["run_notebook", "to_html"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def run_notebook(
    notebook: str | Path,
    output: str | Path,
    *,
    parameters: Mapping[str, object] | None = None,
    html: bool = True,
    timeout: int = 900,
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
    timeout : int
        Seconds a cell may take.

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
    with tempfile.TemporaryDirectory(prefix=".outsample-report-", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        with _environment(source, values):
            failure = _execute(source, draft, values, timeout)
        _tidy(draft)
        if html:
            page = draft.with_suffix(".html")
            page.write_text(to_html(draft, title=target.stem), encoding="utf-8")
            page.replace(target.with_suffix(".html"))
        draft.replace(target)
    if failure is not None:
        raise failure
    return target


@contextlib.contextmanager
def _environment(source: Path, values: Mapping[str, object]) -> Iterator[None]:
    """What the kernel inherits: the number of trials that the report pins."""
    pinned = values.get("n_trials")
    if pinned is None:
        known = notebook_parameters(source)
        pinned = known["n_trials"].default if "n_trials" in known else None
    before = os.environ.get(PINNED_TRIALS)
    if pinned is not None:
        os.environ[PINNED_TRIALS] = str(pinned)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(PINNED_TRIALS, None)
        else:
            os.environ[PINNED_TRIALS] = before


def _execute(source: Path, target: Path, parameters: dict[str, object], timeout: int) -> StrategyError | None:
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
            # The kernel's own notices (on unencrypted loopback, say) are not the report's.
            extra_arguments=["--log-level=ERROR"],
        )
    except PapermillExecutionError as error:
        text = _ANSI.sub("", "\n".join(error.traceback) if error.traceback else str(error.evalue))
        return StrategyError(f"Cell {error.exec_count} of {source.name} failed.\n{text}", error_type=str(error.ename))
    return None


def _tidy(target: Path) -> None:
    """Remove what differs between two equal runs: times, paths, random ids, the state of widgets."""
    value = json.loads(target.read_text(encoding="utf-8"))
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
