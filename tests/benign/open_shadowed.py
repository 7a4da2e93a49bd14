close = data.get("close")
open = data.get("open")
high, low = data.get("high"), data.get("low")
gap = open / close.shift(1) - 1
position = (gap < -0.01) & (close > open) & ((high - low) > 0)
sim(position)
