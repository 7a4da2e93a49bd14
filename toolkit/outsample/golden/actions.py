"""Recording, checking and accepting golden results."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from outsample import errors
from outsample.archive.explain import Explanation, Side, explain, numbers_of, side_of
from outsample.data import Dataset, load
from outsample.data.content import frame_id
from outsample.golden.checking import GoldenCheck, GoldenStatus, first_difference, moved_metrics
from outsample.golden.files import FOLDER, Golden, check_name, golden_names, read_golden, write_golden
from outsample.ledger.trials import ledger_of
from outsample.pipeline import Outcome, run
from outsample.request import Request
from outsample.results import Result
from outsample.store import Store
from outsample.store.audit import current_role, write_audit
from outsample.store.documents import finite, request_of, run_document
from outsample.store.users import current_user
from outsample.strategy import Strategy

__all__ = ["accept_golden", "check_golden", "golden_of", "record_golden"]

TOLERANCE = 1e-6
MAX_AGE_DAYS = 90.0
# Times and printed text differ from run to run; positions are held by their digest.
_LEFT_OUT = ("seconds", "execution", "positions")


def record_golden(  # noqa: PLR0913 - what an expectation is made of
    result: Result,
    name: str | None = None,
    *,
    reason: str,
    folder: str | Path = FOLDER,
    tolerances: Mapping[str, float] | None = None,
    strategy_file: str | Path | None = None,
    data_file: str | Path | None = None,
    n_trials: int | None = None,
) -> Golden:
    """Write a result down as what is expected from now on.

    Parameters
    ----------
    result : Result
    name : str, optional
        Default: the strategy's.
    reason : str
        Why this is right; must not be empty.
    folder : path
        In the user's repository.
    tolerances : mapping of metric to float, optional
        Relative; 1e-6 for every other metric.
    strategy_file : path, optional
        The file that `check_golden` reads again; without it the source as it is now is checked.
    data_file : path, optional
        File or folder of the data, read again likewise; without it what the dataset's name leads to is checked.
    n_trials : int, optional
        Pinned number of trials; default: the judgement's.

    Raises
    ------
    ConfigError
        No reason, a name that no file can have, a tolerance of an unknown metric, or the name is taken.
    """
    title = check_name(name or result.name)
    if title in golden_names(folder):
        raise errors.ConfigError(
            f"There is a golden result {title!r} already.", hint=f"outsample golden accept {title} --reason '...'"
        )
    golden = golden_of(
        result, title, reason=reason, tolerances=tolerances, strategy_file=strategy_file, n_trials=n_trials
    )
    if data_file is not None:
        golden.document["run"]["data"]["file"] = Path(data_file).as_posix()
    write_golden(golden, folder)
    _told("golden recorded", golden)
    _kept(result.outcome.request.data)
    return golden


def golden_of(
    result: Result,
    name: str,
    *,
    reason: str,
    tolerances: Mapping[str, float] | None = None,
    strategy_file: str | Path | None = None,
    n_trials: int | None = None,
) -> Golden:
    """Return what `record_golden` writes, without writing it."""
    golden = _golden(name, result.outcome, reason, tolerances or {}, strategy_file)
    trials = result.judgement.evidence.n_trials if n_trials is None else n_trials
    return replace(golden, document={**golden.document, "n_trials": trials, "history": []})


def check_golden(
    name: str,
    *,
    folder: str | Path = FOLDER,
    strategy: Strategy | None = None,
    data: Dataset | None = None,
    max_age_days: float = MAX_AGE_DAYS,
) -> GoldenCheck:
    """Run a golden result again and say whether it is still what was accepted.

    Parameters
    ----------
    name : str
    folder : path
    strategy : Strategy, optional
        Instead of the recorded file, or, without one, of the recorded source.
    data : Dataset, optional
        Instead of what the dataset's name leads to now, or, where it leads nowhere, the pinned snapshot.
    max_age_days : float
        Older expectations carry a note.

    Returns
    -------
    GoldenCheck
        Never raises for what a strategy does: that is the status CANNOT_RUN.

    Raises
    ------
    DataMissing, DataInvalid
        There is no such golden result, or its files were changed.
    """
    golden = read_golden(name, folder)
    _noted(golden)
    notes = []
    if golden.age_days > max_age_days:
        notes.append(f"accepted {golden.age_days:.0f} days ago; look whether it is still what is wanted")
    try:
        request, remark = _request(golden, strategy, data)
        outcome = run(request)
    except errors.OutsampleError as error:
        return GoldenCheck(name=name, status=GoldenStatus.CANNOT_RUN, notes=(*notes, str(error)))
    return _compared(golden, outcome, (*notes, *remark))


def accept_golden(name: str, *, reason: str, folder: str | Path = FOLDER, **options: Any) -> GoldenCheck:  # noqa: ANN401
    """Make what a golden result gives now the expectation.

    Parameters
    ----------
    name : str
    reason : str
        Why the change is right; must not be empty.
    folder : path
    **options
        strategy, data: as in `check_golden`.

    Returns
    -------
    GoldenCheck
        The difference that was accepted.

    Raises
    ------
    ConfigError
        No reason; OUTSAMPLE_ROLE is not admin.
    StrategyError
        It cannot be run, so there is nothing to accept.
    """
    _check_reason(reason)
    if current_role() != "admin":
        raise errors.ConfigError("Golden results are accepted by the role admin.", hint="Ask somebody who has it.")
    golden = read_golden(name, folder)
    check = check_golden(name, folder=folder, **options)
    if check.outcome is None:
        raise errors.StrategyError(f"{name} cannot be accepted: {' '.join(check.notes)}")
    old = golden.document
    tolerances = {metric: float(item["tolerance"] or 0.0) for metric, item in golden.metrics.items()}
    new = _golden(name, check.outcome, reason, tolerances, old["run"]["strategy"].get("file"))
    if old["run"]["data"].get("file"):
        new.document["run"]["data"]["file"] = old["run"]["data"]["file"]
    line = {"key": golden.key, **{key: old[key] for key in ("created_at", "approved_by", "reason")}}
    document = {**new.document, "n_trials": old["n_trials"], "history": [*old["history"], line]}
    write_golden(replace(new, document=document), folder)
    _told("golden accepted", replace(new, document=document))
    return check


# -- making one


def _check_reason(reason: str) -> None:
    if not isinstance(reason, str) or not reason.strip():
        raise errors.ConfigError("A golden result needs a reason.", hint="--reason 'new costs since January'")


def _golden(
    name: str, outcome: Outcome, reason: str, tolerances: Mapping[str, float], file: str | Path | None
) -> Golden:
    _check_reason(reason)
    metrics = _metrics(outcome)
    unknown = [metric for metric in tolerances if metric not in metrics]
    if unknown:
        raise errors.ConfigError(f"There is no metric {unknown[0]!r}.", hint=errors.nearest(unknown[0], metrics))
    run_part = {key: value for key, value in run_document(outcome).items() if key not in _LEFT_OUT}
    run_part["strategy"] = {**run_part["strategy"], "file": None if file is None else Path(file).as_posix()}
    document = {
        "version": 1,
        "name": name,
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "approved_by": current_user(),
        "reason": reason.strip(),
        "run": run_part,
        "metrics": {
            metric: {"value": value, "tolerance": float(tolerances.get(metric, TOLERANCE))}
            for metric, value in metrics.items()
        },
        "positions": _digest(outcome, "positions"),
        "trades": _digest(outcome, "trades"),
    }
    return Golden(name=name, document=document, equity=outcome.simulation.equity)


def _metrics(outcome: Outcome) -> dict[str, float | None]:
    """Every number of the metrics, None where undefined."""
    values = outcome.metrics.to_dict()
    return {
        name: finite(float(value))
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _digest(outcome: Outcome, what: str) -> str:
    if what == "positions":
        return frame_id(outcome.positions.frame.astype("float64"))
    return frame_id(outcome.simulation.trades.reset_index(drop=True))


# -- checking one


def _request(golden: Golden, strategy: Strategy | None, data: Dataset | None) -> tuple[Request, tuple[str, ...]]:
    run_part = golden.document["run"]
    kept, notes = run_part["strategy"], list[str]()
    if data is None:
        data, notes = _data(run_part["data"])
    # The policy of a run is the machine's, not the expectation's.
    plain = {**run_part, "request": {key: value for key, value in run_part["request"].items() if key != "policy"}}
    request = request_of(plain, data)
    if strategy is None and kept.get("file"):
        file = Path(kept["file"])
        if file.is_file():
            strategy = Strategy.from_file(file).with_modules(kept["modules"])
            strategy = replace(strategy, name=kept["name"]).with_params(**kept["overrides"])
        else:
            notes.append(f"{kept['file']} is not here; the recorded source was run")
    return request if strategy is None else replace(request, strategy=strategy), tuple(notes)


def _data(described: Mapping[str, Any]) -> tuple[Dataset, list[str]]:
    """What the file or the name leads to now, so that changed data are noticed; else the pinned snapshot."""
    store, _ = ledger_of(None)
    name, wanted, file = described["name"], described["id"], described.get("file")
    if file is not None and Path(file).exists():
        return load(file, store=store), []
    notes = [] if file is None else [f"{file} is not here; the data as they were recorded were used"]
    try:
        return load(name, store=store), notes
    except errors.DataError:
        return load(f"{name}@{wanted}", store=store), notes


def _pinned(described: Mapping[str, Any]) -> Dataset | None:
    """The snapshot that was accepted, if it is kept somewhere."""
    store, _ = ledger_of(None)
    for name in (f"{described['name']}@{described['id']}", described["name"]):
        with contextlib.suppress(errors.DataError):
            found = load(name, store=store)
            if found.id == described["id"]:
                return found
    return None


def _compared(golden: Golden, outcome: Outcome, notes: tuple[str, ...]) -> GoldenCheck:
    moved = moved_metrics(golden, _metrics(outcome))
    first = first_difference(golden.equity, outcome.simulation.equity)
    exact = all(golden.document[what] == _digest(outcome, what) for what in ("positions", "trades"))
    same_data = outcome.request.data.id == golden.snapshot_id
    close = all(item.ok for item in moved)
    other_world = _world(golden.document["run"]["parts"]) != _world(outcome.parts)
    if not same_data:
        status = GoldenStatus.DATA_CHANGED
    elif close and (exact or other_world):
        status = GoldenStatus.SAME
        if not exact:
            notes = (*notes, "other versions of Python's libraries: equal within the tolerances, not to the last bit")
    else:
        status = GoldenStatus.DRIFTED
    explanation = None if status is GoldenStatus.SAME else _explained(golden, outcome)
    return GoldenCheck(
        name=golden.name,
        status=status,
        metrics=moved,
        first_date=first,
        explanation=explanation,
        notes=notes,
        outcome=outcome,
    )


def _world(parts: Mapping[str, Any]) -> tuple[Any, ...]:
    return parts["semantics"], dict(parts["environment"])


def _explained(golden: Golden, outcome: Outcome) -> Explanation:
    run_part, data = golden.document["run"], outcome.request.data
    before, pinned = None, data if data.id == golden.snapshot_id else _pinned(run_part["data"])
    if pinned is not None:
        with contextlib.suppress(errors.OutsampleError):
            before, _ = _request(golden, _recorded(run_part["strategy"]), pinned)
    numbers = {
        name: float("nan") if item["value"] is None else float(item["value"]) for name, item in golden.metrics.items()
    }
    side = Side(
        parts=run_part["parts"],
        numbers={name: numbers[name] for name in numbers_of(outcome)},
        request=before,
        frame_ids=run_part["data"]["frame_ids"],
        source=run_part["strategy"]["source"],
    )
    return explain(side, side_of(outcome), rerun=before is not None)


def _recorded(kept: Mapping[str, Any]) -> Strategy:
    return Strategy(kept["source"], kept["name"], kept["overrides"], kept["modules"])


# -- the store's books


def _kept(data: Dataset) -> None:
    """Keep the data, so that a later change of them can be explained cell by cell."""
    with contextlib.suppress(errors.StoreError):
        store, _ = ledger_of(None)
        if store is not None:
            store.keep_dataset(data)


def _told(action: str, golden: Golden) -> None:
    """Enter it into the store, if there is one: retention keeps what a golden names, and the audit who changed it."""
    with contextlib.suppress(errors.StoreError):
        store, _ = ledger_of(None)
        if store is not None:
            _enter(store, golden)
            write_audit(store, action, golden.name, reason=golden.reason, details={"key": golden.key})


def _noted(golden: Golden) -> None:
    """Enter what was recorded elsewhere, so that this store keeps the run and the data of it, too."""
    import sqlalchemy as sa

    from outsample.store.schema import golden as table

    with contextlib.suppress(errors.StoreError):
        store, _ = ledger_of(None)
        if store is None:
            return
        with store.connect() as connection:
            known = connection.execute(sa.select(table.c.id).where(table.c.result_key == golden.key).limit(1)).first()
        if known is None:
            _enter(store, golden)


def _enter(store: Store, golden: Golden) -> None:
    import sqlalchemy as sa

    from outsample.store.schema import golden as table

    row = {
        "id": str(uuid.uuid4()),
        "name": golden.name,
        "result_key": golden.key,
        "snapshot_id": golden.snapshot_id,
        "document": {"metrics": golden.document["metrics"]},
        "reason": golden.reason,
        "approved_by": golden.approved_by,
        "created_at": golden.created_at,
    }
    with store.begin() as connection:
        connection.execute(sa.insert(table).values(**row))
