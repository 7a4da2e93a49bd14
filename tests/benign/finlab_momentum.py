from finlab import data
from finlab.backtest import sim

close = data.get("price:收盤價")
momentum = close / close.shift(60)
position = momentum.is_largest(10) & (momentum > 1)
report = sim(position, resample="M", upload=False)
