close = data.get('close')
middle = close.rolling(21, center=True).mean()
position = close < middle

# title: a centred window
# key: close
# line: 2
# date: 2004-01-16
