import numpy as np

close = data.get("close")
with np.errstate(divide="ignore", invalid="ignore"):
    log_return = np.log(close / close.shift(1))
volatility = log_return.rolling(20).std() * np.sqrt(252)
position = volatility.is_smallest(10)
sim(position, resample="M")
