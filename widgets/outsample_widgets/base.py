"""What all widgets share: their script, their data as bytes, questions and answers, the static twin."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files

import anywidget
import numpy as np
import pandas as pd
import traitlets

from outsample.errors import OutsampleError
from outsample_widgets.arrays import Layout, pack
from outsample_widgets.twin import Twin

__all__ = ["Arrays", "Reply", "View", "failure", "publish", "script", "style"]

Arrays = Mapping[str, "np.ndarray | pd.Series"]
Reply = tuple[dict[str, object], Arrays]
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@lru_cache(maxsize=32)
def script(name: str) -> str:
    """Return the ES module of a widget with the modules it imports put before it.

    A widget reaches the browser as one module under an address of its own, from which a relative import
    cannot be followed; so shared modules are put in front, once each, without their ``export``.
    """
    parts: list[str] = []
    _gather(name, parts, set())
    return "\n".join(parts)


def _gather(name: str, parts: list[str], done: set[str]) -> None:
    done.add(name)
    text = files("outsample_widgets").joinpath("static", f"{name}.js").read_text(encoding="utf-8")
    for other in _IMPORT.findall(text):
        if other not in done:
            _gather(other, parts, done)
    parts.append(_EXPORT.sub("", _IMPORT.sub("", text)))


@lru_cache(maxsize=1)
def style() -> str:
    """Return the style sheet of the widgets."""
    return files("outsample_widgets").joinpath("static", "style.css").read_text(encoding="utf-8")


class View(anywidget.AnyWidget):
    """A widget with binary data, questions from the browser and a static twin.

    Subclasses set `_esm`, call `put` with their data, answer questions in `answer`, and say in `twin` what
    is shown where no script runs.

    Notes
    -----
    A question is ``{"kind": ..., "id": ...}``; the answer carries its id. What `answer` raises becomes
    text in the widget, with the hint; it never ends the kernel.
    """

    _css = style()
    _data = traitlets.Bytes().tag(sync=True)
    _layout = traitlets.Dict().tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _uid = traitlets.Unicode().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(_uid=uuid.uuid4().hex[:12])
        self.on_msg(self._received)

    def put(self, arrays: Arrays, about: Mapping[str, object]) -> None:
        """Send data: arrays as bytes, the rest as JSON."""
        data, layout = pack(arrays)
        with self.hold_sync():
            self._data, self._layout, self._about = data, layout, dict(about)

    def answer(self, question: Mapping[str, object]) -> Reply | None:
        """Return the answer to a question: JSON and arrays; None: it comes later, by `reply`."""
        raise NotImplementedError

    def reply(
        self,
        question: Mapping[str, object],
        content: Mapping[str, object],
        arrays: Arrays | None = None,
    ) -> None:
        """Send the answer to a question."""
        data, layout = pack(arrays or {})
        self.send({"kind": question.get("kind"), "id": question.get("id"), "layout": layout, **content}, buffers=[data])

    def twin(self) -> Twin:
        """Return what is shown where no script runs."""
        raise NotImplementedError

    @property
    def uid(self) -> str:
        """How the browser finds the twin of this widget."""
        return str(self._uid)

    @property
    def sent_bytes(self) -> int:
        """Size of the data as sent, without the script."""
        return len(self._data) + len(repr(self._layout)) + len(repr(self._about))

    @property
    def layout_of_data(self) -> Layout:
        """Where each array lies in the bytes."""
        return dict(self._layout)

    def _received(self, _widget: object, question: object, _buffers: object) -> None:
        if not isinstance(question, dict):
            return
        try:
            found = self.answer(question)
        except OutsampleError as error:
            self.reply(question, failure(error))
        except Exception as error:  # noqa: BLE001 - a widget shows what went wrong, whatever it was
            self.reply(question, failure(error))
        else:
            if found is not None:
                self.reply(question, found[0], found[1])

    # -- display

    def _repr_mimebundle_(self, **_options: object) -> tuple[dict[str, object], dict[str, object]]:
        bundle, metadata = self._live()
        return {**bundle, **self.twin().bundle()}, metadata

    def _live(self) -> tuple[dict[str, object], dict[str, object]]:
        found = super()._repr_mimebundle_()
        return ({}, {}) if found is None else found

    def _ipython_display_(self, **_options: object) -> None:
        publish(self.twin(), self._uid, *self._live())


def publish(twin: Twin, uid: str, bundle: Mapping[str, object], metadata: Mapping[str, object]) -> None:
    """Display a twin and its widget: two outputs.

    The first survives the kernel; the second hides it while it is alive.
    """
    from IPython import display

    show: Callable[..., None] = display.publish_display_data
    show(twin.bundle(uid))
    show({**bundle, "text/plain": twin.title}, dict(metadata))


def failure(error: BaseException) -> dict[str, object]:
    """Return an error as the browser shows it: message and hint."""
    name = "" if isinstance(error, OutsampleError) else f"{type(error).__name__}: "
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    return {"error": f"{name}{message}", "hint": str(getattr(error, "hint", "") or "")}
