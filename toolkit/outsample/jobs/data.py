"""Data of jobs that have no name: a table made in a notebook is copied beside the store, once."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from outsample.data import Dataset, load
from outsample.errors import DataError, DataMissing, JobError
from outsample.store import Store
from outsample.store.files import sync_folder, workplace, write_text

__all__ = ["kept_data", "load_kept"]


def kept_data(data: Dataset, store: Store) -> bool:
    """Copy a dataset that no name leads to, and say whether there is a copy.

    Raises
    ------
    JobError
        It cannot be written so that it reads back the same.
    """
    for name in (data.name, f"{data.name}@{data.id}"):
        try:
            if load(name, store=store).id == data.id:
                return False
        except DataError:
            continue
    target = _place(data.id, store)
    if not target.is_dir():
        _write(data, target, store)
    return True


def load_kept(snapshot: str, store: Store) -> Dataset:
    """Return a dataset that was copied.

    Raises
    ------
    DataMissing
        There is no copy, or it is not what it was.
    """
    folder = _place(snapshot, store)
    try:
        said = json.loads((folder / "data.json").read_text(encoding="utf-8"))
        data = _read(folder, said)
    except (OSError, ValueError) as error:
        raise DataMissing(f"The data of this job ({snapshot[:12]}) cannot be read: {error}.") from error
    if data.id != snapshot:
        raise DataMissing(f"The data of this job ({snapshot[:12]}) are not what they were.")
    return data


def _place(snapshot: str, store: Store) -> Path:
    return store.folder / "jobs" / "data" / snapshot


def _read(folder: Path, said: dict[str, object]) -> Dataset:
    names = said.pop("frames")
    assert isinstance(names, list)
    frames = {name: pd.read_parquet(folder / f"{number}.parquet") for number, name in enumerate(names)}
    return Dataset.from_frames(frames, **said)  # type: ignore[arg-type]


def _write(data: Dataset, target: Path, store: Store) -> None:
    names = sorted(data.frame_ids)
    said = {"name": data.name, "market": data.market, "periods_per_year": data.periods_per_year, "frames": names}
    # Below the folder of jobs, which is the one that whoever submits must be able to write.
    with workplace(store.folder / "jobs") as folder:
        try:
            for number, name in enumerate(names):
                pd.DataFrame(data.get(name)).to_parquet(folder / f"{number}.parquet")
            write_text(folder / "data.json", json.dumps(said))
            same = _read(folder, dict(said)).id == data.id
        except (OSError, ValueError, TypeError) as error:
            raise JobError(f"The data {data.name!r} cannot be copied for a job: {error}.") from error
        if not same:
            raise JobError(
                f"The data {data.name!r} do not read back as they are, so no worker could load them.",
                hint="Write them to a file and submit the job with its path.",
            )
        sync_folder(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # else somebody else was faster, with the same content
                raise
