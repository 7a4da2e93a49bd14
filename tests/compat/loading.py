"""Load everything that versions left in this folder, and print as JSON what that gave; a program for another Python."""

import json
import sys
import tempfile
import zipfile
from pathlib import Path

from outsample import Store
from outsample.archive.bundle import open_bundle
from outsample.store.snapshot_care import verify_snapshots

HERE = Path(__file__).parent


def main():
    """Bundles, and the results of stores."""
    loaded, broken = {}, []
    for path in sorted(HERE.glob("result-*.zip")):
        result = open_bundle(path)
        loaded[f"{path.stem} {result.key[:12]}"] = result.metrics.sharpe
    for path in sorted(HERE.glob("store-*.zip")):
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as packed:
            packed.extractall(folder)
            with Store.open(Path(folder, "store.db")) as store:
                broken += store.broken() + verify_snapshots(store)
                for key in store.runs().query("status == 'completed'")["result_key"]:
                    loaded[f"{path.stem} {key[:12]}"] = store.load(key).metrics.sharpe
    print(json.dumps({"loaded": loaded, "broken": broken}))


if __name__ == "__main__":
    sys.exit(main())
