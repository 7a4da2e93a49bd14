close = data.get('close')
gain = close / close.shift(120)
position = gain.rank(axis=1, ascending=False) <= 2
