"""Tab completion: options of the magic, names of datasets, values of choices."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Iterable
from typing import Any

from outsample.errors import OutsampleError

__all__ = ["add_completion", "candidates", "remove_completion"]

_LINE = re.compile(r"^\s*%%?backtest\b")


def candidates(line: str, datasets: Iterable[str] = ()) -> list[str]:
    """Return what may follow a line of ``%%backtest`` that ends at the cursor.

    Parameters
    ----------
    line : str
        The line up to the cursor.
    datasets : iterable of str
        Names for ``--data``.

    Examples
    --------
    >>> candidates("%%backtest cross --walk")
    ['--walk-forward']
    >>> candidates("%%backtest cross --data sa", ["sample", "mine"])
    ['sample']
    """
    from outsample.notebook.arguments import backtest_parser

    if not _LINE.match(line):
        return []
    words = re.split(r"\s+", line)
    word, before = words[-1], words[-2] if len(words) > 1 else ""
    actions = {option: action for action in backtest_parser()._actions for option in action.option_strings}  # noqa: SLF001 - argparse has no public list
    if before == "--data":
        known: Iterable[str] = datasets
    elif before in actions and actions[before].nargs != 0:
        known = _values(before, actions[before])
    elif word.startswith("-"):
        known = actions
    else:
        return []
    return sorted(name for name in known if name.startswith(word))


def _values(option: str, action: argparse.Action) -> tuple[str, ...]:
    from outsample.engine import list_engines
    from outsample.engine.scores import WEIGHT_METHODS

    if action.choices is not None:
        return tuple(map(str, action.choices))
    return {"--engine": tuple(list_engines()), "--alpha": WEIGHT_METHODS}.get(option, ())


def _datasets(shell: Any) -> list[str]:  # noqa: ANN401 - an InteractiveShell
    from outsample.data import Dataset
    from outsample.ledger.trials import default_store

    found = ["sample", *(name for name, value in shell.user_ns.items() if isinstance(value, Dataset))]
    with contextlib.suppress(OutsampleError):  # completion without a store is still completion
        found += default_store().dataset_names()
    return found


def add_completion(shell: Any) -> None:  # noqa: ANN401
    """Let Tab complete the line of ``%%backtest``."""
    completer = getattr(shell, "Completer", None)
    if completer is None:
        return
    from IPython.core.completer import SimpleCompletion, context_matcher

    remove_completion(shell)

    @context_matcher()  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
    def outsample_matcher(context: Any) -> dict[str, Any]:  # noqa: ANN401 - IPython's CompletionContext
        lines = context.full_text.split("\n")
        line = lines[context.cursor_line][: context.cursor_position]
        found = candidates(line, _datasets(shell))
        return {
            "completions": [SimpleCompletion(text=name, type="option") for name in found],
            "matched_fragment": re.split(r"\s+", line)[-1],
            # Files and Python names are no options.
            "suppress": bool(found),
        }

    outsample_matcher.outsample = True  # type: ignore[attr-defined,unused-ignore]
    completer.custom_matchers.append(outsample_matcher)


def remove_completion(shell: Any) -> None:  # noqa: ANN401
    """Take it away again."""
    completer = getattr(shell, "Completer", None)
    if completer is not None:
        completer.custom_matchers[:] = [m for m in completer.custom_matchers if not getattr(m, "outsample", False)]
