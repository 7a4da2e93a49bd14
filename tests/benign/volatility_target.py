target = 0.15
cap = 1.0
close = data.get("close")
returns = close.pct_change()
trend = (close > close.rolling(100).mean()).astype(float)
portfolio = (trend.shift(1) * returns).mean(axis=1)
scale = (target / (portfolio.rolling(60).std() * 252**0.5)).clip(upper=cap)
position = trend.div(trend.sum(axis=1).replace(0, np.nan), axis=0).mul(scale, axis=0).fillna(0)
