import datetime
from datetime import timedelta
from pandas.tseries.offsets import BDay, MonthEnd

close = data.get("close")
start = pd.Timestamp("2015-01-01") + MonthEnd(1) + BDay(3) - timedelta(days=2)
limit = datetime.date(2030, 1, 1)
position = close > close.average(30)
position = position.loc[start:]
position.loc[position.index.dayofweek == 4] = False
