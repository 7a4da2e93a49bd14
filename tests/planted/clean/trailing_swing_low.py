low = data.get('low')
position = low <= low.rolling(11).min()
