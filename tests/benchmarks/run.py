"""Time the workloads against their peers in interleaved rounds; print tables and write docs/benchmarks.md.

    python tests/benchmarks/run.py [--rounds 9] [--only W1] [--minutes 20] [--no-growth] [--no-write]

The peers are those of peers.txt; see environments.py. What is found is also written to build/benchmarks.json.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks import batches, cold, environments, overhead  # noqa: E402
from benchmarks.measuring import Absent, measure  # noqa: E402
from benchmarks.workloads import GROWTH, WORKLOADS  # noqa: E402

ROOT = HERE.parents[1]
IMPORT_PANDAS = 0.45  # seconds on the machine on which the figures were set


def about():
    """The machine and what ran on it, and how slow it is."""
    import numba
    import numpy
    import pandas

    installed = f"numpy {numpy.__version__}, pandas {pandas.__version__}, numba {numba.__version__}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({_processor()})"
    times = sorted(cold.seconds_of("import pandas") for _ in range(3))
    slow = max(1.0, times[1] / IMPORT_PANDAS)
    return [
        f"Python {platform.python_version()}, {installed}; {machine}.",
        f"f = {slow:.2f}: the time of `import pandas` / {IMPORT_PANDAS} s, at least 1.",
        f"Other work on the machine when it began: a load of {os.getloadavg()[0]:.1f}.",
    ], slow


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def families(workloads):
    """Workloads by the first word of their keys, in order."""
    found = {}
    for workload in workloads:
        found.setdefault(workload.key.split()[0], []).append(workload)
    return found


def in_time(seconds):
    """A duration with a unit that suits it."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def table(workloads, found):
    """Ours against the peers, as markdown."""
    lines = [
        "| workload | who | wall | CPU | result | ours / theirs | by CPU | target | |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for workload in workloads:
        ours = found["outsample", workload.key]
        says = "" if ours.says is None else f"{ours.says:.4g}"
        lines.append(
            f"| {workload.key}: {workload.title} | outsample | {in_time(ours.seconds)} | {in_time(ours.cpu_seconds)} "
            f"| {says} | | | | |"
        )
        for name, target in workload.peers.items():
            place = ("outsample", name[4:]) if name.startswith("own:") else (name, workload.key.split()[0])
            if place not in found:
                continue
            theirs = found[place]
            ratio = ours.seconds / theirs.seconds
            said = "" if theirs.says is None or says == "" else f"{theirs.says:.4g}"
            goal = "" if target is None else f"<= {target:.3g}"
            mark = "" if target is None else ("met" if ratio <= target else "**missed**")
            rounds = f" ({len(theirs.wall)} rounds)" if len(theirs.wall) < len(ours.wall) else ""
            lines.append(
                f"| | {name.removeprefix('own:')}{rounds} | {in_time(theirs.seconds)} | {in_time(theirs.cpu_seconds)} "
                f"| {said} | {ratio:.3g} | {ours.cpu_seconds / theirs.cpu_seconds:.3g} | {goal} | {mark} |"
            )
    return lines


def beside(workloads, found):
    """What is left out of the times above."""
    for workload in workloads:
        measured = found["outsample", workload.key]
        if workload.beside is not None:
            extra = sorted(measured.beside)[len(measured.beside) // 2]
            yield f"- {workload.key}: control runs and look-ahead probes take {in_time(extra)} more (in its CPU time)."
    for (name, key), measured in found.items():
        if name != "outsample" and measured.first is not None and measured.first > 3 * measured.seconds + 1:
            yield f"- {key}: the first run of {name} takes {in_time(measured.first)} (compiling), not counted."
        if measured.grown_mib is not None and measured.grown_mib > 100:
            yield f"- {key}: {name} needs {measured.grown_mib:.0f} MiB more than before its run."


def growth(rounds, absent, until):
    """Times of larger inputs over those of the workload, as markdown."""
    lines = ["| workload | what grows | x1 | x2 | x4 | x8 | x8 / x1 | |", "| --- | --- |" + " ---: |" * 5 + " --- |"]
    by_key = {workload.key: workload for workload in WORKLOADS}
    for key, what in dict.fromkeys((key, what) for key, what, _ in GROWTH):
        if time.monotonic() > until:
            absent.add(f"growth of {key} with {what} was not measured, for time")
            continue
        larger = [GROWTH[key, what, k] for k in (2, 4, 8)]
        found = measure([dataclasses.replace(by_key[key], peers={}), *larger], rounds, absent, until)
        times = [found["outsample", one].seconds for one in (key, *(workload.key for workload in larger))]
        ratio = times[-1] / times[0]
        mark = "linear or better" if ratio <= 8.8 else "**more than linear**"
        lines.append(f"| {key} | {what} | {' | '.join(map(in_time, times))} | {ratio:.2f} | {mark} |")
    return lines


def floors(found):
    """The least that is required of any machine."""
    if ("outsample", "W1 kernel") not in found:
        return []
    bars = 10_000 / found["outsample", "W1 kernel"].seconds
    whole = 10_000 / found["outsample", "W1"].seconds
    lines = [
        (
            f"- Bars per second: {bars:,.0f} in the kernel, {whole:,.0f} through the public API "
            "(required: more than 100; expected: more than 10 million in the kernel)."
        )
    ]
    if ("outsample", "W7") in found:
        lines.append(
            f"- One evaluation of a signal (W7): {in_time(found['outsample', 'W7'].seconds)} (required: less than 1 s)."
        )
    return lines


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="workloads whose key starts with this; 'cold' for cold starts")
    parser.add_argument("--minutes", type=float, default=20.0, help="after which no further round is begun")
    parser.add_argument("--no-growth", action="store_true", help="leave the larger inputs out")
    parser.add_argument("--no-write", action="store_true", help="print only")
    return parser.parse_args()


def main():
    args = options()
    until = time.monotonic() + 60 * args.minutes
    facts, slow = about()
    absent, found = Absent(), {}
    chosen = [workload for workload in WORKLOADS if workload.key.startswith(args.only)]
    for key, family in families(chosen).items():
        print(f"{key} ...", file=sys.stderr, flush=True)
        found |= measure(family, args.rounds, absent, until)
    peers = sorted({name for name, _ in found} - {"outsample"})
    facts += [f"{peer}: {environments.versions(peer)}." for peer in peers]
    text = [*header(args.rounds), *(f"- {line}" for line in facts), *(f"- {line}." for line in absent), ""]
    text += ["## Against peers", "", *table(chosen, found), "", *beside(chosen, found), "", *floors(found), ""]
    for key, title, lines in (
        ("W6", "A strategy through the sandbox", lambda: overhead.lines(slow)),
        ("W8", "Batches", lambda: batches.lines(slow)),
        ("cold", "Cold starts", lambda: cold.lines(slow)),
    ):
        if key.startswith(args.only):
            print(f"{key} ...", file=sys.stderr, flush=True)
            text += [f"## {title}", "", *lines(), ""]
    if not args.no_growth and not args.only:
        print("growth ...", file=sys.stderr, flush=True)
        before = len(absent)
        text += ["## Growth", "", *growth(3, absent, until), "", *(f"- {line}." for line in absent[before:])]
    report = "\n".join(text).rstrip() + "\n"
    print(report)
    if not args.no_write:
        (ROOT / "docs" / "benchmarks.md").write_text(report, encoding="utf-8")
        keep(found, slow)


def header(rounds):
    return [
        "# Benchmarks",
        "",
        (
            f"Written by `make bench`: medians of {rounds} interleaved rounds in one run, warm-up not counted. Times "
            "differ from machine to machine and from hour to hour; ratios compare within this run. Every peer runs in "
            "an environment of its own, through its own entry point for the task. *result* is the total return that "
            "each arrives at (W2: the median of all combinations; W5: the median Sharpe ratio): where somebody "
            "computes another thing, for example whole shares only, it shows there."
        ),
        "",
    ]


def keep(found, slow):
    """Write the medians to build/benchmarks.json, for docs/scaling.md and for comparisons."""
    times = {f"{name}: {key}": [one.seconds, one.cpu_seconds] for (name, key), one in found.items()}
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    (folder / "benchmarks.json").write_text(json.dumps({"f": slow, "seconds": times}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
