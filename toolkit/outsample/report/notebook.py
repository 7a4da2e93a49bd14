"""Running a notebook with parameters, and its self-contained HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from outsample.errors import ConfigError, DataMissing, StrategyError, nearest

__all__ = ["run_notebook", "to_html"]

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

    Parameters
    ----------
    notebook, output : path
    parameters : mapping, optional
        Values for names of the cell tagged ``parameters``; an unknown name is refused.
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
        A parameter that the notebook does not have.
    StrategyError
        A cell failed; message and place are those of the cell.
    """
    source, target = Path(notebook), Path(output)
    if not source.is_file():
        raise DataMissing(f"There is no notebook {str(source)!r}.")
    _check_parameters(source, parameters or {})
    target.parent.mkdir(parents=True, exist_ok=True)
    failure = _execute(source, target, dict(parameters or {}), timeout)
    _tidy(target)
    if html:
        target.with_suffix(".html").write_text(to_html(target), encoding="utf-8")
    if failure is not None:
        raise failure
    return target


def _check_parameters(source: Path, parameters: Mapping[str, object]) -> None:
    """papermill only warns on a typo; here it is an error."""
    if not parameters:
        return
    import papermill

    known = set(papermill.inspect_notebook(str(source)))
    for name in parameters:
        if name not in known:
            shown = ", ".join(sorted(known)) or "none"
            raise ConfigError(
                f"{source.name} has no parameter {name!r}.", hint=nearest(name, known) or f"Its parameters: {shown}."
            )


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
            cwd=str(source.parent),
            # The kernel's own notices (on unencrypted loopback, say) are not the report's.
            extra_arguments=["--log-level=ERROR"],
        )
    except PapermillExecutionError as error:
        text = _ANSI.sub("", "\n".join(error.traceback) if error.traceback else str(error.evalue))
        return StrategyError(f"Cell {error.exec_count} of {source.name} failed.\n{text}", error_type=str(error.ename))
    return None


def _tidy(target: Path) -> None:
    """Remove what differs between two equal runs: times, and papermill's record of paths and durations."""
    value = json.loads(target.read_text(encoding="utf-8"))
    value["metadata"].pop("papermill", None)
    for cell in value["cells"]:
        cell["metadata"].pop("papermill", None)
        cell["metadata"].pop("execution", None)
    target.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def to_html(notebook: str | Path) -> str:
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
    body, _ = exporter.from_filename(str(notebook))
    return _without_scripts(str(body))


def _without_scripts(text: str) -> str:
    """Drop scripts: the template's own load MathJax and RequireJS from elsewhere."""
    return re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL | re.IGNORECASE)
