import numpy as np

close = data.get("close")
returns = close.pct_change().fillna(0)
market = returns.mean(axis=1)
beta = returns.rolling(60).cov(market).div(market.rolling(60).var(), axis=0)
position = beta.rank(axis=1) <= 5
sim(position, resample="M")
