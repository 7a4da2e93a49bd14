close = data.get('close')
position = close > close.ewm(span=20, adjust=False).mean()
