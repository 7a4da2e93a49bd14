"""Where settings come from, and what is refused on the way."""

from __future__ import annotations

import dataclasses
import functools
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outsample.errors import ConfigError, nearest
from outsample.settings.values import SECTIONS, Settings, Text

__all__ = ["FILE_NAME", "Origin", "explain_settings", "load_settings", "settings_file"]

FILE_NAME = "outsample.yaml"
_PREFIX = "OUTSAMPLE_"
# Short names from before there were sections; the long ones are OUTSAMPLE_<SECTION>__<KEY>.
_SHORT = {
    "OUTSAMPLE_STORE": "store.url",
    "OUTSAMPLE_ARTEFACTS": "store.artefacts",
    "OUTSAMPLE_STORE_MAX_BYTES": "store.max_bytes",
    "OUTSAMPLE_ROLE": "store.role",
    "OUTSAMPLE_DATASET": "dataset",
    "OUTSAMPLE_PROGRESS": "output.progress",
    "OUTSAMPLE_FEE_RATIO": "execution.fee_ratio",
    "OUTSAMPLE_TAX_RATIO": "execution.tax_ratio",
    "OUTSAMPLE_LOG": "output.log",
    "OUTSAMPLE_REDIS_URL": "jobs.redis",
}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One setting, with where its value comes from.

    Parameters
    ----------
    key : str
        ``section.key``.
    value : object
    origin : str
        "default", the path of the file, the environment variable, or the flag.
    allowed : str
        What the key takes, in words.
    text : str
        What it means.
    """

    key: str
    value: object
    origin: str
    allowed: str
    text: str


def settings_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the settings file that is read: OUTSAMPLE_CONFIG, else ``outsample.yaml`` here; None: there is none.

    Raises
    ------
    ConfigError
        OUTSAMPLE_CONFIG names a file that does not exist.
    """
    named = (os.environ if environ is None else environ).get("OUTSAMPLE_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"OUTSAMPLE_CONFIG names {named!r}, and there is no such file.")
        return Path(named)
    # An environment that was given stands for itself: the folder of this process is no part of it.
    here = Path(FILE_NAME)
    return here if environ is None and here.is_file() else None


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    file: str | Path | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings: defaults < file < environment < overrides.

    Parameters
    ----------
    environ : mapping, optional
        Instead of ``os.environ``. Read: OUTSAMPLE_<SECTION>__<KEY>, and the short names OUTSAMPLE_STORE,
        OUTSAMPLE_ARTEFACTS, OUTSAMPLE_STORE_MAX_BYTES, OUTSAMPLE_ROLE, OUTSAMPLE_DATASET, OUTSAMPLE_PROGRESS,
        OUTSAMPLE_FEE_RATIO, OUTSAMPLE_TAX_RATIO, OUTSAMPLE_LOG, OUTSAMPLE_REDIS_URL. An empty value counts as
        not set.
    file : path, optional
        Instead of what `settings_file` finds.
    overrides : mapping, optional
        ``section.key`` -> value; None means not given.

    Raises
    ------
    ConfigError
        Unknown keys and values that are not allowed: all of them, with file or variable, key and range.

    Examples
    --------
    >>> load_settings(
    ...     {"OUTSAMPLE_EXECUTION__TIMEOUT": "30"}, overrides={"execution.memory": 256}
    ... ).batch_policy().timeout
    30.0
    """
    given = _layers(environ, file, overrides)
    return _built(tuple(given))


def explain_settings(
    environ: Mapping[str, str] | None = None,
    *,
    file: str | Path | None = None,
    overrides: Mapping[str, object] | None = None,
) -> list[Origin]:
    """Return every setting with its value, where that comes from, and what is allowed."""
    given = _layers(environ, file, overrides)
    settings = _built(tuple(given))
    origins = {key: origin for key, _, origin in given}
    found = []
    for key, hint in _keys().items():
        section, _, name = key.partition(".")
        holder = getattr(settings, "store_settings" if section == "store" else section)
        found.append(
            Origin(
                key=key,
                value=getattr(holder, name) if name else holder,
                origin=origins.get(key, "default"),
                allowed=_allowed(hint),
                text=next((item.text for item in _metadata(hint) if isinstance(item, Text)), ""),
            )
        )
    return found


# -- layers: (key, value, origin), the weakest first

Given = tuple[str, Any, str]


def _layers(
    environ: Mapping[str, str] | None, file: str | Path | None, overrides: Mapping[str, object] | None
) -> list[Given]:
    path = Path(file) if file is not None else settings_file(environ)
    given: list[Given] = [] if path is None else list(_from_file(path))
    given += _from_environment(os.environ if environ is None else environ)
    flags = {key: value for key, value in (overrides or {}).items() if value is not None}
    given += [(key, value, f"--{key.rpartition('.')[2].replace('_', '-')}") for key, value in flags.items()]
    last = {key: (key, value, origin) for key, value, origin in given}
    return list(last.values())


def _from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or text == "":
            continue
        if name in _SHORT:
            yield _SHORT[name], text, name
        elif "__" in name:
            yield name.removeprefix(_PREFIX).lower().replace("__", "."), text, name


def _from_file(path: Path) -> Iterator[Given]:
    try:
        stat = path.stat()
    except OSError as error:
        raise ConfigError(f"The settings file {str(path)!r} cannot be read: {error.strerror}.") from error
    for key, value in _parsed(str(path), stat.st_mtime_ns, stat.st_size):
        yield key, value, str(path)


@functools.lru_cache(maxsize=8)
def _parsed(path: str, changed: int, size: int) -> tuple[tuple[str, Any], ...]:  # noqa: ARG001 - part of the question
    import yaml
    from pydantic_settings import YamlConfigSettingsSource

    try:
        found = YamlConfigSettingsSource(_schema(), yaml_file=path)()
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    items: list[tuple[str, Any]] = []
    for key, value in found.items():
        if isinstance(value, dict):
            items += [(f"{key}.{name}", inner) for name, inner in value.items()]
        elif key in SECTIONS:
            if value is not None:  # a section without keys
                raise ConfigError(f"{path}: {key} is a section: write its keys below it, indented. Got {value!r}.")
        else:
            items.append((str(key), value))
    return tuple((key, str(value) if key in {"execution.start", "execution.end"} else value) for key, value in items)


# -- checking


@functools.lru_cache(maxsize=64)
def _cached(given: tuple[Given, ...]) -> Settings:
    return _checked(given)


def _built(given: tuple[Given, ...]) -> Settings:
    if not given:
        return _DEFAULT
    try:
        return _cached(given)
    except TypeError:  # a list where a value belongs cannot be a key of the cache; the check names it
        return _checked(given)


_DEFAULT = Settings()


def _checked(given: tuple[Given, ...]) -> Settings:
    from pydantic import ValidationError

    origins = {key: origin for key, _, origin in given}
    problems = [_unknown(key, origin) for key, origin in origins.items() if key not in _keys()]
    problems += [
        _problem(key, value, origin)
        for key, value, origin in given
        if isinstance(value, bool) and key in _keys() and bool not in _kinds(_keys()[key])
    ]
    if not problems:
        nested: dict[str, Any] = {}
        for key, value, _ in given:
            section, _, name = key.partition(".")
            if name:
                nested.setdefault(section, {})[name] = value
            else:
                nested[section] = value
        try:
            found = _schema()(**nested)
        except ValidationError as error:
            values = {key: value for key, value, _ in given}
            wrong = dict.fromkeys(".".join(str(part) for part in item["loc"][:2]) for item in error.errors())
            problems = [
                _problem(key, values[key], origins[key])
                for key in (key if key in values else key.partition(".")[0] for key in wrong)
            ]
        else:
            parts = {name: getattr(found, name) for name in ("dataset", *SECTIONS)}
            return Settings(store_settings=parts.pop("store"), **parts)
    raise ConfigError(
        "\n".join(text for text, _ in problems), hint=" ".join(dict.fromkeys(hint for _, hint in problems if hint))
    )


@functools.cache
def _schema() -> Any:  # noqa: ANN401 - a class that exists only once pydantic is loaded
    """The sections as one class of pydantic-settings; its values come from us, source by source."""
    from pydantic import create_model
    from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

    class _Explicit(BaseSettings):
        model_config = SettingsConfigDict(extra="forbid", frozen=True)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is theirs
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings,)

    sections: dict[str, Any] = {name: (cls, cls()) for name, cls in SECTIONS.items()}
    return create_model("SettingsSchema", __base__=_Explicit, dataset=(str, "sample"), **sections)


@functools.cache
def _keys() -> Mapping[str, object]:
    """Every key with its annotation."""
    found: dict[str, object] = {"dataset": typing.Annotated[str, Text("dataset of a run that names none")]}
    for section, cls in SECTIONS.items():
        hints = typing.get_type_hints(cls, include_extras=True)
        found.update({f"{section}.{item.name}": hints[item.name] for item in dataclasses.fields(cls)})
    return found


def _unknown(key: str, origin: str) -> tuple[str, str]:
    section, _, name = key.partition(".")
    if name and section in SECTIONS:
        inside = [known.partition(".")[2] for known in _keys() if known.startswith(f"{section}.")]
        hint = nearest(name, inside) or f"{section} has: {', '.join(inside)}."
    else:
        hint = nearest(section, (*SECTIONS, "dataset")) or f"Sections: {', '.join(SECTIONS)}."
    return f"{origin}: there is no setting {key!r}.", hint


def _problem(key: str, value: object, origin: str) -> tuple[str, str]:
    if key not in _keys():
        return _unknown(key, origin)
    return f"{origin}: {key} must be {_allowed(_keys()[key])}. Got {value!r}.", ""


def _metadata(hint: object) -> tuple[object, ...]:
    return getattr(hint, "__metadata__", ())


def _kinds(hint: object) -> tuple[object, ...]:
    inner = typing.get_args(hint)[0] if _metadata(hint) else hint
    return (inner,) if typing.get_origin(inner) is None else typing.get_args(inner)


def _allowed(hint: object) -> str:
    kinds = _kinds(hint)
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    words = [names[kind] for kind in kinds if kind in names] or [
        f"one of {', '.join(str(kind) for kind in kinds if kind is not type(None))}"
    ]
    words[0] += "".join(f" or {item}" for kind in kinds for item in typing.get_args(kind))
    low = high = ""
    for item in _metadata(hint):
        for name, mark in (("ge", "["), ("gt", "(")):
            if getattr(item, name, None) is not None:
                low = f"{mark}{getattr(item, name):,.10g}"
        for name, mark in (("le", "]"), ("lt", ")")):
            if getattr(item, name, None) is not None:
                high = f"{getattr(item, name):,.10g}{mark}"
    return f"{words[0]} in {low}, {high}" if low and high else words[0]
