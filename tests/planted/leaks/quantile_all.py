close = data.get('close')
returns = close.pct_change()
limit = returns.quantile(0.8)
position = returns > limit

# title: a quantile of the whole sample
# key: close
# line: 3
# date: 2004-01-05
