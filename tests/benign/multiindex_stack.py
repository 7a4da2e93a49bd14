close = data.get("close")
returns = close.pct_change()
long = returns.stack()
long.index.names = ["date", "symbol"]
ranked = long.groupby(level="date").rank(pct=True)
position = ranked.unstack("symbol") > 0.9
