"""The line magics: what is there, what was run, what differs."""

from __future__ import annotations

import shlex
from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class

from outsample.errors import ConfigError, DataMissing, OutsampleError, nearest
from outsample.ledger.trials import default_store
from outsample.notebook.arguments import Parser, meta_values
from outsample.notebook.failure import CellFailed
from outsample.results import Comparison, Result, compare
from outsample.settings import load_settings

__all__ = ["LineMagics"]

_COLUMNS = ["created_at", "name", "dataset", "sharpe", "total_return", "max_drawdown", "success_level", "status"]


@magics_class
class LineMagics(Magics):
    """``%outsample``, ``%runs``, ``%compare``, ``%data``, ``%jobs``."""

    @line_magic
    def outsample(self, line: str) -> None:  # noqa: ARG002 - takes no options
        """Show version, store, dataset, active protections and number of trials."""
        from outsample import __version__

        settings = load_settings()
        print(f"outsample  {__version__}")
        for label, text in (("store", _store_text), ("sandbox", _sandbox_text)):
            try:
                print(f"{label:9}  {text()}")
            except OutsampleError as error:
                print(f"{label:9}  {error}")
        print(f"{'dataset':9}  {settings.dataset}")

    @line_magic
    def runs(self, line: str) -> Any:  # noqa: ANN401 - a DataFrame, displayed
        """Show the recorded results, the newest first: %runs [NAME] [--meta K=V ...] [--limit N] [--show KEY].

        --meta keeps the runs whose ``# meta:`` comments say all of this.
        --show puts the strategy of a key (its first digits are enough) into a new cell.
        """
        parser = Parser(prog="%runs", add_help=False, allow_abbrev=False)
        parser.add_argument("name", nargs="?")
        parser.add_argument("--meta", nargs="+", action="extend", metavar="K=V")
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--show", metavar="KEY")
        try:
            arguments = parser.parse_args(shlex.split(line))
            if arguments.show:
                self._show(arguments.show)
                return None
            meta = meta_values(arguments.meta) if arguments.meta else None
            table = default_store().runs(name=arguments.name, limit=arguments.limit, meta=meta)
        except OutsampleError as error:
            raise CellFailed(error, str(error)) from None
        return table[[*_COLUMNS, "result_key"]].assign(result_key=table["result_key"].str[:12])

    @line_magic
    def compare(self, line: str) -> Comparison:
        """Compare two results: %compare A B, each a variable of the notebook or a key of %runs."""
        try:
            words = shlex.split(line)
            if len(words) != 2:
                raise ConfigError(f"%compare takes two results. Got {len(words)}.", hint="%compare a b")
            return compare(*(self._result(word) for word in words))
        except OutsampleError as error:
            raise CellFailed(error, str(error)) from None

    @line_magic
    def data(self, line: str) -> Any:  # noqa: ANN401 - a DataFrame, or a description
        """List the datasets that --data takes, or describe one: %data [NAME]."""
        import pandas as pd

        from outsample.data import Dataset, load

        name = line.strip()
        try:
            if name:
                value = self._names.get(name)
                return value if isinstance(value, Dataset) else load(name, store=_store_or_none())
        except OutsampleError as error:
            raise CellFailed(error, str(error)) from None
        stored = list(getattr(_store_or_none(), "dataset_names", tuple)())
        rows = [("sample", "shipped"), *((item, "store") for item in stored)]
        rows += [(key, "variable of this notebook") for key, item in self._names.items() if isinstance(item, Dataset)]
        rows.append(("synthetic:500x2520?seed=7", "made on demand: symbols x bars"))
        return pd.DataFrame(rows, columns=["dataset", "from"])

    @line_magic
    def jobs(self, line: str) -> Any:  # noqa: ANN401 - a DataFrame, displayed
        """List background jobs, the newest first: %jobs [STATUS]."""
        from outsample.jobs.states import reap
        from outsample.jobs.table import list_jobs

        try:
            store = default_store()
            reap(store)
            table = list_jobs(store, status=line.strip() or None, limit=50)
        except OutsampleError as error:
            raise CellFailed(error, str(error)) from None
        shown = ["job_id", "name", "kind", "status", "progress_pct", "progress_message", "created_at", "error_message"]
        return table[shown].assign(job_id=table["job_id"].str[:12])

    @property
    def _names(self) -> dict[str, Any]:
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _result(self, word: str) -> Result:
        value = self._names.get(word)
        if isinstance(value, Result):
            return value
        load = getattr(default_store(), "load", None)
        if load is not None and len(word) >= 6 and all(letter in "0123456789abcdef" for letter in word):
            found: Result = load(_whole_key(word))
            return found
        variables = [key for key, item in self._names.items() if isinstance(item, Result)]
        raise DataMissing(
            f"{word!r} is neither a result of this notebook nor a key.",
            hint=nearest(word, variables) or "Bind results with -o NAME, or take a key from %runs.",
        )

    def _show(self, key: str) -> None:
        assert self.shell is not None
        trials = default_store().trials()
        found = trials[trials["result_key"] == _whole_key(key)].iloc[0]
        words = "".join(f" {name}={value!r}" for name, value in dict(found["parameters"]).items())
        params = f" --params{words}" if words else ""
        self.shell.set_next_input(f"%%backtest {found['name']} --data {found['dataset']}{params}\n{found['source']}")


def _store_text() -> str:
    store = default_store()
    return f"{store.url}: {store.count('store').n} distinct trials"


def _sandbox_text() -> str:
    from outsample.sandbox import sandbox_report

    return sandbox_report().level


def _store_or_none() -> Any:  # noqa: ANN401 - a Store or None
    try:
        return default_store()
    except OutsampleError:
        return None


def _whole_key(prefix: str) -> str:
    keys = sorted({key for key in default_store().trials()["result_key"] if str(key).startswith(prefix)})
    if len(keys) != 1:
        count = f"{len(keys)} keys begin" if keys else "No key begins"
        raise DataMissing(f"{count} with {prefix!r}.", hint="%runs lists the keys.")
    return str(keys[0])
