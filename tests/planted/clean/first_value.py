close = data.get('close')
position = close < close.iloc[0] * 1.1
