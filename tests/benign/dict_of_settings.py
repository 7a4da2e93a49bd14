CONFIG = {
    "window": 20,
    "universe": ["A", "B"],
    "to": "x",
    "weights": {"momentum": 0.6, "value": 0.4},
    "說明": "動能加價值",
}
close = data.get("close")
w = CONFIG["weights"]
score = w["momentum"] * close.pct_change(60).rank(axis=1) - w["value"] * close.pct_change(250).rank(axis=1)
position = score.is_largest(CONFIG.get("top", 5))
sim(position, resample="M", stop_loss=0.1, take_profit=0.3)
