"""``outsample data``: datasets in the store."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.cli.common import DONE, FAILED
from outsample.errors import ConfigError

if TYPE_CHECKING:
    from outsample.archive import Store
    from outsample.cli.common import Commands
    from outsample.data import Dataset

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    data = commands.add_parser(
        "data",
        help="add, list, show, verify and compare datasets",
        epilog="Example: outsample data add prices close.csv volume.csv --licence CC0. "
        "Exit codes: 0 done (diff: the same), 1 verify found damage or diff a difference, 2 could not run.",
        allow_abbrev=False,
    )
    verbs = data.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_add(verbs)
    simple = (
        ("list", _list, "list saved datasets", ()),
        ("show", _show, "show what a dataset covers", (("name", None),)),
        ("verify", _verify, "read every file of every snapshot, or of one dataset, again", (("name", "?"),)),
        ("diff", _diff, "show which cells of two datasets differ", (("a", None), ("b", None))),
    )
    for name, command, text, arguments in simple:
        parser = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        for argument, count in arguments:
            parser.add_argument(argument, nargs=count, help="a name, name@<snapshot id>, or a path")
        _finish(parser, command)
    text = "remove snapshots that no name, run, job or golden result names; earlier meanings of a name go, too"
    collect = verbs.add_parser("gc", help=text, description=text, allow_abbrev=False)
    collect.add_argument("--older-than", default="1d", metavar="AGE", help="spare what is younger (default: 1d)")
    collect.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    _finish(collect, _collect)


def _add_add(verbs: Commands) -> None:
    text = "save files, a qlib data directory or prices from Yahoo as a dataset"
    parser = verbs.add_parser("add", help=text, description=text, allow_abbrev=False)
    parser.add_argument("name")
    parser.add_argument("paths", nargs="*", metavar="FILES|FOLDER", help="csv or parquet files, wide or long")
    parser.add_argument("--qlib", metavar="DIR", help='a qlib data directory; "DIR?instruments=csi300" adds a universe')
    parser.add_argument("--yahoo", metavar="SYMBOLS", help="symbols with commas between (needs the extra: yahoo)")
    parser.add_argument("--start", help="first date, of --yahoo")
    parser.add_argument("--end", help="last date, of --yahoo")
    parser.add_argument("--market", default="US", help="US, TW or CRYPTO: preset of costs and calendar")
    parser.add_argument("--periods-per-year", type=float, help="bars of a year")
    parser.add_argument("--benchmark", metavar="SYMBOL")
    parser.add_argument("--origin", help="where the data come from; kept beside them, not part of their id")
    parser.add_argument("--licence", default="", help="what may be done with them; likewise")
    _finish(parser, _add)


def _finish(parser: argparse.ArgumentParser, command: object) -> None:
    parser.add_argument("--store", help="file or URL; default: the configured store")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)


def _open(parsed: argparse.Namespace) -> Store:
    from outsample.archive import Store

    return Store.open(parsed.store)


def _print(parsed: argparse.Namespace, plain: object, text: object) -> None:
    print(json.dumps(plain, ensure_ascii=False) if parsed.json else text)


def _add(parsed: argparse.Namespace) -> int:
    data, origin = _source(parsed)
    with _open(parsed) as store:
        saved = store.save_dataset(data, parsed.name, origin=parsed.origin or origin, licence=parsed.licence)
    plain = {"name": saved.name, "snapshot_id": saved.id, "dataset_version_ids": dict(saved.frame_ids)}
    lines = [f"{saved.name}@{saved.id}", str(saved), *(f"warning: {text}" for text in saved.warnings)]
    _print(parsed, {**plain, "warnings": list(saved.warnings)}, "\n".join(lines))
    return DONE


def _source(parsed: argparse.Namespace) -> tuple[Dataset, str]:
    from outsample.data import Dataset
    from outsample.data.loaders import from_files, from_qlib

    if sum(map(bool, (parsed.paths, parsed.qlib, parsed.yahoo))) != 1:
        raise ConfigError("data add needs files or a folder, or --qlib DIR, or --yahoo SYMBOLS: one of them.")
    how: dict[str, Any] = {
        "name": parsed.name,
        "market": parsed.market,
        "periods_per_year": parsed.periods_per_year,
        "benchmark": parsed.benchmark,
    }
    if parsed.qlib:
        return from_qlib(parsed.qlib, **how), f"qlib directory {Path(parsed.qlib.partition('?')[0]).name}"
    if parsed.yahoo:
        from outsample.data.yahoo import yahoo_frames

        frames = yahoo_frames(parsed.yahoo.split(","), start=parsed.start, end=parsed.end)
        return Dataset.from_frames(frames, **how), "Yahoo Finance"
    paths = [Path(path).expanduser() for path in parsed.paths]
    return from_files(paths, **how), ", ".join(path.name for path in paths)


def _list(parsed: argparse.Namespace) -> int:
    from outsample.store.snapshots import dataset_rows

    with _open(parsed) as store:
        rows = [row for row in dataset_rows(store) if not row["details"].get("kept")]
    plain = [
        {
            "name": row["name"],
            "snapshot_id": row["snapshot_id"],
            **{key: row["details"].get(key) for key in ("first", "last", "bars", "symbols", "origin", "licence")},
            "market": row["market"],
            "bytes": row["bytes"],
            "created_at": row["created_at"].isoformat(timespec="seconds"),
            "created_by": row["created_by"],
        }
        for row in rows
    ]
    lines = [
        f"{row['name']}@{row['snapshot_id'][:12]}  {row['symbols']} symbols, {row['bars']} bars, "
        f"{str(row['first'])[:10]} to {str(row['last'])[:10]}, {row['bytes']:,} bytes, {row['created_at'][:10]}"
        for row in plain
    ]
    _print(parsed, plain, "\n".join(lines) or "No datasets are saved. Add one: outsample data add NAME FILES")
    return DONE


def _show(parsed: argparse.Namespace) -> int:
    from outsample.data import load
    from outsample.store.snapshots import dataset_rows

    with _open(parsed) as store:
        data = load(parsed.name, store=store)
        rows = [row for row in dataset_rows(store, data.name) if row["snapshot_id"] == data.id]
    said = data.describe()
    kept = {key: rows[0]["details"].get(key) for key in ("origin", "licence")} if rows else {}
    plain = {**said.to_dict(), "snapshot_id": data.id, "dataset_version_ids": dict(data.frame_ids), **kept}
    facts = [f"snapshot: {data.id}", *(f"{key}: {value}" for key, value in kept.items() if value)]
    _print(parsed, plain, "\n".join([*facts, str(said)]))
    return DONE


def _verify(parsed: argparse.Namespace) -> int:
    from outsample.data import load
    from outsample.store.snapshot_care import verify_snapshots
    from outsample.store.snapshots import snapshot_of

    with _open(parsed) as store:
        only = None if parsed.name is None else snapshot_of(store, parsed.name)
        if parsed.name is not None and only is None:
            load(parsed.name, store=store)  # says what is there
        wrong = [] if parsed.name is not None and only is None else verify_snapshots(store, only)
    _print(parsed, {"ok": not wrong, "problems": wrong}, "\n".join(wrong) or "everything is as it was written")
    return FAILED if wrong else DONE


def _diff(parsed: argparse.Namespace) -> int:
    from outsample.archive.differences import data_differences
    from outsample.data import load

    with _open(parsed) as store:
        a, b = load(parsed.a, store=store), load(parsed.b, store=store)
    found = data_differences(a, b)
    plain = {
        "a": a.id,
        "b": b.id,
        "same": not found,
        "changes": [dict(zip(("frame", "text"), line.split(": ", 1), strict=True)) for line in found],
    }
    _print(parsed, plain, "\n".join(found) or "the same content")
    return FAILED if found else DONE


def _collect(parsed: argparse.Namespace) -> int:
    from outsample.store.retention import parse_age
    from outsample.store.snapshot_care import collect_snapshots

    with _open(parsed) as store:
        found = collect_snapshots(store, older_than=parse_age(parsed.older_than), dry_run=parsed.dry_run)
    verb = "would be removed" if found.dry_run else "removed"
    plain = {"snapshots": found.snapshots, "objects": found.objects, "bytes": found.bytes, "dry_run": found.dry_run}
    text = f"{len(found.snapshots)} snapshots, {len(found.objects)} objects, {found.bytes:,} bytes {verb}"
    _print(parsed, plain, text)
    return DONE
