"""From a source to its findings."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from outsample.errors import ConfigError
from outsample.validation.finding import Finding, sort_findings
from outsample.validation.lookahead import check_lookahead
from outsample.validation.reading import read
from outsample.validation.resolve import Resolver
from outsample.validation.rules_attributes import check_attributes
from outsample.validation.rules_calls import check_calls, check_formats, check_texts
from outsample.validation.rules_imports import check_imports
from outsample.validation.rules_names import check_bound, check_dynamic, check_modules, check_names
from outsample.validation.rules_syntax import check_syntax
from outsample.validation.source import check_text, parse, split_lines

__all__ = ["NO_OP_RULES", "no_ops", "validate"]

NO_OP_RULES = frozenset({"plot-ignored", "display-ignored", "login-ignored"})


def validate(source: str, *, modules: Iterable[str] = ()) -> list[Finding]:
    """Return every finding about the source of a strategy, in the order of the source.

    Nothing of the source is run. A source with a finding of severity "error" is not run by the sandbox
    unless asked; warnings are shown with the result. In a strategy the names ``data``, ``sim``, ``pd``
    and ``np`` are there without an import.

    Parameters
    ----------
    source : str
        The text of the strategy.
    modules : iterable of str
        Names of strategy modules that this source may import besides the list.

    Returns
    -------
    list of Finding
        Empty if there is nothing to say. Never raises for any text.

    Raises
    ------
    ConfigError
        If `source` is not a text.

    Examples
    --------
    >>> validate("close = data.get('close')\\nsim(close > close.average(60), resample='M')")
    []
    >>> for finding in validate("import os\\nclose = pd.read_csv('close.csv')"):
    ...     print(finding.line, finding.rule)
    1 import-denied
    2 io-read
    """
    given: object = source
    if not isinstance(given, str):
        hint = "Decode it first, for example path.read_text(encoding='utf-8')."
        raise ConfigError(f"source must be a str. Got {type(given).__name__}.", hint=hint)
    lines = split_lines(source)
    findings = list(check_text(source, lines))
    if any(item.rule in {"source-size", "source-character"} for item in findings):
        return sort_findings(findings)
    tree = parse(source, lines)
    if isinstance(tree, Finding):
        return sort_findings([*findings, tree])
    try:
        findings.extend(_rules(tree, lines, frozenset(modules)))
    except RecursionError:
        message = "The source is nested too deeply to be checked."
        findings.append(Finding("nesting", "error", 1, 1, 1, 1, message, "Split it into several statements."))
    return sort_findings(findings)


def _rules(tree: ast.Module, lines: list[str], modules: frozenset[str]) -> Iterator[Finding]:
    facts = read(tree, lines, modules)
    resolver = Resolver(facts)
    yield from check_syntax(facts)
    yield from check_imports(facts, resolver)
    yield from check_names(facts)
    yield from check_bound(facts)
    yield from check_modules(facts, resolver)
    yield from check_dynamic(facts, resolver)
    yield from check_attributes(facts, resolver)
    yield from check_calls(facts, resolver)
    yield from check_formats(facts, resolver)
    yield from check_texts(facts)
    yield from check_lookahead(facts, resolver)


def no_ops(source: str) -> list[Finding]:
    """Return the calls of a source that the sandbox turns into no-ops: drawing, displaying, logging in.

    Examples
    --------
    >>> [item.rule for item in no_ops("data.get('close').plot()")]
    ['plot-ignored']
    """
    return [item for item in validate(source) if item.rule in NO_OP_RULES]
