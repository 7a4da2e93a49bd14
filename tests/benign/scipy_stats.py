import numpy as np
from scipy import stats
from scipy.optimize import minimize

close = data.get("close")
z = stats.norm.ppf(0.95)
result = minimize(lambda w: float((w**2).sum()), np.ones(2))
returns = close.pct_change()
score = (returns - returns.rolling(60).mean()) / returns.rolling(60).std()
position = score < -z
