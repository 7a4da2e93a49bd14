close = data.get('close')
weekly = close[close.index.dayofweek == 4].reindex(close.index)
position = weekly.ffill() < close
