import numpy as np

close = data.get("close")
ma = close.rolling(20).mean()
values = np.where(close > ma, 1.0, np.where(close < ma * 0.95, -1.0, 0.0))
position = pd.DataFrame(values, index=close.index, columns=close.columns)
choice = np.select([values > 0, values < 0], [1, 2], default=0)
sim(position, resample="M")
