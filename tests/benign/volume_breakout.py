close, volume = data.get("close"), data.get("volume")
average = volume.rolling(20).mean()
cond1 = volume > 2 * average
cond2 = close == close.rolling(60).max()
cond3 = ~(close < 5)
position = (cond1 & cond2 & cond3).sustain(1, 1)
position = position.hold_until(close < close.average(20), nstocks_limit=10, rank=volume)
