close = data.get('close')
mean = close.average(30)
position = (close > mean * 1.02).hold_until(close < mean * 0.98)
