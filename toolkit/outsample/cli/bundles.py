"""``outsample bundle`` and ``outsample open``: a result as one file for another machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from outsample.cli.common import DONE

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    text = "write a result with its strategy, report, artefacts and data into one zip file"
    make = commands.add_parser(
        "bundle", help=text, description=text, epilog="example: outsample bundle 6c3d5777 out.zip", allow_abbrev=False
    )
    make.add_argument("key", help="key of a stored result, or its first characters")
    make.add_argument("path", help="the zip file")
    make.add_argument("--no-data", action="store_true", help="leave the dataset out")
    make.set_defaults(command=_bundle)
    text = "open a bundle, check it, and save its result in the store"
    opened = commands.add_parser(
        "open", help=text, description=text, epilog="example: outsample open out.zip", allow_abbrev=False
    )
    opened.add_argument("path", help="the zip file")
    opened.add_argument("--html", metavar="FILE", help="write the report as HTML")
    for parser in (make, opened):
        parser.add_argument("--store", help="file or URL; default: the configured store")
    opened.set_defaults(command=_open)


def _bundle(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.archive.bundle import bundle

    with Store.open(parsed.store) as store:
        path = bundle(store.load(parsed.key), parsed.path, data=not parsed.no_data)
    print(f"{path}: {path.stat().st_size:,} bytes")
    return DONE


def _open(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.archive.bundle import open_bundle

    with Store.open(parsed.store) as store:
        result = open_bundle(parsed.path, store=store)
    if parsed.html:
        result.to_html(parsed.html)
    print(result)
    return DONE
