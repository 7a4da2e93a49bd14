"""Make the shipped sample from the package bokeh_sampledata 2026.1 (public domain prices).

Run: python docs/scripts/make_sample.py
Writes toolkit/outsample/data/sample/stocks.parquet and PROVENANCE.json.
"""

import hashlib
import importlib.metadata
import json
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parents[2] / "toolkit" / "outsample" / "data" / "sample"
VERSION = "2026.1"
SHA256 = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"


def main() -> None:
    version = importlib.metadata.version("bokeh_sampledata")
    source = files("bokeh_sampledata") / "_data" / "stocks.csv.gz"
    content = source.read_bytes()
    sha = hashlib.sha256(content).hexdigest()
    if (version, sha) != (VERSION, SHA256):
        raise SystemExit(f"expected bokeh_sampledata {VERSION} with sha256 {SHA256}, got {version} with {sha}")
    table = pd.read_csv(str(source))
    table.columns = [column.lower().replace(" ", "_") for column in table.columns]
    table = table.rename(columns={"ticker": "symbol"}).sort_values(["symbol", "date"], ignore_index=True)
    schema = pa.schema(
        [("symbol", pa.string()), ("date", pa.date32())]
        + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume", "adj_close")]
    )
    table["date"] = pd.to_datetime(table["date"]).dt.date
    table["volume"] = table["volume"].astype(float)
    FOLDER.mkdir(exist_ok=True)
    target = FOLDER / "stocks.parquet"
    pq.write_table(pa.Table.from_pandas(table[schema.names], schema, preserve_index=False), target, compression="zstd")
    provenance = {
        "content": "AAPL, FB, GOOG, IBM, MSFT: daily open, high, low, close, volume as traded, and the close "
        "adjusted for splits and dividends; 2000-03-01 to 2013-03-01",
        "source": "PyPI package bokeh_sampledata 2026.1, bokeh_sampledata/_data/stocks.csv.gz",
        "source_sha256": SHA256,
        "origin": "Quandl WIKI prices, an archived copy; see the module bokeh_sampledata.stocks",
        "licence": "public domain (declared by the publisher)",
        "made_by": "docs/scripts/make_sample.py",
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "rows": len(table),
    }
    (FOLDER / "PROVENANCE.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
