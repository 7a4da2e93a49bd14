"""Record what the semantics of engine and metrics give, with the reference engine, for tests/test_semantics.py.

Run it only after raising SEMANTICS in toolkit/outsample/model.py: python docs/scripts/record_semantics.py
"""

import json
from pathlib import Path

from outsample import load
from outsample.config import resolve_options
from outsample.engine import simulate
from outsample.metrics import measure
from outsample.model import SEMANTICS

TARGET = Path(__file__).parents[2] / "tests" / "reference" / "semantics.json"
CASES = {
    "default": {},
    "monthly with tax": {"resample": "ME", "fee_ratio": 0.001425, "tax_ratio": 0.003},
    "weekly at the open with stops": {
        "resample": "W-FRI",
        "trade_at_price": "open",
        "stop_loss": 0.08,
        "take_profit": 0.2,
        "trail_stop": 0.1,
    },
    "touched stops": {"resample": "ME", "touched_exit": True, "stop_loss": 0.05},
    "finlab's arithmetic": {"resample": "ME", "allocation": "pre_cost", "fee_ratio": 0.001425, "tax_ratio": 0.003},
    "position limit and lag": {"resample": "QE", "position_limit": 0.3, "lag": 2, "slippage": 0.0005},
}


def main() -> None:
    data = load("synthetic:8x750?seed=5&delist=0.3")
    close = data.get("close")
    position = (close.average(10) > close.average(40)) & close.notna()
    market = close.pct_change().mean(axis=1).iloc[1:]
    found = {}
    for name, options in CASES.items():
        execution, costs = resolve_options(data.preset.options, options)
        result = simulate(position, data, execution=execution, costs=costs, engine="reference")
        found[name] = {
            "options": options,
            "equity": [float(value) for value in result.equity.iloc[::50]],
            "final": float(result.equity.iloc[-1]),
            "trades": len(result.trades),
            "costs": float(result.costs.to_numpy().sum()),
            "metrics": measure(result, benchmark=market).to_dict(),
        }
    value = {
        "semantics": SEMANTICS,
        "source": "docs/scripts/record_semantics.py, reference engine",
        "data": "synthetic:8x750?seed=5&delist=0.3",
        "snapshot": data.id,
        "cases": found,
    }
    TARGET.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
