"""Names that become files: what a dataset or a golden result may be called."""

from __future__ import annotations

from outsample.errors import ConfigError

__all__ = ["check_name"]

LONGEST = 120  # bytes: leaves room for an ending on every file system
_FORBIDDEN = frozenset('/\\:*?"<>|@')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def check_name(what: str, name: object) -> str:
    """Return a name that can be a file on every system, or raise ConfigError.

    Parameters
    ----------
    what : str
        What is named, for the message.
    name : str
        Refused: empty, over 120 bytes of UTF-8, ``/ \\ : * ? " < > | @``, control characters, a dot or a blank
        at an end, and the names of devices on Windows.

    Examples
    --------
    >>> check_name("dataset", "台股 2024")
    '台股 2024'
    >>> check_name("dataset", "../secrets")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    outsample.errors.ConfigError: The name of a dataset cannot be ...: it has .... Use letters, digits, - and _.
    """
    wrong = "it is no text" if not isinstance(name, str) else _wrong(name)
    if wrong:
        raise ConfigError(
            f"The name of a {what} cannot be {name!r:.200}: {wrong}.", hint="Use letters, digits, - and _."
        )
    return str(name)


def _wrong(name: str) -> str:  # noqa: PLR0911 - one return per rule
    if not name:
        return "it is empty"
    odd = next((letter for letter in name if letter in _FORBIDDEN), None)
    if odd is not None:
        return f"it has {odd!r}"
    if not name.isprintable():
        return "it has characters that cannot be shown"
    if name != name.strip(" ."):
        return "it begins or ends with a dot or a blank"
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST:
        return f"it is longer than {LONGEST} bytes"
    if name.split(".", maxsplit=1)[0].strip().lower() in _DEVICES:
        return "it is the name of a device on Windows"
    return ""
