close = data.get("close")
volume = data.get("volume")
joined = pd.concat({"close": close, "volume": volume}, axis=1)
turnover = joined["close"] * joined["volume"]
ranks = turnover.rolling(20).mean().rank(axis=1, ascending=False)
position = ranks <= 5
sim(position, resample="M")
