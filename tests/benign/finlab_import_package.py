import finlab
from finlab import data
from finlab.backtest import sim

收盤價 = data.get("close")
均線 = 收盤價.average(20)
條件 = (收盤價 > 均線) & 收盤價.rise(5)
position = 條件.hold_until(收盤價 < 均線, nstocks_limit=10)
sim(position, resample="W")
