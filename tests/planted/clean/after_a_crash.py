close = data.get('close')
crash = close.pct_change() < -0.05
position = ~(crash.rolling(10).max() > 0)
