close = data.get("close")
threshold = 1
if not isinstance(threshold, (int, float)) or type(threshold) is bool:
    raise TypeError(f"threshold: {type(threshold).__name__}")
if hasattr(close, "average"):
    base = close.average(20)
else:
    base = close.rolling(20).mean()
column = getattr(close, "columns")
position = close > base * threshold
