close = data.get('close')
returns = close.pct_change()
position = returns > returns.rolling(60).quantile(0.8)
