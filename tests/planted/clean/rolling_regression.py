close = data.get('close')
returns = close.pct_change().fillna(0.0)
before = returns.shift(1).fillna(0.0)
beta = (before * returns).rolling(60).sum() / (before**2).rolling(60).sum()
position = returns * beta > 0
