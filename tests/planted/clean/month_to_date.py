close = data.get('close')
month = close.index.to_period('M')
mean = close.groupby(month).transform(lambda part: part.expanding().mean())
position = close < mean
