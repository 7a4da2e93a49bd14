"""A result as one file that another machine can open: strategy, configuration, report, artefacts and data."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from outsample.archive import Store
from outsample.data import Dataset, load
from outsample.errors import DataError, DataMissing, StoreError
from outsample.ledger.trials import judged
from outsample.results import Result
from outsample.store.documents import read_document, rebuild_outcome, request_of
from outsample.store.files import sha256_of
from outsample.store.frames import read_dataset, write_dataset

__all__ = ["bundle", "open_bundle"]

_INDEX = "bundle.json"
_NAME = re.compile(r"(?:result/(?:qlib_reports/)?|data/)?[a-z0-9_]{1,60}\.[a-z0-9]{1,10}")
# More than a bundle holds; a file that unpacks to more is none.
_LARGEST = 16 << 30


def bundle(result: Result, path: str | Path, *, data: bool = True) -> Path:
    """Write a result into one zip file and return its path.

    Parameters
    ----------
    result : Result
    path : path
        The file appears whole, by one rename.
    data : bool
        With the dataset; without it the bundle opens only where the same data are.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    target = Path(path)
    aside = target.with_name(f".{uuid.uuid4().hex}.zip")
    try:
        with tempfile.TemporaryDirectory(prefix="outsample-bundle-") as name, Store.open(":memory:") as store:
            folder = Path(name)
            artefacts = result.save(store)
            found = sorted(path for path in artefacts.rglob("*") if path.is_file())
            files = {f"result/{path.relative_to(artefacts).as_posix()}": path for path in found}
            (folder / "strategy.py").write_text(result.strategy.source, encoding="utf-8")
            result.to_html(folder / "report.html")
            files |= {file.name: file for file in (folder / "strategy.py", folder / "report.html")}
            if data:
                (folder / "data").mkdir()
                write_dataset(folder / "data", result.data)
                files |= {f"data/{file.name}": file for file in sorted((folder / "data").iterdir())}
            _pack(aside, result, files)
        aside.replace(target)
    except OSError as error:
        raise StoreError(f"The bundle {target} cannot be written: {error}.") from error
    finally:
        aside.unlink(missing_ok=True)
    return target


def _pack(path: Path, result: Result, files: Mapping[str, Path]) -> None:
    index = {
        "format": 1,
        "key": result.key,
        "name": result.name,
        "files": {name: sha256_of(file) for name, file in files.items()},
    }
    with ZipFile(path, "w", ZIP_DEFLATED) as packed:
        packed.writestr(_INDEX, json.dumps(index, indent=1, ensure_ascii=False))
        for name, file in files.items():
            packed.write(file, name)


def open_bundle(path: str | Path, *, store: Store | None = None) -> Result:
    """Open a bundle: every file is compared with its sha256, the result made again and compared with its bytes.

    Parameters
    ----------
    path : path
    store : Store, optional
        Save the result there, too.

    Raises
    ------
    StoreError
        It is no bundle, or a file in it was changed (named).
    DataMissing
        It was made without data, and they are not here.
    """
    with tempfile.TemporaryDirectory(prefix="outsample-bundle-") as name:
        folder = Path(name)
        _unpack(Path(path), folder)
        document = read_document(folder / "result" / "run.json")
        data = read_dataset(folder / "data") if (folder / "data").is_dir() else _known_data(document, store)
        request = request_of(document, data)
        outcome = rebuild_outcome(folder / "result", document, request)
    usage = {"stages": document["seconds"], "wall_seconds": outcome.execution.wall_seconds}
    result = Result(
        name=request.strategy.name,
        outcome=outcome,
        judgement=judged(outcome, None, store),
        lookahead=None,
        usage={
            **usage,
            "cpu_seconds": outcome.execution.cpu_seconds,
            "peak_memory_mb": outcome.execution.peak_memory_mb,
        },
    )
    if store is not None:
        result.save(store)
    return result


def _known_data(document: Mapping[str, Mapping[str, str]], store: Store | None) -> Dataset:
    if store is not None:
        return store.data_of(document)
    wanted = document["data"]
    try:
        found = load(wanted["name"])
    except DataError:
        found = None
    if found is None or found.id != wanted["id"]:
        raise DataMissing(
            f"The bundle has no data, and the dataset {wanted['name']!r} ({wanted['id'][:12]}) is not here.",
            hint="Ask for a bundle with data, or add the dataset to the store.",
        )
    return found


def _unpack(path: Path, folder: Path) -> None:
    """Unpack the files that the index names, after comparing them with it."""
    try:
        with ZipFile(path) as packed:
            files = json.loads(packed.read(_INDEX))["files"]
            if sum(item.file_size for item in packed.infolist()) > _LARGEST:
                raise StoreError(f"{path} unpacks to more than {_LARGEST >> 30} GB.")
            for name, expected in files.items():
                # A name never decides where a file goes outside the folder.
                if _NAME.fullmatch(name) is None:
                    raise StoreError(f"{path} has a file with a name that no bundle has: {name!r}.")
                content = packed.read(name)
                if hashlib.sha256(content).hexdigest() != expected:
                    raise StoreError(f"{name} in {path} was changed after it was written.")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
    except FileNotFoundError as error:
        raise DataMissing(f"There is no file {str(path)!r}.") from error
    except (BadZipFile, KeyError, ValueError, TypeError, AttributeError, OSError, RuntimeError) as error:
        raise StoreError(f"{path} cannot be read as a bundle: {error}.") from error
