"""Files that are there whole or not at all: synced, named in a manifest with their sha256, renamed once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outsample.errors import StoreError
from outsample.store.steps import step

__all__ = [
    "MANIFEST",
    "check_folder",
    "discard",
    "publish_folder",
    "sha256_of",
    "size_of",
    "sweep",
    "sync_file",
    "sync_folder",
    "workplace",
    "write_text",
]

MANIFEST = "manifest.json"
_STALE_SECONDS = 86_400.0


@contextmanager
def workplace(root: Path) -> Iterator[Path]:
    """Give an empty folder below ``tmp``; what is left in it at the end is removed."""
    folder = root / "tmp" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8 and wait until it is on the disk."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def publish_folder(folder: Path, target: Path) -> bool:
    """Write the manifest of a folder and move it to its place; False if a whole one is there already.

    After a crash at any moment there is either nothing at `target` or all of it.
    """
    step("manifest")
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): sha256_of(path) for path in found}
    write_text(folder / MANIFEST, json.dumps({"format": 1, "files": files}, indent=1) + "\n")
    sync_folder(folder)
    step("rename")
    for _ in range(3):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except FileNotFoundError:
            continue  # a purge removed the empty folder above it
        except OSError:
            if not target.is_dir():
                raise
            if not check_folder(target):
                return False
            # What is there is broken: out of the way with it.
            broken = target.with_name(f".{uuid.uuid4().hex}")
            target.rename(broken)
            shutil.rmtree(broken, ignore_errors=True)
        else:
            break
    step("sync")
    sync_folder(target.parent)
    sync_folder(target.parent.parent)
    return True


def check_folder(folder: Path) -> list[str]:
    """Return what is wrong with a published folder, in words; empty: nothing."""
    if not folder.is_dir():
        return [f"the folder {folder} is missing"]
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        items = list(files.items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return [f"{folder / MANIFEST} cannot be read: {error}"]
    found = []
    for name, expected in items:
        path = folder / name
        # A name in a manifest never leads outside of its folder.
        if {"", ".", ".."} & set(name.split("/")) or "\\" in name:
            found.append(f"{folder / MANIFEST} has a name that no file has: {name!r}")
        elif not path.is_file():
            found.append(f"{path} is missing")
        elif sha256_of(path) != expected:
            found.append(f"{path} was changed after it was written")
    return found


def discard(root: Path, folder: Path) -> None:
    """Move a folder to the trash, by one rename, and remove the empty folder above it."""
    trash = root / "trash" / uuid.uuid4().hex
    trash.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        folder.rename(trash)
        step("moved")
    if folder.parent.is_dir() and not any(folder.parent.iterdir()):
        folder.parent.rmdir()


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the operating system can say so."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        raise StoreError(f"The folder {folder} cannot be written: {error}.") from error
    finally:
        os.close(handle)


def size_of(folder: Path) -> int:
    """Return the bytes of the files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def sweep(root: Path, *, older_than: float = _STALE_SECONDS) -> int:
    """Remove what crashed writers left below ``tmp``, when it is older than some seconds; return how many."""
    limit, removed = time.time() - older_than, 0
    for folder in (root / "tmp").glob("*"):
        if folder.is_dir() and folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
