close = data.get('close')
position = close > close.shift(1)
