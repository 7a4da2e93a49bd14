close = data.get("close")
signal = -close.pct_change(5).rank(axis=1, pct=True)
