"""The plumbing of `StrategyFrame`: building, remembering, pickling, and binary operators that align."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Self, TypeVar, cast

import numpy as np
import pandas as pd

from outsample.data.align import ALL_OPERATORS, align, array_operator
from outsample.data.light import Parts, combinable, kept_parts, parts_of
from outsample.data.memo import FrameContext, Token, copy_on_write
from outsample.errors import ConfigError

__all__ = ["BaseFrame", "again", "made", "whole"]

Array = np.ndarray[Any, Any]
FrameT = TypeVar("FrameT", bound="BaseFrame")
# What pandas keeps in a frame: asked for in vain, it is built.
_BUILT = frozenset({"_mgr", "_attrs", "_flags", "_item_cache"})
_building = threading.RLock()


class BaseFrame(pd.DataFrame):
    """A DataFrame that knows its dataset and aligns with others of its kind; see `StrategyFrame`.

    Results of operators may be light: they hold their `Parts`, and the frame whose memory these are, until
    pandas is asked for something (see `outsample.data.light`).
    """

    # pandas hands _metadata on to what it derives from a frame; the token must not travel with it.
    _metadata: ClassVar[list[str]] = ["_context"]
    _context: FrameContext | None = None
    _token: Token | None = None
    _source: Hashable = None  # the key under which the frame came from its dataset

    @property
    def _constructor_sliced(self) -> type[pd.Series[Any]]:
        return pd.Series

    def _constructor_from_mgr(self, mgr: object, axes: list[pd.Index[Any]]) -> pd.DataFrame:
        # pandas' own way for subclasses builds a DataFrame first and copies its axes once more.
        build = cast(Any, self._constructor)
        return cast(pd.DataFrame, build._from_mgr(mgr, axes=axes))  # noqa: SLF001 - the hook pandas offers

    def __getattr__(self, name: str) -> Any:  # type: ignore[misc]  # noqa: ANN401 - as pandas has it
        if name in _BUILT and "_light" in vars(self):
            self._build()
        return super().__getattr__(name)

    def _build(self) -> None:
        """Become the frame that was meant all the time."""
        with _building:
            light = vars(self).get("_light")
            if light is None:
                return  # another thread was sooner
            parts, owner = light
            if owner is None:
                parts.block.flags.writeable = True  # it is nobody else's
                owner = pd.DataFrame(parts.block.T, index=parts.dates, columns=parts.symbols, copy=False)
            cast(Any, super(pd.DataFrame, self)).__init__(owner._mgr.copy(deep=False))  # noqa: SLF001 - as pandas does it
            del vars(self)["_light"]

    def __getstate__(self) -> dict[str, Any]:
        # The context leads to the whole dataset; a frame sent elsewhere is only itself.
        state = cast(dict[str, Any], super().__getstate__())
        return {**state, "_context": None, "_metadata": list(self._metadata)}

    @classmethod
    def bind(cls, frame: pd.DataFrame, context: FrameContext, key: Hashable = None) -> Self:
        """Return a frame that knows its dataset.

        Parameters
        ----------
        frame : DataFrame [date x symbol]
            Copied only where pandas does not copy on write.
        context : FrameContext
            What it knows.
        key : hashable, optional
            Name of its content: within one context, one key is one content. With it, operators are
            remembered.
        """
        shared = copy_on_write()
        bound = cls(frame, copy=not shared)
        object.__setattr__(bound, "_context", context)
        object.__setattr__(bound, "_source", key)
        if key is not None and shared:
            object.__setattr__(bound, "_token", Token(bound, key))
        return bound

    def _remembered(self, name: str, arguments: tuple[Hashable, ...], compute: Callable[[], Array]) -> Self:
        own = vars(self)
        token, context = own.get("_token"), own.get("_context")
        # What is not built was not written to.
        if token is None or context is None or not ("_light" in own or token.names(self)):
            return self._computed(compute)
        key = (token.key, name, arguments)
        kept = context.memo.get(key)
        if kept is None:
            kept = self._computed(compute)
            object.__setattr__(kept, "_key", key)
            context.memo.put(key, kept)
        return cast(Self, again(kept))

    def _computed(self, compute: Callable[[], Array]) -> Self:
        # Missing and infinite values are ordinary here; uncompiled kernels would warn about them.
        with np.errstate(all="ignore"):
            return made(self, compute())

    def _met(self, exit: pd.DataFrame) -> tuple[Self, pd.DataFrame]:  # noqa: A002
        if not isinstance(exit, pd.DataFrame):
            raise ConfigError(f"exit must be a DataFrame [date x symbol], bool. Got {type(exit).__name__}.")
        entry, leave = align(self, exit)
        return cast(Self, entry), leave

    def _prices(self, price: pd.DataFrame | None) -> pd.DataFrame:
        if price is not None:
            return price
        if self._context is None or self._context.lookup is None:
            raise ConfigError(
                "Prices are needed, and this frame does not come from a dataset.",
                hint="Pass price=close, a DataFrame [date x symbol].",
            )
        return self._context.lookup("close")


def again(kept: FrameT) -> FrameT:
    """Return a frame with the content of one that has a name and that nobody writes to; writing to it copies."""
    own = vars(kept)
    if "_parts" not in own:
        object.__setattr__(kept, "_parts", parts_of(kept) or kept_parts(kept))
    known: dict[str, object] = {name: own[name] for name in ("_token", "_context", "_source") if name in own}
    if "_key" in own:
        known["_token"] = Token(kept, own["_key"], handed_out=False)
    if own["_parts"] is None:
        result = kept.copy(deep=False)
        vars(result).update(known)
        return result
    return _light(type(kept), own["_parts"], kept, known)


def _light(kind: type[FrameT], parts: Parts, owner: BaseFrame | None, known: dict[str, object]) -> FrameT:
    result = object.__new__(kind)
    vars(result).update(known, _light=(parts, owner))
    return result


def made(frame: FrameT, values: Array) -> FrameT:
    """Values [symbol x date] with the labels of a frame, and what it knows of its dataset."""
    parts = parts_of(frame)
    if parts is not None and _is_new(values) and values.dtype.kind in "fiub":
        values.flags.writeable = False
        known = {"_context": vars(frame).get("_context")}
        return _light(type(frame), Parts(values, parts.dates, parts.symbols), None, known)
    dates, symbols = (frame.index, frame.columns) if parts is None else (parts.dates, parts.symbols)
    result = type(frame)(values.T, index=dates, columns=symbols, copy=False)
    object.__setattr__(result, "_context", vars(frame).get("_context"))
    return result


def _is_new(values: Array) -> bool:
    """Whether this is memory of its own, in one piece, that nobody else reads."""
    return values.flags.c_contiguous and values.flags.writeable and not isinstance(values.base, np.ndarray)


def whole(name: str, value: object) -> int:
    """Return an argument that must be a whole number >= 1, or raise ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(f"{name} must be a whole number >= 1. Got {value!r}.")
    return int(value)


