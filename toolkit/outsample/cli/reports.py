"""``outsample report``: execute notebooks with parameters."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.cli.common import DONE
from outsample.errors import ConfigError, DataMissing

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_report(commands)


def _add_report(commands: Commands) -> None:
    report = commands.add_parser(
        "report",
        help="execute a notebook with parameters",
        description="Execute a notebook and write it, and a self-contained HTML page beside it.",
        epilog="Example: outsample report notebooks/quickstart.ipynb -p slow=100 -o out/{name}-{date}.ipynb. "
        "Exit codes: 0 done, 1 a cell failed (both files are written all the same), 2 could not run.",
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
    report.add_argument("--timeout", type=int, default=900, metavar="S", help="seconds a cell may take")
    report.set_defaults(command=_report)


def _report(parsed: argparse.Namespace) -> int:
    from outsample.report.notebook import run_notebook

    source = Path(parsed.notebook)
    if parsed.parameters:
        return _list(source)
    written = run_notebook(
        source,
        _target(source, parsed.output),
        parameters=_given(parsed),
        html=not parsed.no_html,
        timeout=parsed.timeout,
    )
    print(f"notebook: {written}")
    if not parsed.no_html:
        print(f"html: {written.with_suffix('.html')}")
    return DONE


def _list(source: Path) -> int:
    from outsample.report.parameters import notebook_parameters

    if not source.is_file():
        raise DataMissing(f"There is no notebook {str(source)!r}.")
    for item in notebook_parameters(source).values():
        print(f"{item.name} = {item.default!r}{f'  # {item.help}' if item.help else ''}")
    return DONE


def _target(source: Path, output: str | None) -> Path:
    if output is None:
        return source.with_name(f"{source.stem}-report.ipynb")
    today = datetime.datetime.now().astimezone().date().isoformat()
    try:
        return Path(output.format(name=source.stem, date=today))
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(f"-o takes the fields {{name}} and {{date}}. Got {output!r}.") from error


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
