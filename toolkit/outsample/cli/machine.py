"""``outsample warm``, ``doctor`` and ``config show``: this installation on this machine."""

from __future__ import annotations

import argparse
import json
import re
from typing import TYPE_CHECKING

from outsample.cli.common import DONE, FAILED

if TYPE_CHECKING:
    from outsample.cli.common import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    _add_warm(commands)
    _add_doctor(commands)
    _add_config(commands)


def _add_warm(commands: Commands) -> None:
    warm = commands.add_parser("warm", help="compile every kernel and start a sandbox once", allow_abbrev=False)
    warm.set_defaults(command=_warm)


def _warm(parsed: argparse.Namespace) -> int:  # noqa: ARG001 - takes no options
    import time

    import numpy as np

    from outsample import api
    from outsample.data import load
    from outsample.engine import sim
    from outsample.research.bootstrap import bootstrap
    from outsample.sandbox import close_server
    from outsample.stats import bootstrap_interval, reality_check

    began = time.perf_counter()
    source = "position = data.get('close').average(5) > data.get('close').average(10)"
    data = load("synthetic:3x120?seed=1")
    result = api.backtest(source, data, store=False)
    result.to_html()
    # The variants of the kernel: stops, weights, a plain frame of closes.
    close = data.get("close")
    weights = (close > close.shift(1)) * 0.5
    for options in ({}, {"stop_loss": 0.1}, {"stop_loss": 0.1, "touched_exit": True}):
        len(sim(weights, data, **options).trades)
    sim(weights, data.frame("close"))
    chosen, grid = f"n = 5\n{source.replace('5', 'n', 1)}", {"n": [5, 6, 7]}
    for several in (data, load("synthetic:1x120?seed=1")):  # one symbol has kernels of its own
        api.sweep(chosen, several, grid, store=False, lookahead=False)
        api.walk_forward(chosen, several, grid, train=60, test=20, store=False, lookahead=False)
    bootstrap(result.returns, n_paths=10, time_under_water=True).fan()
    reality_check(result.returns, n_bootstrap=10)
    bootstrap_interval(result.returns, np.mean, n_bootstrap=10)
    close_server()
    print(f"warm after {time.perf_counter() - began:.1f} s")
    return DONE


def _add_doctor(commands: Commands) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what works on this machine",
        description="Look at versions, settings, store, data, queue, protection and room.",
        epilog="Example: outsample doctor --json. Exit codes: 0 nothing failed (perhaps warnings), 1 something did.",
        allow_abbrev=False,
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(command=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    from outsample.doctor import diagnose

    checks = diagnose()
    if parsed.json:
        print(json.dumps([check.__dict__ for check in checks], indent=1))
    else:
        for check in checks:
            print(f"{check.status:<8} {check.name:<10} {check.text}")
            if check.hint:
                print(f"{'':<19} {check.hint}")
    return FAILED if any(check.status == "failed" for check in checks) else DONE


def _add_config(commands: Commands) -> None:
    config = commands.add_parser("config", help="the settings", allow_abbrev=False)
    actions = config.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show",
        help="every setting with its value and origin",
        description="Print every setting: key, value, where it comes from, what is allowed, what it means.",
        epilog="Example: outsample config show. Settings come from outsample.yaml (keys below their sections), then "
        "from OUTSAMPLE_<SECTION>__<KEY>. Exit codes: 0 shown, 2 a setting is wrong.",
        allow_abbrev=False,
    )
    show.add_argument("--config", metavar="FILE", help="settings file instead of outsample.yaml")
    show.add_argument("--json", action="store_true", help="print JSON")
    show.set_defaults(command=_config_show)


def _config_show(parsed: argparse.Namespace) -> int:
    from outsample.settings import explain_settings

    found = [{**item.__dict__, "value": _without_password(item.value)} for item in explain_settings(file=parsed.config)]
    if parsed.json:
        print(json.dumps(found, indent=1))
        return DONE
    width = max(len(str(item["key"])) for item in found)
    for item in found:
        value = "unset" if item["value"] is None else item["value"]
        print(f"{item['key']:<{width}}  {value}  ({item['origin']})")
        print(f"{'':<{width}}    {item['text']}; {item['allowed']}")
    return DONE


def _without_password(value: object) -> object:
    """Hide the password of an address."""
    return re.sub(r"(://[^:/@]*:)[^@]+@", r"\1***@", value) if isinstance(value, str) else value
