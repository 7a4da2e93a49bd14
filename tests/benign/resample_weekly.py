close = data.get("close")
weekly = close.resample("W-FRI").last()
position = (weekly > weekly.shift(1)).reindex(close.index, method="ffill").fillna(False)
sim(position)
