"""The worker of the portable path: reads its request from a folder, runs it, writes the answer there."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil

from outsample.sandbox.execute import answer
from outsample.sandbox.payload import open_payload
from outsample.sandbox.stubs import Notes, plant_plotting

__all__ = ["main"]


def main(folder: Path) -> None:
    """Do what the file "request" in a folder says, on the data beside it."""
    request = json.loads((folder / "request").read_bytes())
    notes = Notes()
    descriptor = os.open(folder / "data", os.O_RDONLY | getattr(os, "O_BINARY", 0))
    dataset = open_payload(descriptor)
    plant_plotting(notes, closed=False)
    (folder / "base").write_text(str(psutil.Process().memory_info().rss), encoding="ascii")
    parts = answer(request, request["params"], dataset, notes)
    with (folder / "result.part").open("wb") as stream:
        stream.writelines(parts)
    # Complete, or not there.
    (folder / "result.part").replace(folder / "result")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
