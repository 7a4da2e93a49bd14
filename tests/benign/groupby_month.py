close = data.get("close")
month_start = close.groupby([close.index.year, close.index.month]).transform("first")
position = close > month_start
sim(position)
