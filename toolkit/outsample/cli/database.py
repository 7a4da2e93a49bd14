"""``outsample db``: the tables of the store, and what is in them."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from outsample.cli.common import DONE, FAILED

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    parser = commands.add_parser("db", help="upgrade, check, back up and rebuild the store", allow_abbrev=False)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text, command in (
        ("upgrade", "bring the tables to this version (example: outsample db upgrade)", _upgrade),
        ("current", "print the version of the tables", _current),
        (
            "check",
            "compare tables with the schema and artefacts with their manifests; exit code 1: differences",
            _check,
        ),
        ("rebuild", "restore results and names of datasets from their files", _rebuild),
    ):
        verb = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        verb.add_argument("--store", help="file or URL; default: the configured store")
        verb.add_argument("--json", action="store_true", help="print JSON")
        verb.set_defaults(command=command)
    text = "copy an SQLite store, while others write, into a folder that is a store itself"
    verb = verbs.add_parser("backup", help=text, description=text, allow_abbrev=False)
    verb.add_argument("folder", help="made if it is not there; what is there of an earlier backup is kept")
    verb.add_argument("--store", help="file or URL; default: the configured store")
    verb.add_argument("--json", action="store_true", help="print JSON")
    verb.set_defaults(command=_backup)


def _upgrade(parsed: argparse.Namespace) -> int:
    from outsample.store import Database
    from outsample.store.migrate import upgrade

    with Database.unprepared(parsed.store) as database:
        version = upgrade(database.engine)
        print(json.dumps({"version": version}) if parsed.json else f"{database.url} is at revision {version}")
    return DONE


def _current(parsed: argparse.Namespace) -> int:
    from outsample.store import Database
    from outsample.store.migrate import head
    from outsample.store.version import current_version

    with Database.unprepared(parsed.store) as database, database.connect() as connection:
        found = {"version": current_version(connection), "newest": head()}
    print(json.dumps(found) if parsed.json else f"revision {found['version'] or 'none'}, newest {found['newest']}")
    return DONE


def _check(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store
    from outsample.store.migrate import damage, drift

    with Store.unprepared(parsed.store) as store:
        tables = damage(store.engine) or drift(store.engine)
        artefacts = [] if tables else store.broken()
    if parsed.json:
        print(json.dumps({"tables": tables, "artefacts": artefacts}))
    else:
        print("\n".join(tables + artefacts) or "tables as in the schema, artefacts whole")
    return FAILED if tables or artefacts else DONE


def _backup(parsed: argparse.Namespace) -> int:
    from outsample.store import Database
    from outsample.store.backup import backup

    with Database.open(parsed.store) as database:
        found = backup(database, parsed.folder)
    if parsed.json:
        print(json.dumps({**dataclasses.asdict(found), "database": str(found.database)}))
    else:
        print(f"{found.database} and {found.copied} new files, {found.bytes:,} bytes")
    return DONE


def _rebuild(parsed: argparse.Namespace) -> int:
    from outsample.archive import Store

    with Store.open(parsed.store) as store:
        found = store.rebuild()
    if parsed.json:
        print(json.dumps(dataclasses.asdict(found)))
    else:
        print(f"results: {len(found.restored)} restored, {found.known} known; {len(found.names)} names of datasets")
        print("\n".join(found.broken), end="\n" if found.broken else "")
    return DONE if not found.broken else FAILED
