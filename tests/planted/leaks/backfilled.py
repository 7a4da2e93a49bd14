close = data.get('close')
weekly = close[close.index.dayofweek == 4].reindex(close.index)
position = weekly.bfill() > close

# title: weekly values filled backwards
# key: close
# line: 3
# date: 2004-01-05
