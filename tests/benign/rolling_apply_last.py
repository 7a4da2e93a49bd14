close = data.get("close")
recent = close.iloc[:, :3].rolling(10).apply(lambda window: window[-1] / window[0] - 1, raw=True)
position = recent > 0
