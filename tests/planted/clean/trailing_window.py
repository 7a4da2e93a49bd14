close = data.get('close')
position = close < close.rolling(21).mean()