def _binary(name: str, reflected: bool) -> Callable[[BaseFrame, object], object]:
    dunder = f"__{'r' if reflected else ''}{name}__"
    plain = getattr(pd.DataFrame, dunder)

    def method(self: BaseFrame, other: object) -> object:
        result = _at_once(name, reflected, self, other)
        if result is not None:
            return result
        if isinstance(other, pd.Series) and isinstance(other.index, pd.DatetimeIndex):
            spread = np.repeat(other.to_numpy()[:, None], len(self.columns), axis=1)
            other = BaseFrame(spread, index=other.index, columns=self.columns)
        if not isinstance(other, BaseFrame):
            return plain(self, other)
        left, right = align(self, other)
        pair = (right, left) if reflected else (left, right)
        values = array_operator(name, pair[0].to_numpy(), pair[1].to_numpy())
        result = plain(left, right) if values is None else made(cast(BaseFrame, left), values.T)
        object.__setattr__(result, "_context", self._context or vars(other).get("_context"))
        return result

    method.__name__ = method.__qualname__ = dunder
    return method


def _at_once(name: str, reflected: bool, frame: BaseFrame, other: object) -> BaseFrame | None:
    """The result of an operator on frames that are not built and have the same labels, or on one and a number."""
    parts = parts_of(frame)
    met = None if parts is None else combinable(parts, other)
    if parts is None or met is None:
        return None
    pair = (met, parts.block) if reflected else (parts.block, met)
    values = array_operator(name, *pair)
    if values is None:
        return None
    values.flags.writeable = False
    context = vars(frame).get("_context") or getattr(other, "_context", None)
    return _light(type(frame), Parts(values, parts.dates, parts.symbols), None, {"_context": context})


for _name in ALL_OPERATORS:
    setattr(BaseFrame, f"__{_name}__", _binary(_name, reflected=False))
    if _name not in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(BaseFrame, f"__r{_name}__", _binary(_name, reflected=True))
