"""What a batch runs: strategies from files, folders, notebooks and values, checked before anything starts."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outsample.errors import ConfigError, DataMissing, OutsampleError, ValidationError
from outsample.strategy import Strategy
from outsample.strategy.cells import backtest_cells

__all__ = ["LARGEST_FILE", "LARGEST_SOURCE", "Entry", "gather", "meta_of"]

LARGEST_FILE = 1_000_000
LARGEST_SOURCE = 100_000
_SUFFIXES = (".py", ".ipynb")
_META = re.compile(r"^[ \t]*#[ \t]*meta:(.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One place of a batch: a strategy, or why there is none.

    Parameters
    ----------
    name : str
        For people.
    strategy : Strategy or None
    error : OutsampleError or None
        Why the strategy could not be read; exactly one of the two is there.
    file, cell : str
        Where it came from; empty for a value.
    meta : mapping of str to str
        From ``# meta: key=value`` comments and from the caller, who wins.
    line : str
        What stands behind ``%%backtest`` of its cell.
    options : mapping, optional
        Of this strategy alone, over those of the batch: what `run_many` takes, and ``policy``. None: nobody has
        read `line`; if it has options, the row says that they were not applied.
    notes : tuple of str
        Warnings of its row.
    """

    name: str
    strategy: Strategy | None = None
    error: OutsampleError | None = None
    file: str = ""
    cell: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)
    line: str = ""
    options: Mapping[str, object] | None = None
    notes: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it stands, for a message."""
        return f"{self.file}: {self.cell}" if self.cell else self.file or self.name


def meta_of(source: str) -> dict[str, str]:
    """Return the values of ``# meta: key=value ...`` comments; words without "=" are left alone.

    Examples
    --------
    >>> meta_of("# meta: iteration=5 model='a b'\\nposition = 1")
    {'iteration': '5', 'model': 'a b'}
    """
    found: dict[str, str] = {}
    for match in _META.finditer(source):
        try:
            words = shlex.split(match[1])
        except ValueError:  # a quotation mark that is not closed
            words = match[1].split()
        found.update((name, value) for name, mark, value in (word.partition("=") for word in words) if mark and name)
    return found


def gather(
    items: Iterable[Strategy | Entry | str | Path], *, recursive: bool = False, meta: Mapping[str, str] | None = None
) -> list[Entry]:
    """Return the entries of a batch, in the order given; what cannot be read is an entry with an error.

    Parameters
    ----------
    items : iterable
        A Strategy; the source of one (str); a Path of a ``.py`` file, of an ``.ipynb`` with %%backtest cells,
        or of a folder of them (sorted); or an Entry.
    recursive : bool
        Also folders in folders.
    meta : mapping, optional
        For every entry, over its own.

    Raises
    ------
    ConfigError
        An item is none of these.
    """
    found: list[Entry] = []
    for item in items:
        if isinstance(item, Path):
            found.extend(_of_path(item, recursive=recursive))
        elif isinstance(item, Entry):
            found.append(item)
        elif isinstance(item, Strategy):
            found.append(Entry(name=item.name, strategy=item, meta=meta_of(item.source)))
        elif isinstance(item, str):
            found.append(_of_source(item, f"strategy {len(found) + 1}"))
        else:
            raise ConfigError(
                f"A batch runs strategies. Got {type(item).__name__}.",
                hint="Give Strategy values, sources as text, or pathlib.Path values of files and folders.",
            )
    extra = dict(meta or {})
    return [dataclasses.replace(entry, meta={**entry.meta, **extra}) for entry in found] if extra else found


def _of_path(path: Path, *, recursive: bool) -> list[Entry]:
    if path.is_dir():
        pattern = "**/*" if recursive else "*"
        inside = sorted(file for file in path.glob(pattern) if file.suffix in _SUFFIXES and file.is_file())
        return [entry for file in inside for entry in _of_file(file)]
    return _of_file(path)


def _of_file(path: Path) -> list[Entry]:
    try:
        text = _read(path)
        if path.suffix == ".ipynb":
            cells = list(backtest_cells(path))
            if not cells:
                raise DataMissing(f"{path.name} has no %%backtest cell.")
            return [
                dataclasses.replace(_of_source(cell.source, cell.name, file=str(path), cell=cell.name), line=cell.line)
                for cell in cells
            ]
    except OutsampleError as error:
        return [Entry(name=path.stem or str(path), error=error, file=str(path))]
    return [_of_source(text, path.stem, file=str(path))]


def _read(path: Path) -> str:
    if path.suffix not in _SUFFIXES:
        raise ConfigError(f"{path.name} is no strategy: a .py or .ipynb file is needed.")
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ValidationError(
                f"{path.name} has {size:,} bytes; at most {LARGEST_FILE:,} are read.", hint="Data belong in a dataset."
            )
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DataMissing(f"There is no file {str(path)!r}.") from error
    except UnicodeDecodeError as error:
        raise ValidationError(f"{path.name} is not UTF-8: {error}", hint="Save it as UTF-8.") from error
    except OSError as error:
        raise DataMissing(f"{path.name} cannot be read: {error.strerror or error}") from error


def _of_source(source: str, name: str, *, file: str = "", cell: str = "") -> Entry:
    size = len(source.encode("utf-8", errors="surrogatepass"))
    if size > LARGEST_SOURCE:
        error = ValidationError(
            f"The source of {name!r} has {size:,} bytes; at most {LARGEST_SOURCE:,} are run.",
            hint="Data belong in a dataset, not in the source.",
        )
        return Entry(name=name, error=error, file=file, cell=cell)
    return Entry(name=name, strategy=Strategy(source, name), file=file, cell=cell, meta=meta_of(source))
